# SPDX-License-Identifier: GPL-3.0-or-later
"""The hashes of sealed days are brought to a third place, by an account that can sign nothing (articles 13, 14(3))."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ..conftest import HANG, Lab, until

COLLECTOR, OTHER = "collector1", "collector2"
SHARE = "/mnt/anchor"
PLACES = {"log_collector_anchors": [{"name": "share", "way": "folder", "path": SHARE}]}
SEAL = "systemctl start order82-records.service"
BRING = "systemctl start order82-anchor.service"


@pytest.fixture(scope="module")
def anchored(lab: Lab) -> Iterator[Lab]:
    """A share that is mounted on one collector, where the role brings what was sealed."""
    lab.do(COLLECTOR, f"mkdir -p {SHARE}; mount -t tmpfs -o size=4M,mode=1777 none {SHARE}")
    try:
        lab.apply("log_collector", COLLECTOR, "-e", json.dumps(PLACES))
        yield lab
    finally:
        lab.apply("log_collector", COLLECTOR)
        # What was brought to a place of this name is remembered, and that one is gone.
        lab.do(COLLECTOR, f"umount {SHARE}; rmdir {SHARE}; rm -rf /var/lib/order82-anchor")
    gone = (
        "test ! -e /etc/order82/anchors.json && test ! -e /etc/order82/anchors && ! systemctl cat order82-anchor.timer"
    )
    lab.do(COLLECTOR, gone)
    lab.green()


def test_what_was_sealed_lies_there_and_is_compared(anchored: Lab) -> None:
    anchored.do(COLLECTOR, f"{SEAL}; {BRING}")
    days = anchored.do(COLLECTOR, "ls /srv/records/anchors").split()
    assert len(days) >= 3
    assert anchored.do(COLLECTOR, f"ls {SHARE}").split() == [f"{COLLECTOR}-{day}" for day in days]
    assert anchored.do(COLLECTOR, f"stat -c '%a %U' {SHARE}/*").split()[:2] == ["444", "order82-anchor"]
    found = anchored.order82(COLLECTOR, "records", "verify", "--anchor", SHARE)
    assert (found["anchor_texts"], found["faults"]) == (len(days), [])
    until(
        HANG,
        lambda: anchored.records(OTHER, "measure_state", COLLECTOR, "anchored "),
        "the word of it on the other one",
    )


def test_who_brings_it_can_sign_nothing_and_replace_nothing(anchored: Lab) -> None:
    assert anchored.host(COLLECTOR).run("runuser -u order82-anchor -- cat /etc/order82/seal/key").rc != 0
    anchored.do(
        COLLECTOR,
        "! runuser -u order82-anchor -- sh -c 'echo x >> /srv/records/anchors/$(ls /srv/records/anchors | head -n 1)'",
    )


def test_a_share_that_is_away_is_an_alarm_and_what_waited_goes_later(anchored: Lab) -> None:
    anchored.do(COLLECTOR, f"umount {SHARE}; : > /var/lib/order82-anchor/share; {BRING}")
    words = "is not at share: "
    until(HANG, lambda: anchored.records(OTHER, "measure_state", COLLECTOR, words), "the alarm on the other one")
    assert anchored.do(COLLECTOR, f"ls {SHARE}") == ""
    anchored.do(COLLECTOR, f"mount -t tmpfs -o size=4M,mode=1777 none {SHARE}; {BRING}")
    assert anchored.order82(COLLECTOR, "records", "verify", "--anchor", SHARE)["faults"] == []


def test_a_place_that_cannot_be_is_refused_before_anything_is_touched(lab: Lab) -> None:
    for place, because in (
        ({"name": "x", "way": "folder", "path": "here"}, "a folder needs an absolute path"),
        ({"name": "x", "way": "mail", "server": "mail.example.net"}, "mail needs server, sender and to"),
        ({"name": "A B", "way": "folder", "path": "/mnt/x"}, "give each place one of its own"),
    ):
        said = lab.apply("log_collector", COLLECTOR, "-e", json.dumps({"log_collector_anchors": [place]}), ok=(2,))
        assert because in " ".join(said.split())
        assert "changed=0" in said
