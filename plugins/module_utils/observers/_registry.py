# SPDX-License-Identifier: GPL-3.0-or-later
"""What an observer is, and the one way to run it."""

from __future__ import annotations

import importlib
import subprocess
import threading
from typing import NamedTuple

from .. import processes

SECONDS = 30
"""How long an observer may take that says nothing else: longer than one program that it asks (processes.SECONDS)."""


class ObservationError(Exception):
    """An observer could not look: one sentence for the person who reads the report."""


class Argument(NamedTuple):
    """One argument of an observer: C(type) is str, int, bool, list or dict; C(default) is None if it is required."""

    type: type
    text: str
    default: object = None
    required: bool = False


class Observer(NamedTuple):
    """C(look) takes the arguments by name and returns a dict with a value for each key of C(facts).

    After C(seconds) nobody waits for it any more, and its checks are errors.
    C(together) takes a list of such arguments, as dicts, and returns a list of such dicts: for who can ask a program
    once for all of them. Where it raises, C(look) is asked for each, so that one does not cost the others their facts.
    """

    look: object
    text: str
    arguments: dict
    facts: dict
    seconds: float = SECONDS
    together: object = None
    only_inspection: str = ""
    by_itself: object = None


def later(module, function):
    """What an observer does: read where somebody looks.

    :param str module: a module of C(observers), which C(check_info) sends.
    :param str function: what in it looks.
    """

    def look(*asked, **arguments):
        return getattr(importlib.import_module("." + module, __package__), function)(*asked, **arguments)

    return look


def problems(name, observer, arguments):
    """Say what is wrong with these arguments for this observer.

    :return: list of sentences, empty if nothing is wrong. The controller uses it at load, the host at run time.
    """
    found = []
    for key in arguments:
        if key not in observer.arguments:
            found.append(
                "observer '%s' takes no argument '%s'; it takes: %s"
                % (name, key, ", ".join(sorted(observer.arguments)) or "none")
            )
    for key, argument in observer.arguments.items():
        if argument.required and key not in arguments:
            found.append("observer '%s' needs the argument '%s' (%s)" % (name, key, argument.text))
    return found


def run(name, observer, arguments):
    """Check the arguments, look, and make sure that every declared fact is there."""
    values = _values(name, observer, arguments)
    try:
        facts = observer.look(**values)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ObservationError("observer '%s': %s: %s" % (name, type(error).__name__, error)) from error
    return _complete(name, observer, facts)


def run_together(name, observer, several):
    """The same for several arguments at once; it raises where it could not do so for all."""
    found = observer.together([_values(name, observer, arguments) for arguments in several])
    return [_complete(name, observer, facts) for facts in found]


def _complete(name, observer, facts):
    missing = sorted(set(observer.facts) - set(facts))
    if missing:
        raise ObservationError("observer '%s' did not report: %s" % (name, ", ".join(missing)))
    return facts


def _values(name, observer, arguments):
    wrong = problems(name, observer, arguments)
    if wrong:
        raise ObservationError("; ".join(wrong))
    values = {}
    for key, argument in observer.arguments.items():
        value = arguments.get(key, argument.default)
        if value is not None and argument.type is int and isinstance(value, str) and value.lstrip("-").isdigit():
            value = int(value)
        if value is not None and (
            not isinstance(value, argument.type) or (isinstance(value, bool) and argument.type is not bool)
        ):
            raise ObservationError(
                "observer '%s': argument '%s' is a %s, got %s (%r)"
                % (name, key, argument.type.__name__, type(value).__name__, value)
            )
        values[key] = value
    return values


def side_by_side(work, items):
    """Do the same for several things at once, since most of it is waiting.

    :return: list of what C(work) gave for each, in their order.
    :raises Exception: what it raised for the first of them that it raised anything for.
    """
    items = list(items)
    given = [None] * len(items)
    raised = [None] * len(items)

    def do(number):
        try:
            given[number] = work(items[number])
        except Exception as error:  # it is raised below, in the thread that asked
            raised[number] = error

    threads = [threading.Thread(target=do, args=(number,), daemon=True) for number in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in filter(None, raised):
        raise error
    return given


def command(argv, ok=(0,), stderr=False):
    """Run a command without a shell and give back what it printed.

    :param list argv: the command and its arguments.
    :param tuple ok: the exit codes that mean that it could look.
    :param bool stderr: give back standard error instead of standard output.
    :raises ObservationError: it is not installed, took too long, or ended with another code.
    """
    try:
        done = processes.run(argv)
    except FileNotFoundError as error:
        raise ObservationError("'%s' is not installed" % argv[0]) from error
    except subprocess.TimeoutExpired as error:
        raise ObservationError("'%s' did not end within %d s" % (" ".join(argv), processes.SECONDS)) from error
    if done.returncode not in ok:
        said = done.stderr.decode("utf-8", "replace").strip() or done.stdout.decode("utf-8", "replace").strip()
        raise ObservationError("'%s' ended with code %d: %s" % (" ".join(argv), done.returncode, said[:300]))
    return (done.stderr if stderr else done.stdout).decode("utf-8", "replace")
