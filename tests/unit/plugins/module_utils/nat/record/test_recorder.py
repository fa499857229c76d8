# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder without a kernel: what it writes, and when."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import (
    conntrack,
    loss_accounting,
    record_text,
    recorder,
    translation_log,
)
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import settings as nat_settings

PLAN = ("shared,homes,100.64.0.0/10,198.51.100.10,1024,65535", "block,work,100.65.0.1,198.51.100.11,1024,2047")
AT = 1790000000123  # 14:13:20 UTC
MIDNIGHT = (AT // 86400000 + 1) * 86400000


def settings(**others) -> nat_settings.Settings:
    return nat_settings.Settings(plan=PLAN, capture=True, public=("198.51.100.0/24",), **others)


def flow(number: int, begin: int = AT - 60000, end: int = 0, **others) -> conntrack.Flow:
    return conntrack.Flow(
        17, "100.64.0.7", number, "198.51.100.10", 1024 + number, begin, end, "203.0.113.7", 53, number
    )._replace(**others)


class Texts(list):
    """What was written."""

    def entries(self, kind: str = "flows") -> list[str]:
        found = []
        for text in self:
            word, _pairs, entries = record_text.parse(text)
            if word == kind:
                found += entries
        return found

    def pairs(self, kind: str) -> list[dict]:
        return [pairs for word, pairs, _entries in map(record_text.parse, self) if word == kind]


@pytest.fixture(name="texts")
def _texts() -> Texts:
    return Texts()


def make(texts: Texts, **others) -> translation_log.Recorder:
    return translation_log.Recorder(settings(**others), texts.append, AT)


# Translations that ended


def test_an_entry(texts):
    one = make(texts)
    one.flows_ended([flow(5, begin=AT - 1, end=AT)], AT, 0.0)
    one.flush(AT + 4)
    assert texts == [
        "flows run=1790000000123 seq=1 at=1790000000.127 n=1 crc=%s %s" % (record_text.checksum(entry), entry)
        for entry in ["17,100.64.0.7,5,198.51.100.10,1029,1790000000.122,1790000000.123"]
    ]


def test_destination_only_when_asked(texts):
    one = make(texts, log_destinations=True)
    one.flows_ended([flow(5, end=AT)], AT, 0.0)
    one.flush(AT)
    assert texts.entries()[0].endswith(",203.0.113.7,53")


def test_waits_a_second_from_the_first_entry(texts):
    one = make(texts)
    one.flows_ended([flow(1, end=AT)], AT, 10.0)
    one.flows_ended([flow(2, end=AT)], AT, 10.9)
    assert one.due() == 11.0
    one.tick(AT, 10.99)
    assert not texts
    one.tick(AT, 11.0)
    assert len(texts.entries()) == 2
    assert one.due() is None


def test_a_full_list_is_written_at_once(texts):
    one = make(texts)
    one.flows_ended([flow(number, end=AT) for number in range(1000)], AT, 0.0)
    assert len(texts) > 5
    one.flush(AT)
    assert len(texts.entries()) == 1000
    assert max(map(len, texts)) <= 8192
    assert [len(part) for part in record_text.parts(texts.entries())] == [
        int(pairs["n"]) for pairs in texts.pairs("flows")
    ]


def test_without_an_end_it_ended_now(texts):
    one = make(texts)
    one.flows_ended([flow(1, end=0)], AT, 0.0)
    one.flush(AT)
    assert texts.entries()[0].endswith(",1790000000.123")


def test_a_begin_that_nobody_noted_lies_before_the_run(texts):
    one = make(texts)
    one.flows_ended([flow(1, begin=0, end=AT + 5000)], AT + 5000, 0.0)
    one.flush(AT)
    assert texts.entries()[0].split(",")[5] == "1790000000.123"


# Translations that go on


def look(one: translation_log.Recorder, flows: list, at: int, everything: bool = False) -> None:
    one.look_begins()
    one.flows_open(flows, at, 0.0, everything)
    one.look_ends()
    one.flush(at)


def test_open_ones_are_written_once(texts):
    one = make(texts)
    look(one, [flow(1)], AT)
    look(one, [flow(1)], AT + 30000)
    assert texts.entries() == ["17,100.64.0.7,1,198.51.100.10,1025,1789999940.123,"]
    assert one.open == 1


def test_young_ones_wait(texts):
    one = make(texts)
    look(one, [flow(1, begin=AT - 29999)], AT)
    assert not texts
    look(one, [flow(1, begin=AT - 29999)], AT + 1)
    assert len(texts.entries()) == 1


def test_all_at_the_first_and_the_last_look(texts):
    one = make(texts)
    look(one, [flow(1), flow(2, begin=AT)], AT, everything=True)
    look(one, [flow(1), flow(2, begin=AT)], AT + 30000)
    assert len(texts.entries()) == 2
    look(one, [flow(1), flow(2, begin=AT)], AT + 30000, everything=True)
    assert len(texts.entries()) == 4


def test_those_that_ended_are_forgotten(texts):
    one = make(texts)
    look(one, [flow(number) for number in range(100)], AT)
    look(one, [flow(1)], AT + 30000)
    assert len(one._written) == 1


def test_midnight_writes_plan_and_open_ones_again(texts):
    one = make(texts)
    look(one, [flow(1)], MIDNIGHT - 1000)
    assert not one.tick(MIDNIGHT - 1, 0.0)
    assert one.tick(MIDNIGHT, 0.0)
    assert sorted(texts.entries("plan")) == sorted(PLAN)
    assert not one.tick(MIDNIGHT + 1, 0.0)
    look(one, [flow(1)], MIDNIGHT + 1)
    assert len(texts.entries()) == 2


def test_midnight_in_the_middle_of_a_look(texts):
    one = make(texts)
    one.look_begins()
    one.flows_open([flow(1)], MIDNIGHT - 1, 0.0)
    one.tick(MIDNIGHT, 0.0)
    one.flows_open([flow(2)], MIDNIGHT, 0.0)
    one.look_ends()
    look(one, [flow(1), flow(2)], MIDNIGHT + 1)
    assert [entry.split(",")[2] for entry in texts.entries()] == ["1", "2", "1"]


def test_what_waits_at_midnight_is_written_before_the_new_plan(texts):
    one = make(texts)
    one.flows_ended([flow(1, end=AT)], MIDNIGHT - 1, 0.0)
    one.tick(MIDNIGHT, 0.1)
    assert [text.split()[0] for text in texts] == ["flows", "plan"]


# Plan, beat, stop


def test_a_large_plan_takes_several_texts(texts):
    plan = tuple("block,homes,100.64.%d.%d,198.51.100.10,1024,2047" % divmod(number, 256) for number in range(1000))
    one = translation_log.Recorder(nat_settings.Settings(plan=plan), texts.append, AT)
    one.write_plan()
    assert tuple(texts.entries("plan")) == plan
    assert {pairs["id"] for pairs in texts.pairs("plan")} == {record_text.plan_id(plan)}


def test_numbers_have_no_gap(texts):
    one = make(texts)
    one.write_plan()
    one.beat(AT, None, 0, 0)
    one.flows_ended([flow(number, end=AT) for number in range(300)], AT, 0.0)
    one.stop(AT)
    found = [int(record_text.parse(text)[1]["seq"]) for text in texts]
    assert found == list(range(1, len(texts) + 1))
    assert texts[-1].startswith("stop ")
    assert texts[1].endswith("plan=none open=0 begun=0 ended=0 lost=0 clock=none")


def test_growth_of_a_counter_over_a_new_plan():
    growth = loss_accounting.Growth()
    for plan, packets in [("a", 1000), ("a", 1010), ("b", 3), ("b", 5), ("b", 1), (None, 0)]:
        growth.see(plan, packets)
    assert growth.total == 10 + 3 + 2 + 1


# Between two runs


BEFORE = loss_accounting.Balance("a", 1000, 0, 50, 200, 210)  # ten more were recorded after the look


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (loss_accounting.Balance("a", 1000, 0, 40, 0, 0), 0),
        (loss_accounting.Balance("a", 1000, 0, 30, 0, 0), 10),  # ten of the old ones ended
        (loss_accounting.Balance("a", 1100, 0, 140, 0, 0), 0),  # new ones, all still there
        (loss_accounting.Balance("a", 1100, 0, 40, 0, 0), 100),  # new ones, gone again
        (loss_accounting.Balance("a", 1100, 0, 40, 90, 90), 10),  # of which the socket that was kept told of ninety
        (loss_accounting.Balance("a", 1100, 30, 40, 0, 0), 70),  # thirty may have begun during the look
        (loss_accounting.Balance("b", 60, 0, 40, 0, 0), 60),  # another plan was loaded
        (loss_accounting.Balance("a", 1000, 0, 45, 0, 0), 0),  # more than there can be is no loss
    ],
)
def test_lost_between_two_runs(after, lost):
    assert loss_accounting.lost_between(BEFORE, after) == lost


