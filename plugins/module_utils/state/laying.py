# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a host into the state of a measure, or say what would be done; what was broken off is made good.

The order is what makes it safe: all files are found good before the first takes its place, and what systemd will have
to be asked for is on the disk before that. So a run may end anywhere, and the next one ends in the same state with
every restart made.
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
    """What was done, or in check mode would be.

    C(words): sentences.
    C(diff): as Ansible's modules give it.
    C(answers): to what the state asks.
    C(failed): the sentence for where it ended, or None.
    """

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
    host = host or Host()

    def work(done):
        if state["present"]:
            _lay_down(host, state, beforehand, check, done)
            done.answers = ask(state)
        else:
            removing.take_away(host, state, check, done)

    done = _carried_out(state["role"], work, check)
    if done.words and not check:
        note("%s: %s" % (state["role"], "; ".join(done.words)))
    return done.document()


def put_back(known, host):
    """Lay a measure down again from its manifest, with the texts that are in it; nobody is asked whether it works.

    What can't be laid down, a secret that was changed, stays as it is, and all else is put right.

    :param dict known: the manifest.
    :return: dict as L(bring_about)'s.
    """
    state = known["state"]
    beforehand = {key: state[key] for key in ("packages", "debconf", "diversions")}
    done = _carried_out(state["role"], lambda done: _lay_down(host, state, beforehand, False, done), False)
    return done.document()


def _carried_out(role, work, check):
    done = Done()
    try:
        work(done)
    except (StateError, OSError, subprocess.SubprocessError) as error:
        if isinstance(error, OSError):
            where = "%s: " % error.filename if error.filename else ""
            error = "%s%s" % (where, error.strerror or error)
        done.failed = "%s: %s" % (role, error)
        if done.words and not check:
            done.failed += "\nDone before that: %s." % "; ".join(done.words)
    return done


def _lay_down(host, state, beforehand, check, done):
    known = manifest.read(state["role"])
    needs.refuse(state)
    if not check:
        packages.put_back_policy()
    done.words += packages.divert(host, beforehand["diversions"], check)
    installed = packages.install(host, beforehand["packages"], beforehand["debconf"], check)
    done.words += installed
    done.words += accounts.lay(host, state, check)
    plan = _plan(host, state, known)
    if not check:
        _put_in_place(host, state, known, plan, done)
        return
    files.try_out(plan.found, packages_lack=bool(installed))
    done.words += _words(plan.folders) + _words(plan.found)
    done.diff += [files.as_ansible_diff(one) for one in plan.found]
    done.words += kernel.differences(state)
    done.words += ["set %s aside" % path for path in plan.others]
    done.words += removing.end_gone(host, plan.gone, check) + [
        "removed " + path for path in files.outermost(plan.gone_files)
    ]
    done.words += ["%s: %s" % (entry["name"], what) for entry, what in units.differences(host, state, mended=True)]
    done.words += ["%s %s" % (verb, name) for verb, name in plan.owed if [verb, name] != units.REREAD]
    done.words += removing.end_packages(host, plan.gone, state["role"], check)


def _words(found):
    return ["%s: %s" % (one.entry["path"], one.what) for one in found]


class _Plan(NamedTuple):
    """What is to be done to files and units, found before the first of them is touched; C(owed) is worked off."""

    folders: list
    found: list
    made: list
    owed: list
    gone: removing.Gone
    gone_files: list
    others: list


def _plan(host, state, known):
    folders = files.folder_differences(host, state)
    found = [one for one in files.differences(host, state, folders) if not files.lacks_text(one)]
    gone = removing.no_longer(state, known)
    gone_files = [path for path in gone.paths if os.path.lexists(path)]
    others = files.others(state, gone_files)
    foreign = units.to_set_aside(host, state, gone_files)
    changed = [one.entry["path"] for one in found] + gone_files + others + [path for _name, path in foreign]
    owed = units.owed_for(state, changed + units.to_mask(host, state), [name for name, _path in foreign])
    if known:
        # What a run that was broken off left. A unit that is in the state no more is ended instead.
        named = [units.REREAD[1], *(one["name"] for one in state["units"])]
        owed += [one for one in known["owed"] if one not in owed and one[1] in named]
    return _Plan(folders, found, files.to_make(folders, found), owed, gone, gone_files, others)


