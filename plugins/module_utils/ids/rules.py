# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules are fetched, tried, and only then put in force: bad ones change nothing. suricata-update does the work."""

from __future__ import annotations

import glob
import os
import re
import shutil
import time
from typing import NamedTuple

from .. import processes
from . import engine

CONFIG = "/etc/suricata/order82.yaml"
LOCAL = "/etc/order82/ids"
SITE = "/etc/suricata"
FOLDER = "/var/lib/order82-ids"
IN_FORCE = FOLDER + "/rules/suricata.rules"
SECONDS = 900
_SID = re.compile(r"sid:\s*(\d+)\s*;")
_REVISION = re.compile(r"[(;]\s*rev\s*:\s*(\d+)\s*;")
_ENABLED = ("alert ", "drop ", "pass ", "reject ")
_RULE = re.compile(rb"^(?:alert|drop|pass|reject)\s", re.MULTILINE)


class RulesError(RuntimeError):
    """No usable rules: one sentence. Those in force stay."""


def update(sources):
    """Fetch what the sources have, put it together with the local rules, try it, and put it in force.

    :param dict sources: name to URL.
    :return: int: rules in force now.
    :raises RulesError: a source gave nothing usable, or Suricata does not understand the whole.
    :raises engine.EngineError: Suricata runs, and did not take the new rules.
    """
    fetched = [_fetch(name, url) for name, url in sorted(sources.items())]
    new = os.path.join(FOLDER, "new")
    shutil.rmtree(new, ignore_errors=True)  # the first time there is none; what stays is written over
    files = [*fetched, *sorted(glob.glob(LOCAL + "/*.rules"))]
    _suricata_update("all together", FOLDER + "/together", new, ["file://" + path for path in files])
    path = os.path.join(new, "suricata.rules")
    count = rules_in(path)
    _try(path)
    os.makedirs(os.path.dirname(IN_FORCE), exist_ok=True)
    os.replace(path, IN_FORCE)
    for socket in filter(os.path.exists, (engine.SOCKET, engine.INLINE_SOCKET)):
        engine.ask("reload-rules", seconds=engine.RELOAD_SECONDS, at=socket)
    return count


class Local(NamedTuple):
    """What came of the local rules: C(lost), sentences; C(switched_off), numbers that the site itself switched off.

    C(in_force): how many of them are.
    """

    lost: list
    switched_off: list
    in_force: int = 0


def local():
    """See whether all local rules are in force as they stand in their files, but for what the site says of them.

    It says so where suricata-update(1) reads it: in disable.conf and modify.conf by number, and in drop.conf. Of two
    rules with one number the newer is in force, which may be a source's.
    """
    wanted = {}
    for path in sorted(glob.glob(LOCAL + "/*.rules")):
        with open(path, encoding="utf-8", errors="replace") as file:
            # A rule may go on in the next line; suricata-update puts it on one, and leaves its text as it is.
            lines = re.sub(r"\\[ \t]*\n", " ", file.read()).splitlines()
        wanted.update({number: (path, rule) for number, rule in _rules(lines)})
    try:
        with open(IN_FORCE, encoding="utf-8", errors="replace") as file:
            found = dict(_rules(file, wanted))
    except FileNotFoundError:
        found = {}
    off, modified = _named("disable.conf"), _named("modify.conf")
    dropping = os.path.exists(os.path.join(SITE, "drop.conf"))
    lost, switched_off = [], []
    for number, (path, rule) in sorted(wanted.items()):
        name = "rule %d of %s" % (number, os.path.basename(path))
        now = found.get(number)
        if now is None and number in off:
            switched_off.append(number)
        elif now is None:
            lost.append(name + " is not among those in force")
        elif number not in modified and now not in _allowed(rule, dropping) and _revision(now) <= _revision(rule):
            lost.append(name + " is in force with another text")
    return Local(lost, switched_off, len(found))


def _allowed(rule, dropping):
    return (rule, "drop " + rule.partition(" ")[2]) if dropping else (rule,)


def _named(name):
    """The rules that a file of the site names by number, alone or behind that of their group."""
    try:
        with open(os.path.join(SITE, name), encoding="utf-8", errors="replace") as file:
            found = (re.match(r"\s*(?:1\s*:\s*)?(\d+)(?![\d:])", line) for line in file)
            return {int(one[1]) for one in found if one}
    except FileNotFoundError:
        return set()


def unread():
    """The engines that have another number of rules than the file, and had time to read it.

    :return: list of sentences.
    :raises engine.EngineError: one does not answer.
    """
    if time.time() - os.path.getmtime(IN_FORCE) < engine.RELOAD_SECONDS:
        return []
    wanted = rules_in(IN_FORCE)
    sentences = []
    for socket in (engine.SOCKET, *filter(os.path.exists, (engine.INLINE_SOCKET,))):
        [said] = engine.ask("ruleset-stats", at=socket)
        has = sum(int(said[key]) for key in ("rules_loaded", "rules_failed", "rules_skipped"))
        if has != wanted:
            sentences.append("the engine at %s has read %d rules, the file has %d" % (socket, has, wanted))
    return sentences


def _rules(lines, wanted=None):
    """Number and text of each rule that is on, or of those wanted: there may be tens of thousands of others."""
    for line in lines:
        if line.startswith(_ENABLED):
            number = _SID.match(line, line.rfind("sid:"))
            if number and (wanted is None or int(number[1]) in wanted):
                yield int(number[1]), " ".join(line.split())


def _revision(rule):
    found = _REVISION.search(rule)
    return int(found[1]) if found else 0


def rules_in(path):
    """How many rules a file has that are on."""
    with open(path, "rb") as file:
        return len(_RULE.findall(file.read()))


def _fetch(name, url):
    """The file with a source's rules."""
    folder = os.path.join(FOLDER, "sources", name)
    output = os.path.join(folder, "rules")
    shutil.rmtree(output, ignore_errors=True)  # the same
    what = "the source '%s' (%s)" % (name, url)
    _suricata_update(what, folder, output, [url])
    path = os.path.join(output, "suricata.rules")
    if not os.path.exists(path) or not rules_in(path):
        raise RulesError("%s gave no rules; those in force stay" % what)
    return path


def _suricata_update(what, folder, output, urls):
    """Read rules from these addresses and no others (without any it would take those of its maker)."""
    argv = ["suricata-update", "--suricata-conf", CONFIG, "--no-test", "--no-reload", "--fail", "--force"]
    # Those that come with Suricata tell of odd packets, not of attacks, and are raised by ordinary traffic.
    argv += ["--ignore", "*-events.rules"]
    argv += ["--data-dir", folder, "--output", output, *(word for url in urls for word in ("--url", url))]
    done = processes.run(argv, seconds=SECONDS)
    if done.returncode:
        raise RulesError("%s gave no usable rules (%s); those in force stay" % (what, _reason(done)))


def _try(path):
    done = processes.run(["suricata", "-T", "-c", CONFIG, "-l", FOLDER, "-S", path], seconds=SECONDS)
    if done.returncode:
        raise RulesError("Suricata does not understand the new rules (%s); those in force stay" % _reason(done))


def _reason(done):
    """The first sentence of an error, without time and place."""
    said = (done.stderr + done.stdout).decode("utf-8", "replace").splitlines()
    errors = [line for line in said if re.search(r"<Error>|^E(rror)?:|^Error|ERROR", line)] or said[-1:]
    return re.sub(r"^.*?(<Error>\s*-*|E(rror)?:)\s*", "", errors[0]).strip() if errors else "no reason given"