def test_state_comes_back(tmp_path):
    state = loss_accounting.State(str(tmp_path / "state"))
    assert state.load() is None
    state.save(BEFORE)
    state.save(BEFORE._replace(plan="a" * 16))
    assert loss_accounting.State(str(tmp_path / "state")).load() == BEFORE._replace(plan="a" * 16)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plan": 1}'])
def test_a_broken_state_is_none(tmp_path, text):
    (tmp_path / "state").write_text(text)
    assert loss_accounting.State(str(tmp_path / "state")).load() is None


# The loop, with a kernel that does as it is told


class Kernel:
    """Stands for the functions of C(conntrack)."""

    CaptureError = conntrack.CaptureError

    def __init__(self):
        self.faults, self.plan, self.packets, self.held, self.dropped = [], record_text.plan_id(PLAN), 0, 0, 0
        self.ended, self.open = [], []
        self.decoder = None

    def settings_faults(self):
        return self.faults

    def begun(self, table):
        return self.plan, self.packets

    def connections(self):
        return self.held or len(self.open)

    def Decoder(self, public):
        return public

    def Ended(self, decoder, buffer_bytes, reliable, descriptor):
        return self

    def fileno(self):
        return -1

    def Open(self, decoder):
        return Look(self.open)

    def read(self, most):
        flows, self.ended = self.ended[:most], self.ended[most:]
        return flows, bool(self.ended)

    def lost(self):
        return self.dropped


