# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody changes a record: not root without clearing attributes, not another reader (article 14(3))."""

from __future__ import annotations

import json

import pytest

from ..conftest import HANG, Lab, until
from .conftest import CLOSED

COLLECTORS = ("collector1", "collector2")
TODAY = "/srv/records/session/{}/web.log"
PAST = f"{CLOSED}/web.log.zst"
DAMAGE = {
    "truncate": "truncate --size 0 {}",
    "overwrite": "sh -c 'echo x > {}'",
    "write into": "sh -c 'echo x | dd of={} conv=notrunc status=none'",
    "rename": "mv {0} {0}.old",
    "delete": "rm -f {}",
    "loosen": "chmod 0666 {}",
    "give away": "chown nobody {}",
    "replace": "sh -c 'echo x > /tmp/forged && mv -f /tmp/forged {}'",
    "move the day": "sh -c 'mv $(dirname {0}) $(dirname {0})x'",
    "delete the day": "sh -c 'rm -rf $(dirname {0}) && ! test -e {0}'",
}


@pytest.mark.parametrize("collector", COLLECTORS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_todays_file_can_only_grow(lab: Lab, collector: str, damage: str, day: str) -> None:
    today = TODAY.format(day)
    until(HANG, lambda: lab.do(collector, f"wc -c < {today}").strip() != "0", "a first record")
    look = f"wc -c < {today}; lsattr {today}; stat -c '%a %U %G' {today}"
    before = lab.do(collector, look).split()
    assert lab.host(collector).run(DAMAGE[damage].format(today)).rc != 0
    after = lab.do(collector, look).split()
    assert int(after[0]) >= int(before[0])
    assert after[1:] == before[1:]


@pytest.mark.parametrize("collector", COLLECTORS)
@pytest.mark.parametrize("damage", [*DAMAGE, "append"])
def test_the_file_of_a_day_that_is_over_cannot_change(lab: Lab, collector: str, damage: str) -> None:
    look = f"sha256sum {PAST}; lsattr {PAST}; stat -c '%a %U %G' {PAST}"
    before = lab.do(collector, look)
    command = DAMAGE.get(damage, "sh -c 'echo x >> {}'")
    assert lab.host(collector).run(command.format(PAST)).rc != 0
    assert lab.do(collector, look) == before
    assert "440 order82-collect order82-session" in before


@pytest.mark.parametrize("collector", COLLECTORS)
def test_each_class_is_for_its_own_readers(lab: Lab, collector: str, day: str) -> None:
    today = TODAY.format(day)
    lab.do(collector, "id reader >/dev/null 2>&1 || useradd -r -G order82-session reader")
    lab.do(collector, f"runuser -u reader -- cat {today} > /dev/null")
    for refused in (
        f"cat /srv/records/maintenance/{day}/web.log",
        "ls /srv/records/maintenance",
        f"sh -c 'echo x >> {today}'",
        f"rm -f {today}",
    ):
        assert lab.host(collector).run(f"runuser -u reader -- {refused}").rc != 0, refused
    assert lab.host(collector).run(f"runuser -u nobody -- cat {today}").rc != 0
    lab.do(collector, "userdel reader")


@pytest.mark.parametrize("collector", COLLECTORS)
def test_receiver_itself_cannot_remove_what_it_wrote(lab: Lab, collector: str, day: str) -> None:
    for damage in ("rm -f {}", "truncate --size 0 {}", "chattr -a {}"):
        assert lab.host(collector).run(f"runuser -u order82-collect -- {damage.format(TODAY.format(day))}").rc != 0


@pytest.mark.parametrize("collector", COLLECTORS)
def test_receiver_has_no_capability(lab: Lab, collector: str) -> None:
    status = lab.do(collector, "cat /proc/$(systemctl show -P MainPID order82-collect)/status")
    assert "CapBnd:\t0000000000000000" in status
    assert "CapEff:\t0000000000000000" in status


def test_a_class_with_files_and_without_a_record_is_seen(lab: Lab) -> None:
    """Nobody fills the class registration, and each host has a file in it: as if it were one of those that must be filled."""
    words = ("-e", json.dumps({"log_collector_filled_days": {"registration": 0, "session": 31}}))
    results = lab.look(["collector1"], words)["results"]
    (one,) = (one for one in results if one["check"] == "log_collector.filled")
    assert one["outcome"] == "fail"
    assert "web: no record of class registration for more than 0 days" in one["observed"]["empty"]
    lab.green("collector1")