def _put_in_place(host, state, known, plan, done):
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = os.path.join(manifest.SET_ASIDE, now)
    before = list(known["made"]) if known else []
    if plan.folders or plan.found or plan.owed:
        _note(state, known, plan)
    both = dict(state, **{key: [*(known["state"][key] if known else []), *state[key]] for key in ("files", "folders")})
    began = False
    try:
        files.lay_folders(host, state, plan.folders)
        done.words += _words(plan.folders)
        files.sweep([one["path"] for one in both["files"]], files.owners(host, both))
        with files.all_staged(host, state, plan.found) as replace:
            began = True
            replace()
    except BaseException:
        if not began:
            _take_back(state, known, plan)
        raise
    done.words += _words(plan.found)
    done.diff += [files.as_ansible_diff(one) for one in plan.found]
    done.words += kernel.lay(state, check=False)
    for path in plan.others:
        done.words.append("set %s aside, to %s" % (path, paths.set_aside(path, aside)))
    done.words += removing.end_gone(host, plan.gone)
    done.words += files.remove(host, both, plan.gone_files, plan.gone.keep)
    done.words += units.clear(host, state, aside)
    if units.REREAD in plan.owed or units.stale(host, state):
        units.reload_systemd()
        host.forget()
        done.words += [] if units.REREAD in plan.owed else ["had systemd read its unit files again"]
        _pay(state, known, plan, units.REREAD)
    units.settle(host, state, plan.owed, lambda one: _pay(state, known, plan, one), done.words.append)
    done.words += removing.end_packages(host, plan.gone, state["role"])
    files.remove_empty({*before, *plan.made} - {one["path"] for one in state["folders"]})
    _note_end(state, plan, before)


def _take_back(state, known, plan):
    """No file was replaced: the manifest says again what it said, but for the folders that were made."""
    made = [path for path in plan.made if os.path.isdir(path)]
    if known is None and not made:
        manifest.remove(state["role"])
        return
    was = known["state"] if known else dict(state, files=[], folders=[], units=[])
    manifest.write(
        state["role"], was, sorted({*made, *(known["made"] if known else ())}), known["owed"] if known else []
    )


def _note(state, known, plan):
    """Write down what is there, together with what was there before as long as that is not all taken away."""
    noted = dict(state)
    if known:
        for key in ("files", "folders", "units", "packages", "accounts", "diversions"):
            mine = [_named(one) for one in state[key]]
            noted[key] = [*state[key], *(one for one in known["state"][key] if _named(one) not in mine)]
        noted["keep"] = sorted({*state["keep"], *known["state"]["keep"]})
    manifest.write(state["role"], noted, sorted({*(known["made"] if known else ()), *plan.made}), plan.owed)


def _note_end(state, plan, before):
    """Write down what is there now, unless that is what stands there."""
    made = sorted(path for path in {*before, *plan.made} if os.path.isdir(path))
    if manifest.read(state["role"]) != _as_written({"state": state, "made": made, "owed": plan.owed}):
        manifest.write(state["role"], state, made, plan.owed)


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


def look(state, host, inspecting=False):
    """What is not as a measure's state says, in words, without a change to anything.

    :param inspecting: also what an apply could not mend; and ask nothing, since other checks do.
    :return: dict with C(differs), a list of sentences (empty if an apply would change nothing), and C(answers).
    """
    if not state["present"]:
        found = _said(removing.still_there, state)
    else:
        found = [one for part in _PARTS for one in _said(part, host, state)]
        found += _said(_of_units, host, state, inspecting)
    return {"differs": found, "answers": ask(state) if state["present"] and not found and not inspecting else {}}


def _said(part, *arguments):
    """What a part of the comparison says; where it can't look, it says why, and the others look all the same."""
    try:
        return part(*arguments)
    except (StateError, OSError, subprocess.SubprocessError) as error:
        return [str(error)]


def _of_needs(_host, state):
    needs.refuse(state)
    return []


def _of_packages(host, state):
    found = ["%s is not installed" % one["name"] for one in packages.missing(host, state["packages"])]
    return found + packages.divert(host, state["diversions"], check=True)


def _of_accounts(host, state):
    return [sentence for sentence, _command in accounts.differences(host, state)]


def _of_folders(host, state):
    return _words(files.folder_differences(host, state))


def _of_files(host, state):
    try:
        folders = files.folder_differences(host, state)
    except (StateError, OSError):
        folders = []  # said already
    return [one for entry in state["files"] for one in _said(_of_file, host, dict(state, files=[entry]), folders)]


def _of_file(host, state, folders):
    return _words(files.differences(host, state, folders))


def _of_kernel(_host, state):
    return kernel.differences(state)


def _of_the_past(_host, state):
    known = manifest.read(state["role"])
    gone = removing.no_longer(state, known).paths
    found = ["%s lies where only the measure lays something" % path for path in files.others(state, gone)]
    if known is None:
        return [*found, "it has no manifest here"]
    found += ["%s is owed: %s" % tuple(one[::-1]) for one in known["owed"]]
    if not gone and manifest.what_counts(known["state"]) != manifest.what_counts(state):
        found.append("its manifest tells of another state")
    return found + ["%s is no longer laid down" % path for path in gone]


def _of_units(host, state, inspecting):
    return ["%s: %s" % (entry["name"], what) for entry, what in units.differences(host, state, mended=not inspecting)]


_PARTS = (_of_needs, _of_packages, _of_accounts, _of_folders, _of_files, _of_kernel, _of_the_past)


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
