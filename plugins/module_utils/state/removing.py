# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a measure away: exactly what it laid down, less what is to be kept; and what is no longer in its state."""

from __future__ import annotations

import glob
import os
from typing import NamedTuple

from . import accounts, files, manifest, packages, units
from .errors import StateError
from .host import note

_DROP_IN = ".d/order82.conf"


class Gone(NamedTuple):
    """What was laid down and is in the state no more; and C(keep), the paths and names that stay."""

    paths: list
    units: list
    masked: list
    packages: list
    diversions: list
    keep: tuple


def _formerly(state):
    """What versions before the first manifest laid down, and this one does not."""
    return sorted({path for pattern in state["formerly"] for path in glob.glob(pattern)})


def no_longer(state, known):
    """Compare the manifest with the state.

    :param known: the manifest, or None.
    """
    was = (
        known["state"]
        if known
        else {"files": [], "folders": [], "units": [], "packages": [], "diversions": [], "keep": []}
    )
    keep = {*was["keep"], *state["keep"]}
    ours = {one["path"] for one in state["files"] + state["folders"]} | keep
    named = {one["name"] for one in state["units"]}
    # Where a run was broken off there may be a manifest already, and yet what was there before the first.
    old = [path for path in _formerly(state) if os.path.basename(path) not in named]
    own_files = [one["path"] for one in was["files"]]
    # A folder that was there before may have in it what others laid down.
    folders = [one["path"] for one in was["folders"] if one["path"] in known["made"]]
    gone = sorted(
        path for path in {*own_files, *folders, *old} - ours if not any(one.startswith(path + "/") for one in ours)
    )
    installed = {one["name"] for one in state["packages"]}
    packages_ = [one for one in was["packages"] if one["name"] not in installed and one["name"] not in keep]
    going = [one["name"] for one in packages_]
    ended = [one["name"] for one in was["units"] if units.fragment(one["name"]) in own_files or one["package"] in going]
    return Gone(
        gone,
        [one for one in dict.fromkeys([*ended, *_units_of(gone)]) if one not in named and one not in keep],
        [one["name"] for one in was["units"] if one["masked"] and one["name"] not in {*named, *keep}],
        packages_,
        [one for one in was["diversions"] if one not in state["diversions"] and one not in keep],
        tuple(sorted(ours)),
    )


def _units_of(paths):
    """The units whose files these are, but templates, which are none themselves; and the instances that are enabled."""
    found = []
    for path in paths:
        name = os.path.basename(path)
        if path.startswith(units.OWN) and "@." not in name and os.path.dirname(path) + "/" == units.OWN:
            found.append(name)
        if "@" in name and ".wants/" in path:
            found.append(name)
    return found


def end_gone(host, gone, check=False):
    """Stop units that are in the state no more, before their files go.

    One of a package that stays goes on as that has it.
    """
    done = units.end(host, list(reversed(gone.units)), check=check)
    for name in gone.masked:
        if host.units([name])[name]["UnitFileState"].startswith("masked"):
            done.append("unmasked " + name)
            if not check:
                units.run(["systemctl", "unmask", name])
    return done


def end_packages(host, gone, role, check=False):
    """Remove packages that are in the state no more, and give back what was set aside for them."""
    done = packages.purge(host, _not_of_others(gone.packages, role), check)
    return done + packages.undivert(host, gone.diversions, check)


def _not_of_others(entries, role):
    """Those packages that no other measure on this host has in its manifest."""
    others = set()
    for other in manifest.roles():
        if other != role:
            known = manifest.read(other) or {"state": {"packages": []}}
            others |= {one["name"] for one in known["state"]["packages"]}
    return [entry for entry in entries if entry["name"] not in others]


def still_there(state):
    """What of a measure that is to be gone is on the host, as sentences."""
    known = manifest.read(state["role"])
    if known is not None:
        return ["it is laid down here"]
    ours = [one["path"] for one in state["files"] if one["path"] not in state["keep"]] + _formerly(state)
    return ["%s is there" % path for path in ours if os.path.lexists(path)]


