# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read records, and what the record of a look-up must say."""

from __future__ import annotations

import grp
import json
import os
import pwd

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import processes
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import disclosure
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import flow_entry, record_text
from ansible_collections.order82.baseline.plugins.module_utils.observers import readers, translation
from ansible_collections.order82.baseline.plugins.module_utils.records import settings as record_settings

WARRANT = disclosure.warrant("A-1", "Data Security Law article 35; notice 1", ["Li 1", "Wang 2"])
SAID = json.loads(disclosure.texts(WARRANT, [{"address": "198.51.100.1"}], "0011", "ops")[0].partition(" ")[2])


def asked(**changes) -> str:
    return "asked " + json.dumps({**SAID, **changes})


def test_what_the_command_writes_is_complete():
    assert readers.asked_of(asked()) == "0011"


@pytest.mark.parametrize(
    "text",
    [
        asked(case=""),
        asked(basis=None),
        asked(officers=["Li 1"]),
        asked(officers=["Li 1", "Li  1"]),
        asked(by=""),
        asked(questions=[]),
        "asked 5",
        "asked {",
        "told {}",
        "",
    ],
)
def test_a_record_that_does_not_say_on_whose_authority_is_named(text):
    assert readers.asked_of(text) is None


@pytest.fixture
def settings(tmp_path, monkeypatch):
    store = tmp_path / "records"
    store.mkdir(mode=0o755)
    given = record_settings.Settings(str(store), ("session", "disclosure"), ("c1",), "nobody", 60, 1, 0)
    monkeypatch.setattr(record_settings, "load", lambda: given)
    return given


def test_who_may_read_and_is_not_declared_is_named(settings, monkeypatch, tmp_path):
    group, name = grp.getgrgid(os.getegid())[0], pwd.getpwuid(os.geteuid())[0]
    monkeypatch.setattr(record_settings, "group_of", lambda _class: group)
    known = sorted(readers.members(group))
    assert name in known
    found = readers.see_readers({"session": known}, str(tmp_path / "none"))
    assert found["strangers"] == [f"disclosure: {one}" for one in known]
    assert readers.see_readers({"session": known, "disclosure": known}, "")["strangers"] == []


def test_a_folder_that_everybody_may_look_into_is_named(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(record_settings, "group_of", lambda _class: "root")
    index = tmp_path / "index"
    for folder, mode in ((index, 0o755), (index / "2026-11-24.0011", 0o750), (tmp_path / "records" / "session", 0o755)):
        folder.mkdir()
        folder.chmod(mode)
    session = str(tmp_path / "records" / "session")
    assert readers.see_readers({}, str(index))["open"] == [session]
    (index / "2026-11-24.0011").chmod(0o755)
    assert readers.see_readers({}, str(index))["open"] == [str(index / "2026-11-24.0011"), session]
    index.chmod(0o700)
    assert readers.see_readers({}, str(index))["open"] == [session]


def row(text, uid=0):
    return (
        f'<30>1 2026-11-24T12:00:00.000001+00:00 c1 order82-disclosure 8 - [order82@32473 class="disclosure" boot="b" uid="{uid}" audit="" '
        f'claims="" login="" unit=""][stored@32473 at="2026-11-24T12:00:01+00:00" from="c1" marks=""] {text}\n'
    )


class Done:
    def __init__(self, returncode, stderr=b"", stdout=b""):
        self.returncode, self.stderr, self.stdout = returncode, stderr, stdout


@pytest.mark.parametrize(
    ("done", "refuses"),
    [
        (Done(2, b"order82: --case is missing: nobody is told without it\n"), True),
        (Done(0, b"", b"100.64.0.7\n"), False),
        (Done(3), False),
        (Done(2, b"order82: no module\n"), False),
    ],
)
def test_look_ups_are_counted_and_a_command_that_answers_is_seen(settings, tmp_path, monkeypatch, done, refuses):
    folder = tmp_path / "records" / "disclosure" / "2026-11-24"
    folder.mkdir(parents=True)
    rows = [row(asked()), row(asked()), row(asked(id="0022")), row(asked(id="0033"), uid=1000), row(asked(basis=""))]
    (folder / "c1.log").write_text("".join(rows))
    (folder / "web.log").write_text(row(asked(basis="")))  # no host that answers: its root writes what it likes
    monkeypatch.setattr(readers, "_COMMAND", str(folder / "c1.log"))
    monkeypatch.setattr(processes, "run", lambda _argv: done)
    assert readers.see_look_ups(["c1"]) == {
        "refuses": refuses,
        "look_ups": 2,
        "incomplete": ["disclosure/2026-11-24/c1.log line 5"],
    }


def test_destinations_are_counted_in_what_was_written():
    ends = (6, "100.64.0.7", 50000, "203.0.113.1", 4000)
    stream = record_text.Stream(1790000000000)
    without = stream.flows(1790000001000, [flow_entry.write(ends, 1790000000000, 1790000000500)])
    having = stream.flows(1790000001000, [flow_entry.write(ends, 1790000000000, None, ("192.0.2.1", 443))] * 2)
    assert translation.with_destination([without, having, "flows of nobody", ""]) == 2


@pytest.mark.parametrize(
    ("is_set", "basis", "number"), [(False, "", 0), (True, "", 1), (True, "order 5 of 2026-11-24", 0)]
)
def test_destinations_are_off_or_have_a_basis(tmp_path, monkeypatch, is_set, basis, number):
    file = tmp_path / "nat.json"
    file.write_text(json.dumps({"log_destinations": is_set}))
    monkeypatch.setattr(translation, "command", lambda _argv, ok: "")
    assert len(translation.see_destinations(basis, str(file))["undeclared"]) == number
