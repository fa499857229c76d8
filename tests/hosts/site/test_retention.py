# SPDX-License-Identifier: GPL-3.0-or-later
"""Sixty days under a simulated clock, on a store of its own (article 13): the collector's command, as its timer runs it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import pytest

from ..conftest import Lab

COLLECTORS = ("collector1", "collector2")
STORE = "/root/store"
MEMORY = "/root/clock/clock.json"
# The command reads its settings, and what it remembers of the clock, from one place each; a mount namespace gives it others
# without touching the host's.
COMMAND = (
    "unshare --mount sh -c 'mount --bind /root/store.json /etc/order82/records.json && mount --bind /root/clock /var/lib/order82-records "
    "&& {} /usr/bin/order82 records {}'"
)
TEND = COMMAND.format("{}", "tend --json")


class Store:
    """A record store of one class on a collector, with a clock."""

    def __init__(self, lab: Lab, collector: str, today: str) -> None:
        self.lab, self.collector, self._today = lab, collector, datetime.date.fromisoformat(today)

    def tend(self, when: str = "", *, jumps: bool = False) -> dict:
        """Run the housekeeping at a time (as faketime takes it), or now: rightly so, unless the clock jumps there."""
        clock = f'faketime "{when}"' if when else ""
        if not jumps:
            self.lab.do(self.collector, f"rm -f {MEMORY}")
        return json.loads(self.lab.do(self.collector, TEND.format(clock), ok=(0, 1)))

    def days(self) -> list[str]:
        """The days that are there until today: the next one is opened before it begins."""
        return [day for day in self.lab.do(self.collector, f"ls {STORE}/session").split() if day <= self.day(0)]

    def day(self, back: int) -> str:
        return str(self._today - datetime.timedelta(days=back))


@pytest.fixture(params=COLLECTORS)
def store(lab: Lab, request: pytest.FixtureRequest, day: str) -> Iterator[Store]:
    collector = request.param
    settings = {
        "store": STORE,
        "classes": ["session"],
        "hosts": ["web"],
        "owner": "order82-collect",
        "retention_days": 60,
        "free_percent_alarm": 1,
        "reserve_percent": 0,
        "host": collector,
        "collectors": [collector],
    }
    lab.do(
        collector,
        f"DEBIAN_FRONTEND=noninteractive apt-get -qq update && apt-get -qq install -y faketime >/dev/null; mkdir {STORE} /root/clock; "
        f"echo '{json.dumps(settings)}' > /root/store.json",
    )
    yield Store(lab, collector, day)
    lab.do(
        collector, f"umount {STORE} 2>/dev/null; chattr -R -a -i {STORE}; rm -r {STORE} /root/store.json /root/clock"
    )


def test_sixtieth_day_stays_and_the_day_before_it_goes(store: Store) -> None:
    for back in (62, 61, 60, 59):
        store.tend(f"{store.day(back)} 12:00:00")
        store.lab.do(store.collector, f"echo a record >> {STORE}/session/{store.day(back)}/web.log")
    report = store.tend()
    assert store.days() == [store.day(60), store.day(59), store.day(0)]
    assert sum("purged" in sentence for sentence in report["done"]) == 2
    assert store.lab.do(store.collector, f"zstd -dc {STORE}/session/{store.day(60)}/web.log.zst") == "a record\n"


def test_full_disk_alarms_and_nothing_goes_early(store: Store) -> None:
    store.lab.do(store.collector, f"mount -t tmpfs -o size=4M none {STORE}")
    store.tend(f"{store.day(59)} 12:00:00")
    store.lab.do(
        store.collector, f"head -c 8M /dev/zero >> {STORE}/session/{store.day(59)}/web.log 2>/dev/null || true"
    )
    report = store.tend()
    assert any("no record is deleted" in sentence for sentence in report["alarms"])
    assert store.day(59) in store.days()


def test_clock_that_is_not_trusted_deletes_nothing(store: Store) -> None:
    store.tend(f"{store.day(400)} 12:00:00")
    with store.lab.still(store.collector, "chrony"):
        report = store.tend()
    store.lab.green(store.collector)
    assert store.day(400) in store.days()
    assert any("nothing is purged" in sentence for sentence in report["alarms"])


@pytest.mark.parametrize("ahead", ["+1 day", "+1 year"])
def test_clock_that_jumps_ahead_seals_and_deletes_nothing(store: Store, ahead: str) -> None:
    for back in (2, 1, 0):
        store.tend(f"{store.day(back)} 00:30:00")
        store.lab.do(store.collector, f"echo a record >> {STORE}/session/{store.day(back)}/web.log")
    store.tend()
    when = store.lab.do(store.collector, f"date -u -d '{ahead}' '+%F %T'").strip()
    report = store.tend(when, jumps=True)
    assert any(sentence.startswith("nothing is sealed: the clock is") for sentence in report["alarms"]), report
    assert any(sentence.startswith("the clock stepped by +") for sentence in report["done"]), report
    assert (ahead == "+1 day") or any("nothing is purged" in sentence for sentence in report["alarms"])
    assert store.days() == [store.day(2), store.day(1), store.day(0)]
    today = f"{STORE}/session/{store.day(0)}"
    store.lab.do(store.collector, f"test ! -e {today}/SHA256SUMS && echo one more >> {today}/web.log")
    # It is mended: all goes on, and both steps are on record.
    report = store.tend(jumps=True)
    assert report["alarms"] == []
    assert any(sentence.startswith("the clock stepped by -") for sentence in report["done"]), report


def test_retention_below_the_floor_is_refused_by_the_command(store: Store) -> None:
    store.lab.do(store.collector, "sed -i 's/: 60/: 59/' /root/store.json")
    done = store.lab.host(store.collector).run(TEND.format(""))
    assert done.rc == 2
    assert "article 13 asks for at least 60 days" in done.stderr


def test_retention_below_the_floor_is_refused_before_anything_is_touched(lab: Lab) -> None:
    said = lab.play("site.yml", "-e", '{"order82_retention_days": 59}', "--limit", "web", ok=(2,))
    assert "article 13 of Order No. 82 asks for at least 60 days" in " ".join(said.split())
    assert "changed=0" in said