class Look:
    others = 0

    def __init__(self, flows):
        self.flows, self.total, self.done = list(flows), len(flows) + self.others, False

    def read(self):
        flows, self.flows = self.flows[:3], self.flows[3:]
        self.done = not self.flows
        return flows


@pytest.fixture(name="kernel")
def _kernel(monkeypatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(recorder, "conntrack", kernel)
    monkeypatch.setattr(recorder._Run, "_wait", lambda self, seconds: None)
    return kernel


def make_run(tmp_path, texts: Texts, **others) -> recorder._Run:
    return recorder._Run(settings(state=str(tmp_path / "state"), **others), texts.append)


def test_start_and_stop(kernel, texts, tmp_path):
    kernel.open = [flow(number, begin=AT) for number in range(7)]
    run = make_run(tmp_path, texts)
    run.start()
    kernel.packets, kernel.ended, kernel.open = 12, [flow(number, end=AT) for number in range(9)], [flow(3)]
    run.stop()
    first, last = texts.pairs("beat")
    assert (first["open"], first["ended"], first["begun"], first["lost"]) == ("7", "0", "0", "0")
    assert (last["open"], last["ended"], last["begun"], last["lost"]) == ("1", "9", "12", "0")
    assert len(texts.entries()) == 7 + 9 + 1
    assert [text.split()[0] for text in (texts[0], texts[-2], texts[-1])] == ["plan", "beat", "stop"]


def test_those_that_ran_out_and_were_not_collected_are_held(kernel, texts, tmp_path):
    kernel.open, kernel.held = [flow(1)], 5
    make_run(tmp_path, texts).start()
    assert texts.pairs("beat")[0]["open"] == "5"


def test_those_of_others_that_ran_out_make_the_balance_less_sure(kernel, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(Look, "others", 3)
    kernel.open, kernel.held = [flow(1)], 12  # one of four is ours, and eight ran out
    run = make_run(tmp_path, texts)
    run.start()
    assert texts.pairs("beat")[0]["open"] == "3"
    assert run.balance.slack == 6


def test_a_beat_every_half_minute(kernel, texts, tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(recorder.time, "monotonic", lambda: clock[0])
    run = make_run(tmp_path, texts)
    run.start()
    for _second in range(90):
        clock[0] += 1
        run.step()
    assert len(texts.pairs("beat")) == 4


def test_a_machine_that_slept_beats_once(kernel, texts, tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(recorder.time, "monotonic", lambda: clock[0])
    run = make_run(tmp_path, texts)
    run.start()
    clock[0] += 3600
    for _step in range(5):
        run.step()
    assert len(texts.pairs("beat")) == 2


def test_loss_is_counted_and_raises_the_alarm_once(kernel, texts, tmp_path, capsys):
    run = make_run(tmp_path, texts)
    run.start()
    assert "alarm" not in capsys.readouterr().err
    kernel.dropped = 17
    run.beat()
    run.beat()
    assert texts.pairs("beat")[-1]["lost"] == "17"
    said = capsys.readouterr().err
    assert said.startswith("<2>alarm: 17 translations ended unrecorded")
    assert said.count("\n") == 1
    kernel.dropped = 18
    run.beat()
    assert "18" in capsys.readouterr().err


def test_what_ended_while_no_recorder_ran_is_lost(kernel, texts, tmp_path, capsys):
    kernel.open = [flow(number) for number in range(10)]
    run = make_run(tmp_path, texts)
    run.start()
    kernel.ended, kernel.open = [flow(9, end=AT)], [flow(number) for number in range(9)]
    run.stop()
    kernel.packets, kernel.open = 5, [flow(1)]  # eight of nine and five new ones
    again = make_run(tmp_path, texts)
    again.start()
    assert texts.pairs("beat")[-1]["lost"] == "13"
    assert "13 of them while no recorder ran" in capsys.readouterr().err


def test_killed_in_between_counts_what_was_written(kernel, texts, tmp_path):
    kernel.open = [flow(number) for number in range(1000)]
    run = make_run(tmp_path, texts)
    run.start()
    kernel.ended, kernel.open = [flow(number, end=AT) for number in range(1000)], []
    run.step()  # and then it is killed, with the last list not yet written
    written = len([entry for entry in texts.entries() if not entry.endswith(",")])
    again = make_run(tmp_path, texts)
    again.start()
    assert 0 < written < 1000
    assert int(texts.pairs("beat")[-1]["lost"]) <= 1000 - written


def test_kernel_that_keeps_no_times_is_refused(kernel, texts, tmp_path):
    kernel.faults = ["net.netfilter.nf_conntrack_timestamp is 0 and must be 1, else ..."]
    with pytest.raises(conntrack.CaptureError, match="timestamp is 0"):
        make_run(tmp_path, texts).start()


def test_settings_of_the_kernel_that_change_raise_the_alarm(kernel, texts, tmp_path, capsys):
    run = make_run(tmp_path, texts)
    run.start()
    kernel.faults = ["net.netfilter.nf_conntrack_events is 0 and must be 1, else ..."]
    run.beat()
    run.beat()
    assert capsys.readouterr().err.count("<2>alarm: net.netfilter.nf_conntrack_events") == 1


def test_another_plan_in_the_kernel_is_said(kernel, texts, tmp_path, capsys):
    kernel.plan = "77aa01c2de83f046"
    make_run(tmp_path, texts).start()
    assert texts.pairs("beat")[0]["plan"] == "77aa01c2de83f046"
    assert "<4>warning: the kernel holds plan 77aa01c2de83f046" in capsys.readouterr().err


def test_reload_writes_a_plan_that_changed(kernel, texts, tmp_path):
    run = make_run(tmp_path, texts)
    run.start()
    run.reload(run.settings)
    assert len(texts.pairs("plan")) == 1
    run.reload(run.settings._replace(plan=PLAN[:1], snapshot_seconds=5, reliable=False))
    assert texts.pairs("plan")[-1]["id"] == record_text.plan_id(PLAN[:1])
    assert run.recorder.settings.snapshot_seconds == 5
    assert run.settings.reliable


def test_blocks_alone_need_no_capture(kernel, texts, tmp_path):
    kernel.held, kernel.packets = 812, 3
    run = recorder._Run(nat_settings.Settings(plan=PLAN, state=str(tmp_path / "state")), texts.append)
    run.start()
    run.step()
    run.stop()
    assert [text.split()[0] for text in texts] == ["plan", "beat", "beat", "stop"]
    assert texts.pairs("beat")[0]["open"] == "812"


# Settings


def write_settings(tmp_path, **others) -> str:
    path = tmp_path / "nat.json"
    path.write_text(json.dumps({"plan": list(PLAN), **others}))
    return str(path)


def test_settings_and_plan_in_a_file(tmp_path):
    (tmp_path / "plan").write_text("\n".join(PLAN) + "\n")
    path = tmp_path / "nat.json"
    path.write_text(json.dumps({"plan_entries_file": str(tmp_path / "plan"), "snapshot_seconds": 10}))
    assert nat_settings.load(str(path)) == nat_settings.Settings(plan=PLAN, snapshot_seconds=10)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"capture": True}, "public must name"),
        ({"capture": "yes"}, "capture must be bool"),
        ({"snapshot_seconds": 0}, "must be 1 or more"),
        ({"snapshot_seconds": True}, "must be int"),
        ({"public": ["198.51.100.300"]}, "public: "),
        ({"plan": []}, "no entries"),
        ({"plan": ["block,homes"]}, "no entry of a plan"),
        ({"plan": ["block,homes;x,100.64.0.7,198.51.100.10,1024,2047"]}, "no entry of a plan"),
        ({"plan_entries_file": "/etc/order82/plan"}, "either plan or plan_entries_file"),
        ({"snapshot": 1}, "no setting 'snapshot'"),
    ],
)
def test_settings_that_can_not_be(tmp_path, others, said):
    with pytest.raises(nat_settings.SettingsError, match=said):
        nat_settings.load(write_settings(tmp_path, **others))


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_settings_that_are_none(tmp_path, text):
    (tmp_path / "nat.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(nat_settings.SettingsError, match=r"nat\.json"):
        nat_settings.load(str(tmp_path / "nat.json"))


def test_no_settings(tmp_path):
    with pytest.raises(nat_settings.SettingsError, match="is missing: apply the role nat_gateway"):
        nat_settings.load(str(tmp_path / "none.json"))
