# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorder that stood still and runs again is not forgotten."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import stops
from ansible_collections.order82.baseline.plugins.module_utils.observers import stops as observer

UNIT = "order82-config.service"
NIGHT, MORNING = 1795734000.0, 1795762800.0  # 8 hours
NOW = MORNING + 3600
BOOT = "8" * 32


def told(*events):
    return list(stops.intervals([(at, boot, UNIT, kind) for at, boot, kind in events], BOOT, lambda _boot: NIGHT + 7))


def test_stopped_overnight_and_started_in_the_morning():
    assert told((NIGHT, BOOT, stops.STOPPED), (MORNING, BOOT, stops.STARTED)) == [(UNIT, NIGHT, MORNING)]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([(NIGHT, BOOT, stops.STARTED)], []),
        ([(NIGHT, BOOT, stops.STOPPED)], [(UNIT, NIGHT, None)]),  # it goes on
        ([(NIGHT, BOOT, stops.FAILED), (MORNING, BOOT, stops.STARTED)], [(UNIT, NIGHT, MORNING)]),
        # It is stopped after it has failed: it stood still since then.
        ([(NIGHT, BOOT, stops.FAILED), (NIGHT + 9, BOOT, stops.STOPPED)], [(UNIT, NIGHT, None)]),
        # The machine was off: it stood still until the last word of that boot.
        ([(NIGHT, "7" * 32, stops.STOPPED), (MORNING, BOOT, stops.STARTED)], [(UNIT, NIGHT, NIGHT + 7)]),
        ([(NIGHT, "7" * 32, stops.STOPPED)], [(UNIT, NIGHT, NIGHT + 7)]),
    ],
)
def test_when_it_stood_still(events, found):
    assert told(*events) == found


def notice(**changes):
    said = json.loads(stops.announcement(UNIT, 600, "a new disk", "ops", NIGHT - 60).partition(" ")[2])
    return stops.notice_of(changes.pop("at", NIGHT - 60), "announced " + json.dumps({**said, **changes}))


@pytest.mark.parametrize(
    ("changes", "covers"),
    [
        ({}, True),
        ({"unit": "order82-*"}, True),
        ({"unit": "order82-files.service"}, False),
        ({"at": NIGHT + 1}, False),  # said afterwards
        ({"until": MORNING - 1}, False),  # it took longer than was said
    ],
)
def test_an_announcement_comes_before_and_covers_all_of_it(changes, covers):
    stop = stops.Stop(UNIT, NIGHT, MORNING)
    assert (stops.notice_for(stop, [notice(**changes)], NOW) is not None) is covers


def test_a_stop_that_goes_on_is_covered_until_its_time_is_over():
    stop = stops.Stop(UNIT, NIGHT, None)
    assert stops.notice_for(stop, [notice()], NIGHT + 500) is not None
    assert stops.notice_for(stop, [notice()], NIGHT + 36000) is None


@pytest.mark.parametrize(
    "text", ["", "announced", "announced 5", "announced {}", 'announced {"unit": "x", "until": "soon"}', "told {}"]
)
def test_what_is_no_announcement_announces_nothing(text):
    assert stops.notice_of(NIGHT, text) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("a b", 5, "why"), "--unit"),
        ((UNIT, 0, "why"), "--minutes"),
        ((UNIT, stops.MOST_MINUTES + 1, "why"), "--minutes"),
        ((UNIT, 5, " "), "--reason"),
        ((UNIT, 5, "why\nannounced {}"), "--reason"),
        ((UNIT, 5, "x" * 201), "--reason"),
    ],
)
def test_an_announcement_says_what_how_long_and_why(words, says):
    with pytest.raises(ValueError, match=says):
        stops.announcement(*words, "ops", NIGHT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "a power cut"),
        ({"unit": "order82-files.service"}, ""),
        ({"since": "2026-11-27T07:00:00Z"}, ""),
        ({"until": "2026-11-27T01:00:00+08:00"}, ""),
    ],
)
def test_what_people_explain_later_covers_all_of_it(changes, reason):
    given = {"unit": UNIT, "since": "2026-11-26T22:00:00Z", "until": "2026-11-28T00:00:00Z", "reason": "a power cut"}
    assert stops.explanation_for(stops.Stop(UNIT, NIGHT, MORNING), [{**given, **changes}], NOW) == reason
    with pytest.raises(ValueError, match="no reason"):
        stops.explanation_for(stops.Stop(UNIT, NIGHT, MORNING), [{**given, "reason": " "}], NOW)


