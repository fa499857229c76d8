# SPDX-License-Identifier: GPL-3.0-or-later
"""Systemd's units: what they are made of, whether they run and start at boot, and what they are owed."""

from __future__ import annotations

import fnmatch
import glob
import os

from . import paths, staying
from .errors import StateError
from .host import run

OWN = "/etc/systemd/system/"
REREAD = ["daemon-reload", "systemd"]
"""Is owed where a unit file changed: systemd is to read them again."""
_PACKAGED = ("/usr/lib/systemd/", "/lib/systemd/", "/run/systemd/generator")
_AT_BOOT = ("enabled", "static", "alias", "indirect", "generated", "linked")
_FROZEN = ("frozen", "freezing")
_SECONDS = 600
"""So long a unit may take to start or to stop; one that runs to its end, such as a first backup, too."""
_FIRST_SECONDS = 7200
"""So long what is to run once at the beginning may take."""


def fragment(name):
    """Where a measure's own unit file lies: that of the template, for one of its instances."""
    stem, at, rest = name.partition("@")
    return OWN + (stem + "@." + rest.rpartition(".")[2] if at else name)


def _makes(path, name):
    """Whether a file that a measure may lay down is one that this unit is made of."""
    own = fragment(name)
    return path == own or path.startswith((own + ".d/", OWN + name + ".d/"))


def foreign(properties, state):
    """Files a unit is made of that neither the measure nor a package brought."""
    ours = {entry["path"] for entry in state["files"]}
    masked = properties["LoadState"] == "masked"  # then the fragment is the link that masks it
    made_of = [*([] if masked else [properties["FragmentPath"]]), *properties["DropInPaths"].split()]
    return [path for path in made_of if path and path not in ours and not path.startswith(_PACKAGED)]


def made_otherwise(name, properties, entry, state, mended=False):
    """How a unit is other than laid down, whether it runs or not: sentences.

    :param mended: only what an apply mends.
    """
    found = []
    masked = properties["UnitFileState"].startswith("masked") or properties["LoadState"] == "masked"
    if entry["masked"]:
        return [] if masked else ["is not masked"]
    if masked:
        return ["is masked"]
    if properties["LoadState"] not in ("loaded", "not-found"):
        found.append("can't be loaded (%s)" % properties["LoadState"])
    found += [
        "is made of %s, too" % path for path in foreign(properties, state) if _is_of_one(path, name) or not mended
    ]
    own = fragment(name)
    if properties["FragmentPath"] not in ("", own) and any(one["path"] == own for one in state["files"]):
        found.append("is not made of %s" % own)
    if properties["NeedDaemonReload"] == "yes":
        found.append("was changed and not read again by systemd")
    if properties["FreezerState"] in _FROZEN or (properties["FreezerState"] == "frozen-by-parent" and not mended):
        found.append("is frozen")
    at_boot = properties["UnitFileState"] in _AT_BOOT
    if entry["enabled"] is True and not at_boot:
        found.append("does not start at boot (%s)" % (properties["UnitFileState"] or properties["LoadState"]))
    if entry["enabled"] is False and properties["UnitFileState"] in ("enabled", "enabled-runtime"):
        found.append("starts at boot")
    # While what it starts runs, a timer has none yet.
    waits = properties["ActiveState"] == "active" and properties["SubState"] != "running"
    if name.endswith(".timer") and waits and not (mended or _has_next(properties)):
        found.append("has no next time")
    return found


def _has_next(properties):
    return properties["NextElapseUSecRealtime"] not in ("", "infinity") or properties[
        "NextElapseUSecMonotonic"
    ] not in (
        "",
        "infinity",
    )


def differences(host, state, mended=False):
    """What is not as the state says, as tuples of the unit's entry and a sentence.

    :param mended: only what an apply mends.
    """
    found = []
    units = host.units([entry["name"] for entry in state["units"]])
    for entry in state["units"]:
        properties = units[entry["name"]]
        missing = properties["LoadState"] == "not-found" and not entry["masked"]
        if missing and entry["enabled"] is not True and entry["running"] is not True:
            continue  # what is not there neither runs nor starts
        said = made_otherwise(entry["name"], properties, entry, state, mended)
        runs = properties["ActiveState"] in staying.RUNS
        if entry["running"] is True and not runs:
            said.append("does not run (%s)" % properties["ActiveState"])
        if entry["running"] is True and staying.fell(properties) and runs:
            said.append("falls again and again (%s)" % properties["Result"])
        if entry["running"] is False and runs:
            said.append("runs")
        if entry["until"] and not glob.glob(entry["until"]):
            said.append("has not run yet")
        found += [(entry, one) for one in said]
    return found


