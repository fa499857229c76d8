# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: systemd's journal as the local copy of a host's records."""

from __future__ import annotations

import glob
import json
import os
import re
import time

from .. import processes
from ._registry import Observer, command

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def settings(text):
    """The values in force in the text of C(systemd-analyze cat-config): the last of each key wins."""
    values = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            values[key.strip()] = value.strip()
    return values


def size(text):
    """Bytes of a size as systemd writes it, such as 4G or 1.5M; 0 where there is none."""
    found = re.fullmatch(r"([\d.]+)\s*([KMGT]?)B?", text or "")
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def _first_entry_time():
    line = processes.first_line(["journalctl", "--no-pager", "--quiet", "--output=json", "--output-fields=PRIORITY"])
    return int(json.loads(line)["__REALTIME_TIMESTAMP"]) / 1e6 if line else time.time()


def _bytes(folder):
    return sum(os.path.getsize(os.path.join(top, name)) for top, _folders, names in os.walk(folder) for name in names)


def _applied():
    """Whether journald started after its configuration last changed: it reads it at its start only."""
    shown = command(["systemctl", "show", "--timestamp=unix", "--property=ActiveEnterTimestamp", "systemd-journald"])
    started = int(shown.strip().partition("=@")[2] or 0)
    changed = [os.stat(path).st_mtime for path in glob.glob("/etc/systemd/journald.conf.d/*.conf")]
    return started + 1 >= max(changed, default=0)


def _journal():
    values = settings(command(["systemd-analyze", "cat-config", "systemd/journald.conf"]))
    with open("/etc/machine-id", encoding="ascii") as file:
        folder = os.path.join("/var/log/journal", file.read().strip())
    persistent = os.path.exists(os.path.join(folder, "system.journal"))
    used = _bytes(folder) if persistent else 0
    limit = size(values.get("SystemMaxUse"))
    days = max(time.time() - _first_entry_time(), 60) / 86400
    return {
        "persistent": persistent,
        "oldest_days": round(days, 2),
        "bytes": used,
        "limit_bytes": limit,
        # A young journal's rate is its first hour's, which is no measure: it counts as spread over a day at least.
        "lasts_days": int(limit / (used / max(days, 1))) if used and limit else 0,
        "rate_limited": not (values.get("RateLimitIntervalSec") == "0" or values.get("RateLimitBurst") == "0"),
        "applied": _applied(),
        "deletes_after": values.get("MaxRetentionSec", "0") or "0",
    }


OBSERVERS = {
    "journal": Observer(
        look=_journal,
        text="systemd's journal: where it lies, how far it goes back, how long its room lasts",
        arguments={},
        facts={
            "persistent": "bool: it is on the disk and survives a restart",
            "oldest_days": "float: days since its first entry",
            "bytes": "int: what it takes now",
            "limit_bytes": "int: what it may take (SystemMaxUse)",
            "lasts_days": "int: days that fit into the limit at the rate so far",
            "rate_limited": "bool: messages above a rate are dropped",
            "applied": "bool: journald runs with the configuration that stands in its files",
            "deletes_after": "str: MaxRetentionSec; 0 is never",
        },
    ),
}