def take_away(host, state, check, done):
    """Remove a measure. Where there is no manifest, it goes by what would be laid down now.

    :raises StateError: it goes last, and another measure is still there.
    """
    if not still_there(state):
        if not check:
            manifest.tidy()
        return
    role = state["role"]
    if state["goes_last"] and not check:  # in check mode those before it are still there
        left = _left(role)
        if left:
            raise StateError("this host still has %s: remove the measures first" % ", ".join(left))
    known = manifest.read(role) or {"state": state, "made": [], "owed": []}
    was = known["state"]
    keep = {*was["keep"], *state["keep"]}
    own_files = [one["path"] for one in was["files"] if one["path"] not in keep]
    folders = [one["path"] for one in was["folders"] if one["path"] not in keep]
    gone = sorted({*own_files, *folders, *was["leftovers"], *_formerly(state)} - keep)
    names = [one["name"] for one in was["units"] if one["name"] not in keep and not one["masked"]]
    names = list(dict.fromkeys([*names, *_units_of(own_files), *_instances(own_files)]))
    purged = _not_of_others([one for one in was["packages"] if one["name"] not in keep], role)
    packages.refuse_to_purge(host, purged)
    if check:
        ended = [name for name in reversed(names) if _is_ours_to_end(name, was, keep) and _is_there(host, name)]
        done.words += ["stop " + name for name in ended] + packages.purge(host, purged, check)
        done.words += ["remove " + path for path in gone if os.path.lexists(path)]
        done.words += ["remove the account " + one["name"] for one in was["accounts"] if one["name"] not in keep]
        return
    note("%s is being taken away" % role)
    names.reverse()
    first = [one["name"] for one in was["units"] if one.get("ends_first")]
    timers_first = sorted(
        names, key=lambda name: (name not in first, not name.endswith((".timer", ".socket", ".path")))
    )
    going = [entry["name"] for entry in purged]
    of_purged = [one["name"] for one in was["units"] if one["package"] in going]
    done.words += units.end(host, [name for name in timers_first if _is_ours_to_end(name, was, keep)], of_purged)
    for entry in was["units"]:
        if entry["masked"]:
            units.run(["systemctl", "unmask", entry["name"]])
    done.words += packages.purge(host, purged)
    packages.undivert(host, [path for path in was["diversions"] if path not in keep])
    done.words += files.remove(host, was, gone, keep)
    # The second: versions before the first manifest did not write down which folders they had made.
    files.remove_empty([*known["made"], *(os.path.dirname(path) for path in own_files if path.endswith(_DROP_IN))])
    if names or any(path.startswith(units.OWN) for path in gone):
        units.reload_systemd()
    done.words += accounts.remove(
        host,
        [one["name"] for one in was["accounts"] if one["name"] not in keep],
        [one for one in was["groups"] if one not in keep],
    )
    manifest.remove(role)
    done.words = done.words or ["removed"]


def _is_ours_to_end(name, was, keep):
    """A unit of a package that stays goes on as the package has it: only its settings were the measure's."""
    if any(one["path"] == units.fragment(name) for one in was["files"]):
        return True
    of = next((one["package"] for one in was["units"] if one["name"] == name), "")
    return bool(of) and of not in keep and of != "systemd"


def _is_there(host, name):
    return host.units([name])[name]["LoadState"] != "not-found"


def _instances(own_files):
    """The instances of a measure's templates that are loaded now."""
    patterns = [
        os.path.basename(path).replace("@.", "@*.") for path in own_files if path.startswith(units.OWN) and "@." in path
    ]
    if not patterns:
        return []
    listed = units.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", *patterns])
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def _left(role):
    """What other measures left on this host: roles by their manifests, units by their names."""
    named = [other for other in manifest.roles() if other != role]
    return named or sorted(os.path.basename(path) for path in glob.glob(units.OWN + "order82-*"))
