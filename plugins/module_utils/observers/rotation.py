# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: how long logrotate keeps the text logs, in logrotate's own words."""

from __future__ import annotations

import re

from ._registry import command

_PATTERN = re.compile(
    r"rotating pattern: (?P<paths>.*?)\s+(?P<when>hourly|daily|weekly|monthly|yearly|after \d+ days|\d+ bytes)"
    r"\s[^()]*\((?P<keep>\d+) rotations\)",
    re.DOTALL,
)
_DAYS = {"hourly": 1 / 24, "daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}


def rules(text):
    """Read what C(logrotate --debug) says.

    :return: tuple: list of dicts with C(paths), C(when), C(keep) (rotations) and C(days) (shortest time for which a
        line is kept: 0 where the size decides, or where logrotate's words are not understood), and the list of errors.
    """
    found = []
    errors = [line for line in text.splitlines() if line.startswith("error:")]
    for block in re.findall(r"^rotating pattern:.*?rotations\)", text, re.DOTALL | re.MULTILINE):
        match = _PATTERN.fullmatch(block)
        when = match["when"] if match else ""
        after = re.fullmatch(r"after (\d+) days", when)
        period = int(after[1]) if after else _DAYS.get(when, 0)
        keep = int(match["keep"]) if match else 0
        found.append(
            {
                "paths": " ".join(match["paths"].split()) if match else block,
                "when": when,
                "keep": keep,
                "days": int(period * keep),
            }
        )
    if len(found) != text.count("rotating pattern:"):
        errors.append("not understood: %d of the rules" % (text.count("rotating pattern:") - len(found)))
    return found, errors


def see_rotation():
    # --debug changes nothing; an error in one file is part of the picture, not a reason not to look.
    found, errors = rules(command(["logrotate", "--debug", "/etc/logrotate.conf"], ok=(0, 1), stderr=True))
    shortest = min(found, key=lambda rule: rule["days"], default={"paths": "", "days": 0})
    return {"shortest_days": shortest["days"], "shortest": shortest["paths"], "rules": found, "errors": errors}