def owed_for(state, changed, altered=()):
    """What systemd is to be asked for since these files, packages or units changed.

    :param changed: paths of files, and names of units.
    :param altered: units that are made of something that goes.
    :return: list of C([verb, unit]), the verbs being restart, reload and start, and daemon-reload for systemd itself.
    """
    owed = [list(REREAD)] if altered or any(path.startswith(OWN) for path in changed) else []
    for entry in state["units"]:
        name = entry["name"]
        reloads = _among(entry["reload_for"], changed)
        own = [path for path in changed if _makes(path, name) and path not in reloads]
        if _among(entry["restart_for"], changed) or name in altered or (own and entry["running"] is True):
            owed.append(["restart", name])
        elif reloads:
            owed.append(["reload", name])
        if _among(entry["start_for"], changed):
            owed.append(["start", name])
    return owed


def _among(patterns, changed):
    return [one for one in changed if any(fnmatch.fnmatchcase(one, pattern) for pattern in patterns)]


def to_mask(host, state):
    """The units that are to be masked and are not yet."""
    units = host.units([entry["name"] for entry in state["units"]])
    return [
        entry["name"]
        for entry in state["units"]
        if entry["masked"] and not units[entry["name"]]["UnitFileState"].startswith("masked")
    ]


def reload_systemd():
    """Have systemd read its unit files again."""
    run(["systemctl", "daemon-reload"], _SECONDS)


def stale(host, state):
    """Whether systemd has one of the units otherwise than it lies on the disk."""
    properties = host.units([entry["name"] for entry in state["units"]]).values()
    return any(one["NeedDaemonReload"] == "yes" for one in properties)


def to_set_aside(host, state, gone=()):
    """Files of somebody else that a unit is made of, as tuples of the unit and the path.

    One for all units of a kind (service.d) may be the machine's own, so the check names it and it stays.
    """
    found = []
    units = host.units([entry["name"] for entry in state["units"]])
    for entry in state["units"]:
        name = entry["name"]
        for path in [] if entry["masked"] else foreign(units[name], state):
            # systemd remembers a file that is gone until it reads them all again.
            if _is_of_one(path, name) and path not in gone and os.path.lexists(path):
                found.append((name, path))
    return found


def clear(host, state, aside):
    """Take away what keeps a unit from being what was laid down: other files, a mask, frost.

    :param str aside: the folder to which is moved what somebody else put there.
    :return: sentences on what was done.
    """
    done = []
    for name, path in to_set_aside(host, state):
        if os.path.lexists(path):  # two units may share a template's
            done.append("%s: set %s aside, to %s" % (name, path, paths.set_aside(path, aside)))
    units = host.units([entry["name"] for entry in state["units"]])
    for entry in state["units"]:
        name, properties = entry["name"], units[entry["name"]]
        if not entry["masked"] and properties["UnitFileState"].startswith("masked"):
            run(["systemctl", "unmask", *(["--runtime"] if "runtime" in properties["UnitFileState"] else []), name])
            done.append("%s: unmasked" % name)
            host.forget()
        if properties["FreezerState"] in _FROZEN:
            run(["systemctl", "thaw", name])
            done.append("%s: thawed" % name)
            host.forget()
    return done


def _is_of_one(path, name):
    """Whether a file is of this unit alone, and not of all of its kind."""
    own = (name, os.path.basename(fragment(name)))
    return os.path.basename(path) in own or os.path.basename(os.path.dirname(path)) in [one + ".d" for one in own]


