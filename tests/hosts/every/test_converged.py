# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold on every converged lab, whatever is on it."""

from __future__ import annotations

from pathlib import Path

from ..conftest import Lab, changed


def test_check_mode_says_that_nothing_would_change(lab: Lab) -> None:
    assert changed(lab.play("site.yml", "--check", "--diff")) == {}


def after_jumps_of_the_clock(lab: Lab) -> None:
    """Wait until chronyd knows the time again where the clock jumped, or the machine stood still for longer than ten seconds.

    It then takes nothing for known that it measured before (SCH_MainLoop in its sched.c), and asks its sources thrice: three
    minutes. The check of the clock is rightly red meanwhile, and no host can do anything for it.
    """
    for name in lab.managed():
        lab.do(name, "! journalctl -qb -u chrony | grep -q 'time jump detected' || chronyc -n waitsync 60 0 0 5")


def test_inspection_finds_every_check_passed(lab: Lab, tmp_path: Path) -> None:
    after_jumps_of_the_clock(lab)
    result = lab.inspect(tmp_path)
    assert result["results"]
    bad = [
        (one["host"], one["check"], one["outcome"], one["observed"])
        for one in result["results"]
        if one["outcome"] not in ("pass", "not_applicable", "waived")
    ]
    assert bad == []
    # What the lab can't have is accepted in its inventory, and its report says so.
    assert [one for one in result["waivers"] if one["state"] != "active"] == []
    # What a scenario leaves to another one must not pass there either.
    bad = [(one["id"], one["because"]) for one in result["provisions"] if one["outcome"] in ("fail", "error")]
    assert bad == [(provision, "nobody") for provision in lab.unproved]


def test_administrator_still_gets_in(lab: Lab) -> None:
    for name in lab.managed():
        assert lab.host(name).user().name == "root"
