# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import finding
from ansible_collections.order82.baseline.plugins.module_utils.backup.restic import Snapshot

UTC = datetime.UTC


class Place:
    """What finding asks of a repository."""

    name = "north"

    def __init__(self, *snapshots):
        self._snapshots = snapshots

    def snapshots(self):
        return list(self._snapshots)


def snapshot(name, run, part, at):
    return Snapshot("%s-%s-%s" % (name, run, part), at, {"set": name, "run": run, "part": part}, ())


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-11-27T12:00:00Z", 0),
        ("2026-11-27T20:00:00+08:00", 0),
        ("2026-11-27T12:00:00.123456789Z", 123456),
        ("2026-11-27T20:00:00.5+08:00", 500000),
    ],
)
def test_times_are_read_with_their_offset(text, microsecond):
    assert finding.moment(text) == datetime.datetime(2026, 11, 27, 12, 0, 0, microsecond, UTC)


@pytest.mark.parametrize("text", ["2026-11-27T12:00:00", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_other_times_are_refused(text):
    with pytest.raises(ValueError, match="write it as"):
        finding.moment(text)


def test_data_without_its_manifest_is_no_backup():
    place = Place(
        snapshot("web", "1", "data", "2026-11-25T00:00:00Z"),
        snapshot("web", "1", "manifest", "2026-11-25T00:01:00Z"),
        snapshot("web", "2", "data", "2026-11-26T00:00:00Z"),
    )
    assert finding.latest(place, "web").data == "web-1-data"


def test_the_newest_that_is_not_younger_is_taken():
    parts = [
        snapshot("web", str(day), part, "2026-11-%02dT00:00:00Z" % day)
        for day in (25, 26, 27)
        for part in ("data", "manifest")
    ]
    at = datetime.datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert finding.latest(Place(*parts), "web", at).data == "web-26-data"
    with pytest.raises(finding.NothingError, match="north has no backup of the set 'mail'"):
        finding.latest(Place(*parts), "mail")
    with pytest.raises(finding.NothingError, match="not younger than"):
        finding.latest(Place(*parts), "web", datetime.datetime(2026, 11, 1, tzinfo=UTC))
