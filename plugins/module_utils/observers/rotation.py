# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: how long logrotate keeps the text logs, in logrotate's own words."""

from __future__ import annotations

import re

from ._registry import Observer, command

_PATTERN = re.compile(r"^rotating pattern: (?P<paths>.*?)\s+(?P<when>hourly|daily|weekly|monthly|yearly|after \d+ days|\d+ bytes|forced from command line"
                      r"|[^(]*?)\s*\((?P<keep>\d+) rotations\)$", re.DOTALL)
_DAYS = {"hourly": 1 / 24, "daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}


def rules(text):
    """Read what C(logrotate --debug) says.

    :return: tuple: list of dicts with C(paths), C(when), C(keep) (rotations) and C(days) (shortest time for which a line is kept:
        0 where the size decides), and the list of errors.
    """
    found, errors = [], []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("error:"):
            errors.append(line)
        if line.startswith("rotating pattern:"):
            joined = line
            while not joined.endswith("rotations)") and number + 1 < len(lines):
                number += 1
                joined += " " + lines[number].strip()
            match = _PATTERN.match(joined)
            if match:
                when = match["when"].strip()
                after = re.fullmatch(r"after (\d+) days", when)
                period = int(after[1]) if after else _DAYS.get(when, 0)
                found.append({"paths": match["paths"].strip(), "when": when, "keep": int(match["keep"]),
                              "days": int(period * int(match["keep"]))})
            else:
                errors.append("not understood: " + joined)
    return found, errors


def _rotation():
    # --debug changes nothing; an error in one file is part of the picture, not a reason not to look.
    found, errors = rules(command(["logrotate", "--debug", "/etc/logrotate.conf"], ok=(0, 1), stderr=True))
    shortest = min(found, key=lambda rule: rule["days"], default={"paths": "", "days": 0})
    return {"shortest_days": shortest["days"], "shortest": shortest["paths"], "rules": found, "errors": errors}


OBSERVERS = {
    "rotation": Observer(
        look=_rotation,
        text="how long each text log is kept (logrotate --debug)",
        arguments={},
        facts={
            "shortest_days": "int: days for which the log with the shortest time is kept",
            "shortest": "str: which log that is",
            "rules": "list: paths, when, keep (rotations), days of each rule",
            "errors": "list: what logrotate complains about; a rule named twice is dropped by it",
        },
    ),
}
