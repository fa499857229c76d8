# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a host into the state of a measure, or say what would be done; whatever a run that was broken off left is
made good.

The order is what makes it safe: all files are found good before the first takes its place, and what systemd will
have to be
asked for is on the disk before that. So a run may end anywhere, and the next one ends in the same state with every
restart
made.
"""

from __future__ import annotations

import os
import subprocess
import time
from typing import NamedTuple

from .. import processes
from . import accounts, files, kernel, manifest, needs, packages, paths, removing, units
from .errors import StateError
from .host import Host, note


class Done:
    """What was done, or in check mode would be: C(words) are sentences, C(diff) is Ansible's; C(answers) as asked
    for."""

    def __init__(self):
        self.words, self.diff, self.answers, self.failed = [], [], {}, None

    def document(self):
        """As the controller gets it."""
        document = {"changed": bool(self.words), "did": self.words, "diff": self.diff, "answers": self.answers}
        if self.failed:
            document.update(failed=True, msg=self.failed)
        return document


def bring_about(state, beforehand, check, host=None):
    """Lay a measure down, or take it away.

    :param dict state: what plugin_utils/state_values.py makes of the role's state.yml for this host.
    :param dict beforehand: C(packages), C(debconf) and C(diversions) of all measures of the host, this one among them.
    :return: dict for a module's result: C(changed), C(did) (sentences), C(diff), C(answers); C(failed) with C(msg).
    """
    done, host = Done(), host or Host()
    try:
        if state["present"]:
            _lay_down(host, state, beforehand, check, done)
            done.answers = ask(state)
        else:
            removing.take_away(host, state, check, done)
    except (StateError, OSError, subprocess.SubprocessError) as error:
        if isinstance(error, OSError):
            where = "%s: " % error.filename if error.filename else ""
            error = "%s%s" % (where, error.strerror or error)
        done.failed = "%s: %s" % (state["role"], error)
        if done.words and not check:
            done.failed += "\nDone before that: %s." % "; ".join(done.words)
    if done.words and not check:
        note("%s: %s" % (state["role"], "; ".join(done.words)))
    return done.document()


def _lay_down(host, state, beforehand, check, done):
    known = manifest.read(state["role"])
    needs.refuse(state)
    if not check:
        packages.put_back_policy()
    done.words += packages.divert(host, beforehand["diversions"], check)
    installed = packages.install(host, beforehand["packages"], beforehand["debconf"], check)
    done.words += installed
    done.words += accounts.lay(host, state, check)
    made_folders = files.folder_differences(host, state)
    done.words += ["%s: %s" % (one.entry["path"], one.what) for one in made_folders]
    made = [] if check else files.lay_folders(host, made_folders)
    found = files.differences(host, state)
    done.words += ["%s: %s" % (one.entry["path"], one.what) for one in found]
    done.diff += [files.as_ansible_diff(one) for one in found]
    gone = removing.no_longer(state, known)
    gone_files = [path for path in gone.paths if os.path.lexists(path)]
    others = files.others(state)
    owed = units.owed_for(state, [one.entry["path"] for one in found] + gone_files + units.to_mask(host, state))
    if known:
        owed += [one for one in known["owed"] if one not in owed]
    if check:
        files.try_out(found, packages_lack=bool(installed))
        done.words += kernel.differences(state)
        done.words += ["removed " + path for path in gone_files] + ["set %s aside" % path for path in others]
        done.words += ["%s: %s" % (entry["name"], what) for entry, what in units.differences(host, state)]
        done.words += ["%s %s" % (verb, name) for verb, name in owed]
        return
    _put_in_place(host, state, known, _Plan(found, made, owed, gone, gone_files, others), done)


class _Plan(NamedTuple):
    """What is to be done to files and units, found before the first of them is touched; C(made) and C(owed) change."""

    found: list
    made: list
    owed: list
    gone: removing.Gone
    gone_files: list
    others: list


def _put_in_place(host, state, known, plan, done):
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    before = list(known["made"]) if known else []
    fresh = []
    try:
        for difference in plan.found:
            fresh += files.make_parents(difference.entry["path"])
        plan.made.extend([path for path in fresh if path not in before])
        with files.all_staged(host, state, plan.found) as replace:
            if plan.found or plan.owed:
                _note(state, known, plan)
            replace()
    except BaseException:
        files.remove_empty(fresh)
        raise
    done.words += kernel.lay(state, check=False)
    set_aside = [paths.set_aside(path, os.path.join(manifest.SET_ASIDE, now)) for path in plan.others]
    done.words += ["set %s aside, to %s" % pair for pair in zip(plan.others, set_aside)]
    plan.owed.extend([one for one in units.owed_for(state, plan.others) if one not in plan.owed])
    done.words += removing.end_gone(host, plan.gone)
    done.words += files.remove(host, state, plan.gone_files, ())
    cleared, changed = units.clear(host, state, now)
    done.words += cleared
    plan.owed.extend([["restart", name] for name in changed if ["restart", name] not in plan.owed])
    if plan.owed or cleared or _unit_files(plan) or _stale(host, state):
        _note(state, known, plan)
        units.reload_systemd()
        host.forget()
    done.words += units.settle(host, state, plan.owed, lambda one: _pay(state, known, plan, one))
    done.words += removing.end_packages(host, plan.gone)
    _note(state, None, plan, before)


def _unit_files(plan):
    touched = [one.entry["path"] for one in plan.found] + plan.gone_files
    return [path for path in touched if path.startswith("/etc/systemd/")]


def _stale(host, state):
    properties = host.units([entry["name"] for entry in state["units"]]).values()
    return any(one["NeedDaemonReload"] == "yes" for one in properties)


def _note(state, known, plan, made=None):
    """Write down what is there, together with what was there before as long as that is not all taken away."""
    made = list(known["made"]) if known else list(made or [])
    noted = dict(state)
    if known:
        for key in ("files", "folders", "units", "packages", "accounts", "diversions"):
            mine = [_named(one) for one in state[key]]
            noted[key] = [*state[key], *(one for one in known["state"][key] if _named(one) not in mine)]
        noted["keep"] = sorted({*state["keep"], *known["state"]["keep"]})
    new = {"state": noted, "made": sorted({*made, *plan.made}), "owed": plan.owed}
    if known is None and manifest.read(state["role"]) == _as_written(new):
        return
    manifest.write(state["role"], noted, new["made"], new["owed"])


def _as_written(document):
    entries = [
        {key: value for key, value in entry.items() if key != "content" or not entry["secret"]}
        for entry in document["state"]["files"]
    ]
    return dict(document, state=dict(document["state"], files=entries))


def _named(entry):
    return entry if isinstance(entry, str) else entry.get("path") or entry.get("name")


def _pay(state, known, plan, one):
    if one in plan.owed:
        plan.owed.remove(one)
        _note(state, known, plan)


def look(state, host):
    """What is not as a measure's state says, in words, without a change to anything.

    :return: dict with C(differs), a list of sentences (empty if an apply would change nothing), and C(answers).
    """
    try:
        found = _differences(host, state) if state["present"] else removing.still_there(state)
    except (StateError, OSError, subprocess.SubprocessError) as error:
        found = [str(error)]
    return {"differs": found, "answers": ask(state) if state["present"] and not found else {}}


def _differences(host, state):
    known = manifest.read(state["role"])
    needs.refuse(state)
    found = ["%s is not installed" % one["name"] for one in packages.missing(host, state["packages"])]
    found += packages.divert(host, state["diversions"], check=True)
    found += [sentence for sentence, _command in accounts.differences(host, state)]
    found += ["%s: %s" % (one.entry["path"], one.what) for one in files.folder_differences(host, state)]
    found += ["%s: %s" % (one.entry["path"], one.what) for one in files.differences(host, state)]
    found += kernel.differences(state)
    found += ["%s lies where only the measure lays something" % path for path in files.others(state)]
    found += ["%s: %s" % (entry["name"], what) for entry, what in units.differences(host, state)]
    if known is None:
        found.append("it has no manifest here")
    else:
        found += ["%s is owed: %s" % tuple(one[::-1]) for one in known["owed"]]
        found += ["%s is no longer laid down" % path for path in removing.no_longer(state, known).paths]
    return found


def ask(state):
    """Put the state's questions: name to a program's exit code, or to None where it is not there.

    :return: dict.
    """
    answers = {}
    for name, argv in state["ask"].items():
        try:
            answers[name] = processes.run(argv, 60).returncode
        except (FileNotFoundError, subprocess.TimeoutExpired):
            answers[name] = None
    return answers
