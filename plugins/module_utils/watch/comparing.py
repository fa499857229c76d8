# SPDX-License-Identifier: GPL-3.0-or-later
"""How measures are other than their manifests say, and how they are put right: the same code as an apply's.

Beside what an apply compares: programs that stand still, the rules in the kernel of the host's own firewall, keys that
are gone, and accounts with root's number.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import time
from typing import NamedTuple

from .. import processes
from ..firewall import rules as firewall_rules
from ..firewall import trial
from ..state import laying, manifest, programs
from ..state.errors import StateError
from ..state.host import Host
from . import obstacles, standstill

AT_ONCE, RUNS, BETWEEN = "at once", "runs", "between"
"""When a difference counts: at once; if a second look has it, too; or if it lasts, as systemd is busy with the unit."""
ACCOUNTS, PROGRAMS = "accounts", "programs"
"""What belongs to no measure."""
_FIREWALL = "host_firewall"
_FIREWALL_UNIT = "order82-firewall.service"
_DOWN = ("does not run", "falls again and again")
_BUSY = ("activating", "deactivating", "reloading", "refreshing", "maintenance")
_LONGEST = 200
_OWED = " is owed"
_DONE = (
    (re.compile(r"(?P<entry>/.*): (?P<how>.*)"), "%(how)s"),
    (re.compile(r"(?P<entry>[^ ]*): set (?P<path>.*) aside, to .*"), "is made of %(path)s, too"),
    (re.compile(r"(?P<entry>[^ ]*): unmasked"), "is masked"),
    (re.compile(r"(?P<entry>[^ ]*): thawed"), "is frozen"),
    (re.compile(r"enabled (?P<entry>.*)"), "does not start at boot"),
    (re.compile(r"started (?P<entry>.*)"), "does not run"),
    (re.compile(r"(?P<entry>sysctl .*|account .*|group .*|module .*)"), ""),
)
"""What laying down says of what it did, and how it had been before."""
_TRIES = 2
"""So often a measure is laid down again: what systemd was not told to read yet shows only after the first time."""


class Finding(NamedTuple):
    """C(entry): what differs, such as a path. C(how): in words. C(when): see above.

    C(because): why it can't be put right here; empty where that can be tried.
    """

    role: str
    entry: str
    how: str
    when: str = AT_ONCE
    because: str = ""

    @property
    def key(self):
        """What makes it the same one at another look: its figures may be others."""
        return self.role, self.entry, self.how.partition(" (")[0]


class Seen(NamedTuple):
    """C(findings): list of Finding. C(groups): unit to its control group. C(restarts): unit to how often it fell."""

    findings: list
    groups: dict
    restarts: dict


def look(knowns, everything=False):
    """Compare measures.

    :param list knowns: their manifests.
    :param bool everything: also what belongs to no measure: the host's accounts.
    :return: Seen
    """
    host, states = Host(), [known["state"] for known in knowns]
    properties = _units(host, states)
    findings = [one for state in states for one in of_measure(host, state, properties)]
    if everything:
        findings += of_accounts()
    groups = {name: one["ControlGroup"] for name, one in properties.items() if one["ControlGroup"]}
    restarts = {name: int(one["NRestarts"]) for name, one in properties.items() if one["NRestarts"].isdigit()}
    return Seen(findings, groups, restarts)


def _units(host, states):
    names = list(dict.fromkeys(entry["name"] for state in states for entry in state["units"]))
    try:
        return dict(host.units(names)) if names else {}
    except (StateError, OSError, subprocess.SubprocessError):
        return {}  # each measure will say so


def of_measure(host, state, properties):
    """How one measure differs: list of Finding."""
    said = list(dict.fromkeys(laying.look(state, host, inspecting=True)["differs"]))
    found = [_finding(state, properties, sentence) for sentence in said]
    role = state["role"]
    for entry in state["files"]:
        if entry["made"] and not os.path.lexists(entry["path"]):
            found.append(
                Finding(role, entry["path"], "is missing", because="it was made on this host: apply the measure")
            )
    for entry in state["units"]:
        folder = standstill.place(properties.get(entry["name"], {}).get("ControlGroup", ""))
        how = folder and standstill.of(folder)
        if how and not any(one.entry == entry["name"] and "frozen" in one.how for one in found):
            found.append(Finding(role, entry["name"], how))
    if role == _FIREWALL:
        found += _of_firewall()
    return found


def _finding(state, properties, sentence):
    entry, parted, how = sentence.partition(": ")
    if not parted:
        return Finding(state["role"], sentence, "")
    if entry.endswith(_OWED):
        # Of an apply, or of putting right, that was broken off: nobody changed anything, but it is to be made good.
        return Finding(state["role"], entry, how, BETWEEN)
    if entry in properties:
        return Finding(state["role"], entry, how, _when(properties[entry], how))
    secret = any(one["path"] == entry and "content" not in one and not one["made"] for one in state["files"])
    textless = secret and ("content differs" in how or how == "is missing")
    because = "it is a secret, whose text is kept nowhere here: apply the measure" if textless else ""
    return Finding(state["role"], entry, how, because=because)


def _when(properties, how):
    if not how.startswith(_DOWN):
        return AT_ONCE
    is_busy = properties["ActiveState"] in _BUSY or properties["Job"] not in ("", "0")
    return BETWEEN if is_busy or properties["SubState"].startswith("auto-restart") else RUNS


def _of_firewall():
    """The rules in the kernel beside those that were confirmed; not while new ones are on trial."""
    try:
        now = trial.state()
    except (firewall_rules.FirewallError, OSError, ValueError, subprocess.SubprocessError) as error:
        return [Finding(_FIREWALL, "rules in force", str(error))]
    if now["on_trial"] or not os.path.exists(trial.CONFIRMED):
        return []
    differs = now["differences"] if now["in_force"] else ["there are none"]
    said = "%d differences, such as %s" % (len(differs), differs[0][:_LONGEST]) if differs else ""
    return [Finding(_FIREWALL, "rules in force", said)] if said else []


def of_accounts():
    """Accounts beside root that have its number, and can do all that it can."""
    return [
        Finding(ACCOUNTS, one.pw_name, "has the number of root", because="nobody but you knows whose it is: remove it")
        for one in pwd.getpwall()
        if one.pw_uid == 0 and one.pw_name != "root"
    ]


def of_programs(packages):
    """Programs of packages that are not as dpkg knows them; list of Finding."""
    because = "its package must come anew: apt-get install --reinstall, after you know who changed it"
    return [
        Finding(PROGRAMS, path, "is not as its package brought it", because=because)
        for path in programs.altered(packages)
    ]


def put_right(role):
    """Lay a measure down again, by its manifest.

    :return: tuple: sentences on what was done; the sentence for where it ended, or None; and list of Finding, how it
        was: more may have happened since somebody looked.
    """
    done, found = [], {}
    try:
        known = manifest.read(role)
        if known is None:
            return [], "%s: it has no manifest here" % role, []
        for _number in range(_TRIES):
            host = Host()
            properties = _units(host, [known["state"]])
            now = [one for one in of_measure(host, known["state"], properties) if not one.because]
            if not now:
                break
            found.update((one.key, one) for one in now if one.when == AT_ONCE)
            failed = _lay(known, properties, done)
            for one in _as_found(role, done):
                found.setdefault(one.key, one)
            if failed:
                return done, failed, list(found.values())
    except (StateError, OSError, subprocess.SubprocessError) as error:
        return done, "%s: %s" % (role, error), list(found.values())
    return done, None, list(found.values())


def _as_found(role, done):
    """What was done to a measure, as what was found of it: it may have happened after the last look."""
    found = [(pattern.fullmatch(sentence), how) for sentence in done for pattern, how in _DONE]
    return [Finding(role, one["entry"], how % one.groupdict()) for one, how in found if one]


def _lay(known, properties, done):
    """Lay it down once; the sentence for where it ended, or None."""
    state = known["state"]
    aside = os.path.join(manifest.SET_ASIDE, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    done += obstacles.clear(state, aside)
    for one in properties.values():
        folder = standstill.place(one["ControlGroup"])
        done += standstill.let_go(folder) if folder else []
    answer = laying.put_back(known, Host())
    done += answer["did"]
    if not answer.get("failed") and state["role"] == _FIREWALL and _of_firewall():
        # As at a boot: the rules that were confirmed last, and no others.
        processes.run(["systemctl", "reload-or-restart", _FIREWALL_UNIT])
        done.append("loaded the rules that were confirmed last")
    return answer["msg"] if answer.get("failed") else None
