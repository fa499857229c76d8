# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop of the recorder, with a kernel that does as it is told."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.plan import plan_id
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import netlink, recorder
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import settings as nat_settings
from recording import AT, PLAN, Texts, flow, settings


class Kernel:
    """Stands for the functions of C(conntrack) and C(nftables)."""

    def __init__(self):
        self.faults, self.plan, self.packets, self.held, self.dropped = [], plan_id(PLAN), 0, 0, 0
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
    monkeypatch.setattr(recorder, "nftables", kernel)
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
    with pytest.raises(netlink.KernelError, match="timestamp is 0"):
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
    assert texts.pairs("plan")[-1]["id"] == plan_id(PLAN[:1])
    assert run.log.settings.snapshot_seconds == 5
    assert run.settings.reliable


def test_blocks_alone_need_no_capture(kernel, texts, tmp_path):
    kernel.held, kernel.packets = 812, 3
    run = recorder._Run(nat_settings.Settings(plan=PLAN, state=str(tmp_path / "state")), texts.append)
    run.start()
    run.step()
    run.stop()
    assert [text.split()[0] for text in texts] == ["plan", "beat", "beat", "stop"]
    assert texts.pairs("beat")[0]["open"] == "812"
