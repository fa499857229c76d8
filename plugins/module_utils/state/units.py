# SPDX-License-Identifier: GPL-3.0-or-later
"""Systemd's units: what they are made of, whether they run and start at boot, and what they are owed."""

from __future__ import annotations

import fnmatch
import glob
import os

from . import manifest, paths
from .errors import StateError
from .host import run

OWN = "/etc/systemd/system/"
_PACKAGED = ("/usr/lib/systemd/", "/lib/systemd/", "/run/systemd/generator")
_AT_BOOT = ("enabled", "static", "alias", "indirect", "generated", "linked")
_RUNS = ("active", "reloading", "activating", "refreshing")
_SECONDS = 600
"""So long a unit may take to start or to stop; one that runs to its end, such as a first backup, too."""
_WORDS = 10
"""So many of a unit's last lines are said when it does not start."""
_FIRST_SECONDS = 7200
"""So long what is to run once at the beginning may take."""


def fragment(name):
    """Where a measure's own unit file lies: that of the template, for one of its instances."""
    stem, at, rest = name.partition("@")
    return OWN + (stem + "@." + rest.rpartition(".")[2] if at else name)


def files_of(name, state):
    """The files of the state that a unit is made of."""
    own = fragment(name)
    return [
        one["path"]
        for one in state["files"]
        if one["path"] == own or one["path"].startswith((own + ".d/", OWN + name + ".d/"))
    ]


def foreign(properties, state):
    """Files a unit is made of that neither the measure nor a package brought."""
    ours = {entry["path"] for entry in state["files"]}
    made_of = [properties["FragmentPath"], *properties["DropInPaths"].split()]
    return [path for path in made_of if path and path not in ours and not path.startswith(_PACKAGED)]


def made_otherwise(name, properties, entry, state):
    """How a unit is other than laid down, whether it runs or not: sentences."""
    found = []
    masked = properties["UnitFileState"].startswith("masked") or properties["LoadState"] == "masked"
    if entry["masked"]:
        return [] if masked else ["is not masked"]
    if masked:
        return ["is masked"]
    if properties["LoadState"] not in ("loaded", "not-found"):
        found.append("can't be loaded (%s)" % properties["LoadState"])
    found += ["is made of %s, too" % path for path in foreign(properties, state)]
    own = fragment(name)
    if properties["FragmentPath"] not in ("", own) and any(one["path"] == own for one in state["files"]):
        found.append("is not made of %s" % own)
    if properties["NeedDaemonReload"] == "yes":
        found.append("was changed and not read again by systemd")
    if properties["FreezerState"] in ("frozen", "freezing", "frozen-by-parent"):
        found.append("is frozen")
    at_boot = properties["UnitFileState"] in _AT_BOOT
    if entry["enabled"] is True and not at_boot:
        found.append("does not start at boot (%s)" % (properties["UnitFileState"] or properties["LoadState"]))
    if entry["enabled"] is False and properties["UnitFileState"] in ("enabled", "enabled-runtime"):
        found.append("starts at boot")
    # While what it starts runs, a timer has none yet.
    waits = properties["ActiveState"] == "active" and properties["SubState"] != "running"
    if name.endswith(".timer") and waits and not _has_next(properties):
        found.append("has no next time")
    return found


def _has_next(properties):
    return properties["NextElapseUSecRealtime"] not in ("", "infinity") or properties[
        "NextElapseUSecMonotonic"
    ] not in (
        "",
        "infinity",
    )


def differences(host, state):
    """What is not as the state says, as tuples of the unit's entry and a sentence."""
    found = []
    units = host.units([entry["name"] for entry in state["units"]])
    for entry in state["units"]:
        properties = units[entry["name"]]
        missing = properties["LoadState"] == "not-found" and not entry["masked"]
        if missing and entry["enabled"] is not True and entry["running"] is not True:
            continue  # what is not there neither runs nor starts
        said = made_otherwise(entry["name"], properties, entry, state)
        runs = properties["ActiveState"] in _RUNS
        if entry["running"] is True and not runs:
            said.append("does not run (%s)" % properties["ActiveState"])
        if entry["running"] is False and runs:
            said.append("runs")
        if entry["until"] and not glob.glob(entry["until"]):
            said.append("has not run yet")
        found += [(entry, one) for one in said]
    return found


def owed_for(state, changed):
    """What systemd is to be asked for since these files, packages or units changed.

    :param changed: paths of files, and names of units.
    :return: list of C([verb, unit]), the verbs being restart, reload and start.
    """
    owed = []
    for entry in state["units"]:
        name = entry["name"]
        reloads = _among(entry["reload_for"], changed)
        own = set(files_of(name, state)) - set(reloads) if entry["running"] is True else set()
        if _among(entry["restart_for"], changed) or own & set(changed):
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


