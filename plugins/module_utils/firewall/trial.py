# SPDX-License-Identifier: GPL-3.0-or-later
"""New rules are on trial until they are confirmed over a new connection; else a timer puts the old ones back.

C(CANDIDATE) is what the role wrote, C(CONFIRMED) what was confirmed last, which alone is loaded at boot. The timer is
systemd's, so the rules go back even where the process that put them in force, or the whole run, is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os

from .. import processes
from . import rules

CANDIDATE = "/etc/order82/firewall.nft"
FOLDER = "/var/lib/order82-firewall"
CONFIRMED = FOLDER + "/confirmed.nft"
LISTED = FOLDER + "/confirmed.json"
UNDONE = FOLDER + "/undone.nft"
ON_TRIAL = "/run/order82-firewall.trial"
TIMER = "order82-firewall-undo"
SECONDS = 45
"""Less than a minute, and longer than an SSH connection takes to fail and Ansible to try again."""


def state():
    """How the rules are.

    :return: dict: C(confirmed), the candidate is what was confirmed; C(on_trial), rules wait for being confirmed;
        C(in_force), there is a table; C(differences) between the kernel and what was confirmed.
    :raises rules.FirewallError: nft can't say.
    """
    found = rules.in_force()
    listed = []
    if os.path.exists(LISTED):
        with open(LISTED, encoding="utf-8") as file:
            listed = json.load(file)
    return {
        "confirmed": os.path.exists(CONFIRMED) and _read(CANDIDATE) == _read(CONFIRMED),
        "on_trial": os.path.exists(ON_TRIAL),
        "in_force": bool(found),
        "differences": rules.differences(listed, found),
    }


def begin(seconds=SECONDS):
    """Put the candidate in force, and have it undone after so many seconds.

    :raises rules.FirewallError: nft refuses the candidate; nothing has changed then.
    """
    with _alone():
        rules.nft("--check", "--file", CANDIDATE)
        _disarm()
        _systemd(
            "systemd-run",
            "--quiet",
            "--collect",
            "--unit=%s" % TIMER,
            "--on-active=%d" % seconds,
            "--timer-property=AccuracySec=1s",
            "--property=SyslogIdentifier=order82",
            "/usr/bin/order82",
            "firewall",
            "undo",
        )
        _write(ON_TRIAL, _digest(CANDIDATE).encode("ascii"))
        rules.load(CANDIDATE)


def confirm():
    """Make the rules on trial the confirmed ones.

    :raises rules.FirewallError: there are none: they were undone, or the candidate was written anew since.
    """
    with _alone():
        if not os.path.exists(ON_TRIAL):
            raise rules.FirewallError(
                "no rules are on trial: they were not confirmed in time and are undone, or never put in force "
                "(order82 firewall try)"
            )
        if _read(ON_TRIAL).decode("ascii") != _digest(CANDIDATE):
            raise rules.FirewallError(
                "%s was written anew since its rules were put in force: try it again (order82 firewall try)" % CANDIDATE
            )
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        # The listing first: a check that compares in between sees a difference, never a false agreement.
        _write(LISTED, json.dumps(rules.in_force()).encode("utf-8"))
        _write(CONFIRMED, _read(CANDIDATE))
        os.unlink(ON_TRIAL)
        _disarm()


def undo():
    """Put the confirmed rules back, or none where none ever were confirmed; keep what was undone, to be looked at.

    :return: bool: there was something on trial.
    """
    with _alone():
        if not os.path.exists(ON_TRIAL):
            return False
        if os.path.exists(CONFIRMED):
            rules.load(CONFIRMED)
        else:
            rules.withdraw()
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        if os.path.exists(CANDIDATE):
            _write(UNDONE, _read(CANDIDATE))
        if os.path.exists(CONFIRMED):
            _write(CANDIDATE, _read(CONFIRMED))
        elif os.path.exists(CANDIDATE):
            os.unlink(CANDIDATE)
        os.unlink(ON_TRIAL)
        return True


@contextlib.contextmanager
def _alone():
    """One at a time: the timer may fire while somebody confirms."""
    with open("/run/order82-firewall.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _disarm():
    """Stop the timer; where there is none systemctl says so, and that is as well."""
    processes.run(["systemctl", "stop", TIMER + ".timer"])


def _systemd(*argv):
    done = processes.run(list(argv))
    if done.returncode:
        raise rules.FirewallError(
            "%s: %s; the rules are as they were" % (argv[0], done.stderr.decode("utf-8", "replace").strip())
        )


def _digest(path):
    return hashlib.sha256(_read(path)).hexdigest()


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _write(path, content):
    """Whole or not at all."""
    with open(path + ".new", "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