def settle(host, state, owed, paid, say):
    """Bring units into the state that they are to be in, in the order of the list, each with what it is owed.

    :param list owed: from C(owed_for), and what an earlier run left.
    :param paid: called with what is not owed any more.
    :param say: called with sentences on what was done.
    :raises StateError: one does not start; its last lines are said.
    """
    started = []
    _set_at_boot(host, state, say)
    for entry in state["units"]:
        name = entry["name"]
        properties = host.units([name])[name]
        mine = [verb for verb, unit in owed if unit == name]
        said = (_mask if entry["masked"] else _run)(entry, properties, mine)
        if said:
            say(said)
            host.forget()  # what one unit does may change another
            started += [name] if entry["running"] is True else []
        if "start" in mine or (entry["until"] and not glob.glob(entry["until"])):
            _ask("start", name, _FIRST_SECONDS)
            say("ran " + name)
            host.forget()
        for verb in mine:
            paid([verb, name])
    host.forget()
    itself = own_unit()
    staying.refuse_fallen(
        host, [entry["name"] for entry in state["units"] if entry["running"] is True and entry["name"] != itself]
    )
    staying.see_that_they_stay(host, [name for name in started if name.endswith(".service") and name != itself])


def _mask(entry, properties, _mine):
    name = entry["name"]
    if properties["UnitFileState"].startswith("masked"):
        return ""
    run(["systemctl", "mask", "--now", name], _SECONDS)
    return "masked " + name


def _set_at_boot(host, state, say):
    """Have units start at boot, or not, each kind in one call: after it systemd reads all of its unit files again."""
    found = host.units([entry["name"] for entry in state["units"]])
    for verb, wanted in (("enable", True), ("disable", False)):
        names = [
            entry["name"]
            for entry in state["units"]
            if entry["enabled"] is wanted
            and not entry["masked"]
            and _is_to(verb, found[entry["name"]]["UnitFileState"])
        ]
        if names:
            run(["systemctl", verb, *names], _SECONDS)
            for name in names:
                say("%sd %s" % (verb, name))
            host.forget()


def _is_to(verb, unit_file_state):
    return unit_file_state not in _AT_BOOT if verb == "enable" else unit_file_state in ("enabled", "enabled-runtime")


def _run(entry, properties, mine):
    """Start, stop, restart or reload a unit, whichever it is to be."""
    name, runs, fallen = entry["name"], properties["ActiveState"] in staying.RUNS, staying.fell(properties)
    if entry["running"] is False:
        if not runs:
            return ""
        run(["systemctl", "stop", name], _SECONDS)
        return "stopped " + name
    if fallen and entry["running"] is True:
        run(["systemctl", "reset-failed", name], ok=(0, 1))  # how often it fell before must not count against it
    if ("restart" in mine and (runs or entry["running"] is True)) or (fallen and runs and entry["running"] is True):
        _ask("restart", name)
        return ("restarted " if runs else "started ") + name
    if entry["running"] is True and not runs:
        _ask("start", name)
        return "started " + name
    if "reload" in mine:
        _ask("reload-or-restart", name)
        return "reloaded " + name
    return ""


def own_unit(cgroup="/proc/self/cgroup"):
    """The unit of which this process is one, or an empty text: who waited for its own restart would wait for ever."""
    try:
        with open(cgroup, encoding="utf-8", errors="replace") as file:
            return next((os.path.basename(line.strip()) for line in file if ".service" in line), "")
    except OSError:
        return ""


def _ask(verb, name, seconds=_SECONDS):
    try:
        run(["systemctl", *(["--no-block"] if name == own_unit() else []), verb, name], seconds)
    except StateError as error:
        raise StateError("%s does not %s:\n%s" % (name, verb.partition("-")[0], staying.last_words(name))) from error


def end(host, names, purged=(), check=False):
    """Stop units and have them not start again, in this order; systemd forgets how they ended.

    :param purged: those whose package goes next, which may be the only one that may stop them (auditd(8)).
    :return: sentences on what was done.
    """
    done, found = [], host.units(names)
    at_boot = [name for name in names if found[name]["UnitFileState"] in ("enabled", "enabled-runtime", "linked")]
    if at_boot and not check:
        run(["systemctl", "disable", *at_boot], _SECONDS)
    for name in names:
        properties = found[name]
        if properties["LoadState"] == "not-found" and properties["ActiveState"] in ("inactive", ""):
            continue
        if properties["ActiveState"] not in ("inactive", "failed"):
            done.append("stopped " + name)
            if not check:
                run(["systemctl", "stop", name], _SECONDS, ok=(0, 1, 4) if name in purged else (0,))
    if names and not check:
        run(["systemctl", "reset-failed", *names], ok=(0, 1))  # 1: it has nothing to forget
    return done