def test_who_asked_for_it_by_sudo_and_by_audit():
    sudo = f"     ops : TTY=pts/0 ; PWD=/home/ops ; USER=root ; COMMAND=/usr/bin/systemctl stop {UNIT}"
    audit = 'type=SYSCALL msg=audit(1.2:3): success=yes auid=1000 exe="/usr/bin/systemctl" key="order82-stop" ARCH=x86_64 AUID="li" UID="root"'
    assert stops.accounts([("sudo", sudo), ("audisp-syslog", audit)]) == ["li (audit)", "ops (sudo)"]
    others = [("sudo", "ops : COMMAND=/usr/bin/ls"), ("audisp-syslog", audit.replace("li", "unset")), ("sudo", audit)]
    assert stops.accounts(others) == []


class Journal:
    """What journalctl prints, by what is asked for."""

    def __init__(self):
        self.entries = []

    def wrote(self, at, boot=BOOT, **fields):
        self.entries.append({"__REALTIME_TIMESTAMP": str(int(at * 1e6)), "_BOOT_ID": boot, **fields})

    def run(self, argv):
        options = [word for word in argv if word.startswith("--")]
        wanted = [word.partition("=")[::2] for word in argv if not word.startswith("--") and "=" in word]
        names = {key for key, _value in wanted}
        until = next((float(word.partition("=@")[2]) for word in options if word.startswith("--until")), NOW)
        since = next(float(word.partition("=@")[2]) for word in options if word.startswith("--since"))
        found = [
            one
            for one in self.entries
            if since <= int(one["__REALTIME_TIMESTAMP"]) / 1e6 <= until
            and all(any(one.get(key) == value for name, value in wanted if name == key) for key in names)
        ]
        output = "".join(json.dumps(one) + "\n" for one in found).encode()
        return type("Done", (), {"returncode": 0 if found else 1, "stdout": output, "stderr": b""})


@pytest.fixture
def recorded(monkeypatch):
    """A journal, and what the observer sees in it."""
    one = Journal()
    monkeypatch.setattr(stops.processes, "run", one.run)
    monkeypatch.setattr(stops, "_boot", lambda: BOOT)
    monkeypatch.setattr(observer.time, "time", lambda: NOW)

    def stopped(since=NIGHT, until=MORNING):
        one.wrote(since, _PID="1", MESSAGE_ID=stops.STOPPED, UNIT=UNIT)
        one.wrote(until, _PID="1", MESSAGE_ID=stops.STARTED, UNIT=UNIT)

    one.stopped = stopped
    one.seen = lambda **known: observer.see_stops(
        **{"units": [UNIT], "days": 31, "longer_seconds": 60, "explained": [], **known}
    )
    return one


def test_the_observer_names_a_stop_that_nobody_announced(recorded):
    recorded.stopped()
    facts = recorded.seen()
    assert facts["unannounced_count"] == 1
    [sentence] = facts["unannounced"]
    assert sentence.startswith(f"{UNIT} stood still from ")
    assert "(28800 s): not announced; who asked for it is not known" in sentence


