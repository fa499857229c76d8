# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: systemd's journal as the local copy of a host's records."""

from __future__ import annotations

import glob
import json
import os
import re
import time
from typing import NamedTuple

from .. import processes
from ._registry import command

_FOLDERS = ("etc", "run", "usr/local/lib", "usr/lib")
_KERNEL = "systemd.journald."
_ALL = ("debug", "7")
_YES = ("yes", "true", "1", "on", "y", "t")
_DAY = 86400
_KEEP_FREE = (15, 4 << 30)
"""What journald leaves free if nothing else is said: per cent of the disk, and no more than so many bytes."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Setting(NamedTuple):
    """A value that is in force, and the file that says so."""

    value: str
    path: str


def files(root="/"):
    """The files of journald's configuration, in the order in which they count; of one name the first folder's does."""
    folders = [os.path.join(root, folder, "systemd") for folder in _FOLDERS]
    main = [path for path in (os.path.join(folder, "journald.conf") for folder in folders) if os.path.exists(path)]
    drop_ins = {}
    for folder in reversed(folders):
        for path in glob.glob(os.path.join(folder, "journald.conf.d", "*.conf")):
            drop_ins[os.path.basename(path)] = path
    return main[:1] + [drop_ins[name] for name in sorted(drop_ins)]


def settings(paths, kernel=""):
    """What is in force, as journald reads it: the last of each key wins, and the kernel's command line over all.

    :param list paths: what files() found.
    :param str kernel: the kernel's command line.
    :return: dict: key to Setting. A key without a value stands for its default, and is not there.
    """
    found = {}
    for path in paths:
        section = ""
        with open(path, encoding="utf-8", errors="replace") as file:
            text = re.sub(r"\\\n", " ", file.read())
        for line in map(str.strip, text.splitlines()):
            key, equals, value = line.partition("=")
            if line.startswith("["):
                section = line
            elif equals and section == "[Journal]" and not line.startswith(("#", ";")):
                found[key.strip()] = Setting(value.strip(), path)
    for word in kernel.split():
        key, _equals, value = word.partition("=")
        if key.startswith(_KERNEL):
            # MaxLevelStore is systemd.journald.max_level_store there, and without a value it is yes.
            name = "".join(part.capitalize() for part in key[len(_KERNEL) :].split("_"))
            found[name] = Setting(value or "yes", "the kernel's command line")
    return {key: one for key, one in found.items() if one.value}


def hands_nothing_on(paths):
    """Whether nothing is handed to syslog by default, by the comment in the package's file: Debian 12 hands all."""
    if not paths:
        return True
    with open(paths[0], encoding="utf-8", errors="replace") as file:
        return "#ForwardToSyslog=no" in file.read().splitlines()


def losses(values, nothing_handed_on):
    """What journald does not keep, or does not hand to the text logs or to all who follow it.

    :param dict values: what settings() found.
    :param bool nothing_handed_on: what hands_nothing_on() found.
    :return: list of str: the setting, its value, and where it stands.
    """
    wanted = {
        "Storage": lambda value: value == "persistent",
        "MaxLevelStore": lambda value: value in _ALL,
        "MaxLevelSyslog": lambda value: value in _ALL,
        "ForwardToSyslog": lambda value: value.lower() in _YES,
        "SystemMaxFiles": lambda value: value == "0",
        "SplitMode": lambda value: value == "none",
    }
    found = [
        "%s=%s (%s)" % (key, *values[key])
        for key, is_good in wanted.items()
        if key in values and not is_good(values[key].value)
    ]
    if "Storage" not in values:
        found.append("Storage is not set")
    if "SystemMaxFiles" not in values:
        found.append("SystemMaxFiles is not set, and 100 files are kept")
    if "SplitMode" not in values:
        found.append(
            "SplitMode is not set, and what forwards records can miss some where accounts have files of their own"
        )
    if "ForwardToSyslog" not in values and nothing_handed_on:
        found.append("ForwardToSyslog is not set")
    return found