def clear(host, state, now):
    """Take away what keeps a unit from being what was laid down: other files, a mask, frost.

    :param str now: the time, for the name of the folder of what is set aside.
    :return: list of sentences on what was done, and of the units to which it was done.
    """
    done, changed = [], []
    units = host.units([entry["name"] for entry in state["units"]])
    for entry in state["units"]:
        name, properties = entry["name"], units[entry["name"]]
        for path in foreign(properties, state):
            # One for all units of a kind (service.d) may be the machine's own, so the check names it and it stays.
            if _is_of_one(path, name):
                done.append(
                    "%s: set %s aside, to %s"
                    % (name, path, paths.set_aside(path, os.path.join(manifest.SET_ASIDE, now)))
                )
                changed.append(name)
        if not entry["masked"] and properties["UnitFileState"].startswith("masked"):
            run(["systemctl", "unmask", *(["--runtime"] if "runtime" in properties["UnitFileState"] else []), name])
            done.append("%s: unmasked" % name)
        if properties["FreezerState"] in ("frozen", "freezing"):
            run(["systemctl", "thaw", name])
            done.append("%s: thawed" % name)
    return done, changed


def _is_of_one(path, name):
    """Whether a file is of this unit alone, and not of all of its kind."""
    own = (name, os.path.basename(fragment(name)))
    return os.path.basename(path) in own or os.path.basename(os.path.dirname(path)) in [one + ".d" for one in own]


def settle(host, state, owed, paid):
    """Bring units into the state that they are to be in, in the order of the list, each with what it is owed.

    :param list owed: from C(owed_for), and what an earlier run left.
    :param paid: called with what is not owed any more.
    :return: sentences on what was done.
    :raises StateError: one does not start; its last lines are said.
    """
    done = []
    for entry in state["units"]:
        name = entry["name"]
        properties = host.units([name])[name]
        mine = [verb for verb, unit in owed if unit == name]
        done += (
            _mask(name, properties) if entry["masked"] else _at_boot(entry, properties) + _run(entry, properties, mine)
        )
        if "start" in mine or (entry["until"] and not glob.glob(entry["until"])):
            _ask("start", name, _FIRST_SECONDS)
            done.append("ran " + name)
        for verb in mine:
            paid([verb, name])
    host.forget()
    _refuse_fallen(host, [entry["name"] for entry in state["units"] if entry["running"] is True])
    return done


def _mask(name, properties):
    if properties["UnitFileState"].startswith("masked"):
        return []
    run(["systemctl", "mask", "--now", name], _SECONDS)
    return ["masked " + name]


def _at_boot(entry, properties):
    name, state = entry["name"], properties["UnitFileState"]
    if entry["enabled"] is True and state not in _AT_BOOT:
        run(["systemctl", "enable", name])
        return ["enabled " + name]
    if entry["enabled"] is False and state in ("enabled", "enabled-runtime"):
        run(["systemctl", "disable", name])
        return ["disabled " + name]
    return []


def _run(entry, properties, mine):
    """Start, stop, restart or reload a unit, whichever it is to be."""
    name, runs = entry["name"], properties["ActiveState"] in _RUNS
    if entry["running"] is False:
        if not runs:
            return []
        run(["systemctl", "stop", name], _SECONDS)
        return ["stopped " + name]
    if "restart" in mine and (runs or entry["running"] is True):
        _ask("restart", name)
        return [("restarted " if runs else "started ") + name]
    if entry["running"] is True and not runs:
        _ask("start", name)
        return ["started " + name]
    if "reload" in mine:
        _ask("reload-or-restart", name)
        return ["reloaded " + name]
    return []


def _refuse_fallen(host, names):
    """A service of the simple kind counts as started before it has read its configuration."""
    for name, properties in host.units(names).items():
        if properties["ActiveState"] == "failed":
            raise StateError("%s does not run:\n%s" % (name, last_words(name)))


def _ask(verb, name, seconds=_SECONDS):
    try:
        run(["systemctl", verb, name], seconds)
    except StateError as error:
        raise StateError("%s does not %s:\n%s" % (name, verb.partition("-")[0], last_words(name))) from error


def last_words(name):
    """The last lines that a unit wrote, those of systemd about it among them."""
    lines = run(["journalctl", "--unit", name, "--lines", str(_WORDS), "--no-pager", "--output", "cat"], ok=(0, 1))
    return lines.strip() or "(it said nothing)"


def end(host, names, purged=()):
    """Stop units and have them not start again, in this order; systemd forgets how they ended.

    :param purged: those whose package goes next, which may be the only one that may stop them (auditd(8)).
    :return: sentences on what was done.
    """
    done = []
    for name in names:
        properties = host.units([name])[name]
        if properties["LoadState"] == "not-found" and properties["ActiveState"] in ("inactive", ""):
            continue
        if properties["UnitFileState"] in ("enabled", "enabled-runtime", "linked"):
            run(["systemctl", "disable", name])
        if properties["ActiveState"] not in ("inactive", "failed"):
            run(["systemctl", "stop", name], _SECONDS, ok=(0, 1, 4) if name in purged else (0,))
            done.append("stopped " + name)
    if names:
        run(["systemctl", "reset-failed", *names], ok=(0, 1))  # 1: it has nothing to forget
    return done
