# SPDX-License-Identifier: GPL-3.0-or-later
"""What the apply left is taken as it is, or not at all: nothing to ask is not well."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.self_check import left

GOOD = {
    "id": "probe.file",
    "observe": {"file": {"path": "/etc"}},
    "expect": {"mode": {"equals": "0755"}},
    "severity": "high",
}
OUT = {"id": "probe.heavy", "left_out": "it takes long"}


def test_each_check_is_asked_for_or_says_why_not(place):
    place.leave(GOOD, OUT, {"id": "probe.broken", "problem": "'x' is undefined"})
    found = left.read()
    assert [one.id for one in found.asked()] == ["probe.file"]
    assert [one.left_out for one in found.entries] == ["", "it takes long", ""]
    assert found.entries[2].problem == "'x' is undefined"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "damaged"),
        ("[]", "asks for nothing"),
        ("{}", "asks for nothing"),
        ("[1]", "damaged"),
        ("null", "damaged"),
        (json.dumps([OUT]), "asks for nothing"),
        (json.dumps([GOOD, GOOD]), "twice"),
        (json.dumps([{**GOOD, "expect": {}}]), "expects nothing"),
        (json.dumps([{**GOOD, "expect": {"mode": {}}}]), "expects nothing"),
        (json.dumps([{**GOOD, "expect": {"mode": "0755"}}]), "expects nothing"),
        (json.dumps([{**GOOD, "observe": "file"}]), "expects nothing"),
        (json.dumps([GOOD, {"id": "probe.silent"}]), "neither asked for nor left out"),
        ("[" * 100000, "damaged"),
    ],
)
def test_what_is_not_what_an_apply_leaves_is_refused(place, text, why):
    place.write(text)
    with pytest.raises(left.LeftError, match=why):
        left.read()


def test_without_it_nobody_says_that_all_is_well(place):
    with pytest.raises(left.LeftError, match="missing"):
        left.read()


def test_what_others_than_root_can_write_is_not_believed(place):
    place.leave(GOOD)
    os.chown(left.FILE, 1000, 1000)
    with pytest.raises(left.LeftError, match="others than root"):
        left.read()
    os.chown(left.FILE, 0, 0)
    os.chmod(left.FILE, 0o666)
    with pytest.raises(left.LeftError, match="others than root"):
        left.read()


def test_a_link_is_not_followed(place):
    place.leave(GOOD)
    os.rename(left.FILE, left.FILE + ".other")
    os.symlink(left.FILE + ".other", left.FILE)
    with pytest.raises(left.LeftError, match="symlink"):
        left.read()