def size(text):
    """Bytes of a size as systemd writes it, such as 4G or 1.5M; 0 where there is none."""
    found = re.fullmatch(r"([\d.]+)\s*([KMGT]?)B?", text or "")
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def _first_entry_time():
    # Without those of accounts, which journald gives files of their own: one that seldom writes reaches back far.
    argv = ["journalctl", "--system", "--no-pager", "--quiet", "--output=json", "--output-fields=PRIORITY"]
    line = processes.first_line(argv)
    return int(json.loads(line)["__REALTIME_TIMESTAMP"]) / 1e6 if line else time.time()


def room(values, used, disk):
    """How many bytes the journal may take: what it is given, less what the disk must keep free; 0 without a limit.

    :param dict values: what settings() found.
    :param int used: what it takes now.
    :param tuple disk: the bytes of its disk, and how many of them are free.
    """
    total, free = disk
    percent, most = _KEEP_FREE
    keep = size(values["SystemKeepFree"].value) if "SystemKeepFree" in values else min(total * percent // 100, most)
    return min(size(_value(values, "SystemMaxUse")), used + max(free - keep, 0))


def reach(now, first, since, days, taken):
    """How far the journal goes back, and how far it will.

    :param float now: seconds since 1970.
    :param float first: when its first entry was written.
    :param float since: when the settings that are in force were laid down; what went before is none of theirs.
    :param int days: for how long entries must be kept.
    :param tuple taken: the bytes that it takes now, and those that it may take.
    :return: dict of the facts that tell it.
    """
    used, limit = taken
    oldest = max(now - first, 0) / _DAY
    is_young = 0 <= now - first < _DAY
    return {
        "oldest_days": round(oldest, 2),
        "gone_days": int(max(min(days, (now - since) / _DAY) - oldest, 0)),
        "lasts_days": None if is_young else int(limit / (used / max(oldest, 1))) if used and limit else 0,
        "lasts_days_known_from": time.strftime("%Y-%m-%d", time.gmtime(first + _DAY)) if is_young else "",
    }


def _bytes(folder):
    return sum(os.path.getsize(os.path.join(top, name)) for top, _folders, names in os.walk(folder) for name in names)


def _applied(paths):
    """Whether journald started after its configuration last changed: it reads it at its start only."""
    shown = command(["systemctl", "show", "--timestamp=unix", "--property=ActiveEnterTimestamp", "systemd-journald"])
    started = int(shown.strip().partition("=@")[2] or 0)
    # A folder changes when a file goes.
    folders = glob.glob("/etc/systemd/journald.conf.d") + glob.glob("/run/systemd/journald.conf.d")
    return started + 1 >= max(os.stat(path).st_mtime for path in [*paths, *folders])


def _kernel():
    """The kernel's command line; in a container systemd takes that of its own start."""
    with open("/proc/1/cmdline" if os.path.exists("/run/systemd/container") else "/proc/cmdline", "rb") as file:
        return file.read().decode("utf-8", "replace").replace("\0", " ")


def see_journal(days):
    paths = files()
    values = settings(paths, _kernel())
    with open("/etc/machine-id", encoding="ascii") as file:
        folder = os.path.join("/var/log/journal", file.read().strip())
    persistent = os.path.exists(os.path.join(folder, "system.journal"))
    used = _bytes(folder) if persistent else 0
    disk = os.statvfs(folder if persistent else "/")
    limit = room(values, used, (disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize))
    since = max((os.stat(path).st_mtime for path in paths), default=0)
    return {
        "persistent": persistent,
        "losses": losses(values, hands_nothing_on(paths)),
        **reach(time.time(), _first_entry_time(), since, days, (used, limit)),
        "bytes": used,
        "limit_bytes": limit,
        "rate_limited": not (_value(values, "RateLimitIntervalSec") == "0" or _value(values, "RateLimitBurst") == "0"),
        "applied": _applied(paths),
        "deletes_after": _value(values, "MaxRetentionSec") or "0",
    }


def _value(values, key):
    return values[key].value if key in values else ""