def test_the_observer_passes_what_was_announced_and_shows_it(recorded):
    said = stops.announcement(UNIT, 600, "a new disk", "ops", NIGHT - 60)
    recorded.wrote(NIGHT - 60, _UID="0", SYSLOG_IDENTIFIER="order82", _EXE="/usr/bin/python3.11", MESSAGE=said)
    recorded.stopped()
    facts = recorded.seen()
    assert (facts["unannounced"], facts["unannounced_count"]) == ([], 0)
    assert facts["stops"][0].endswith("announced by ops: a new disk")


def test_who_announces_work_on_the_host_announces_each_stop_in_it(recorded):
    said = {"by": "ops", "reason": "a new disk", "since": NIGHT - 60, "until": MORNING + 60}
    fields = {"_UID": "0", "SYSLOG_IDENTIFIER": "order82", "_EXE": "/usr/bin/python3.11"}
    recorded.wrote(NIGHT - 60, MESSAGE="maintenance begins: " + json.dumps(said), **fields)
    recorded.stopped()
    facts = recorded.seen()
    assert (facts["unannounced"], facts["unannounced_count"]) == ([], 0)
    assert facts["stops"][0].endswith("announced by ops: a new disk")


def test_what_stops_after_the_work_was_said_to_be_over_is_not_announced(recorded):
    said = {"by": "ops", "reason": "a new disk", "since": NIGHT - 600, "until": MORNING + 60}
    fields = {"_UID": "0", "SYSLOG_IDENTIFIER": "order82", "_EXE": "/usr/bin/python3.11"}
    recorded.wrote(NIGHT - 600, MESSAGE="maintenance begins: " + json.dumps(said), **fields)
    ended = {**said, "until": NIGHT - 60, "ended_by": "ops"}
    recorded.wrote(NIGHT - 60, MESSAGE="maintenance ends: " + json.dumps(ended), **fields)
    recorded.stopped()
    assert recorded.seen()["unannounced_count"] == 1


ASKED = f"     ops : TTY=pts/0 ; PWD=/home/ops ; USER=root ; COMMAND=/usr/bin/systemctl stop {UNIT}"


@pytest.mark.parametrize(
    ("exe", "says"), [("/usr/bin/sudo", "asked for by ops (sudo)"), ("/usr/bin/logger", "not known")]
)
def test_the_observer_names_who_asked_for_it_where_the_sender_is_vouched_for(recorded, exe, says):
    recorded.wrote(
        NIGHT - 1, _UID="1000", SYSLOG_IDENTIFIER="sudo", _EXE=exe, _CAP_EFFECTIVE="1ffffffffff", MESSAGE=ASKED
    )
    recorded.stopped()
    [sentence] = recorded.seen()["unannounced"]
    assert says in sentence


@pytest.mark.parametrize("fields", [{"_UID": "1000"}, {"_EXE": "/usr/bin/logger"}, {"SYSLOG_IDENTIFIER": "other"}])
def test_nobody_else_announces(recorded, fields):
    known = {"_UID": "0", "SYSLOG_IDENTIFIER": "order82", "_EXE": "/usr/bin/python3.11", **fields}
    recorded.wrote(NIGHT - 60, MESSAGE=stops.announcement(UNIT, 600, "a new disk", "ops", NIGHT - 60), **known)
    recorded.stopped()
    assert recorded.seen()["unannounced_count"] == 1


def test_a_restart_a_new_host_and_another_unit_are_no_stops(recorded):
    assert recorded.seen() == {"stops": [], "unannounced": [], "unannounced_count": 0}
    recorded.stopped(NIGHT, NIGHT + 60)
    recorded.wrote(NIGHT, _PID="1", MESSAGE_ID=stops.STOPPED, UNIT="cron.service")
    recorded.wrote(NIGHT, _PID="82", MESSAGE_ID=stops.STOPPED, UNIT=UNIT)  # not systemd
    assert recorded.seen() == {"stops": [], "unannounced": [], "unannounced_count": 0}
    assert recorded.seen(longer_seconds=59)["unannounced_count"] == 1
