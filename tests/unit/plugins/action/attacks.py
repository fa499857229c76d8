# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host that somebody has taken over may answer; each of these once cost other hosts their report, or worse."""

from __future__ import annotations

import json
import unicodedata

AT = "2026-01-01T00:00:00Z"
GOOD = {
    "exists": True,
    "kind": "directory",
    "mode": "0755",
    "owner": "root",
    "group": "root",
    "attributes": "",
    "bytes": 4096,
    "age_seconds": 1,
}
"""What the observer C(file) says of a folder."""
UNSEEN = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066\u200f\u061c\x7f\x00\u2028\U000e0041"
"""A cleared screen, a title, a colour by C1, and marks that turn the direction of text or hide in it."""
FORGED = f"nothing\n- here fails: forged\r{UNSEEN}"


def entry(check, observed=GOOD, error=None, at=AT, **more):
    """One answer to one check."""
    return {"check": check, "observed": observed, "error": error, "at": at, **more}


def both(observed, **more):
    """The answer to the two checks of these tests, as text: the first as given, the second as it should be."""
    return json.dumps([entry("site.first", observed, **more), entry("site.second")])


ANSWERS = {
    "not a number": both({**GOOD, "bytes": float("nan")}),
    "endless number": both({**GOOD, "bytes": 7}).replace('"bytes": 7', '"bytes": 1e999'),
    "long number": both({**GOOD, "bytes": 7}).replace('"bytes": 7', '"bytes": ' + "9" * 4000),
    "longer number": both({**GOOD, "bytes": 7}).replace('"bytes": 7', '"bytes": ' + "9" * 40_000),
    "key that stands twice": both(GOOD).replace('"kind"', '"kind": "file", "kind"', 1),
    "nested": "[" * 100_000,
    "nested mappings": both({**GOOD, "kind": 7}).replace('"kind": 7', '"kind": ' + '{"a":' * 900 + "1" + "}" * 900),
    "half a character": both({**GOOD, "attributes": "\ud800\udfff\udc00"}),
    "two answers": json.dumps([entry("site.first", None, "no"), entry("site.first"), entry("site.second")]),
    "answer to what nobody asked": json.dumps([entry("site.first"), entry("site.second"), entry("site.third")]),
    "another's answer": json.dumps([entry("site.first"), entry("time_sync.offset")]),
    "no answers": "[]",
    "one answer too few": json.dumps([entry("site.second")]),
    "no list": json.dumps({"site.first": entry("site.first"), "ansible_facts": {"order82_folder": "/mine"}}),
    "list for a text": both({**GOOD, "kind": ["directory"]}),
    "text for a number": both({**GOOD, "bytes": "4096"}),
    "fact too many": both({**GOOD, "ansible_facts": {"order82_folder": "/mine"}}),
    "fact too few": both({"kind": "directory"}),
    "key too many": both(GOOD, warnings=["mine"]),
    "facts and an error": both(GOOD, error="and yet"),
    "neither": both(None),
    "no time": both(GOOD, at="yesterday"),
    "controls in an error": both(None, error=FORGED),
    "controls in a fact": both({**GOOD, "kind": FORGED}),
    "controls in a key": both({**GOOD, FORGED: 1}),
    "many values": both({**GOOD, "kind": [[]] * 300_000}),
    "nothing": "",
    "no JSON": FORGED,
}
"""Attacks by name; in each, no answer to site.first is one of a host in order."""


def harmful(text):
    """The characters of a text that a terminal or a browser would obey, but for line feeds."""
    return {one for one in set(text) if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}
