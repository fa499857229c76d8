# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.ids.commands import dropped
from ansible_collections.order82.baseline.plugins.module_utils.ids.rules import rules_in
from ansible_collections.order82.baseline.plugins.module_utils.ids.sight import seen
from ansible_collections.order82.baseline.plugins.module_utils.observers.intrusion import queues


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [
        ((0, 0), None, 0),
        ((90, 10), None, 10),
        ((190, 10), (90, 10), 0),
        ((180, 20), (90, 10), 10),
        ((90, 10), (1000, 500), 10),  # it was restarted meanwhile
    ],
)
def test_what_was_dropped_since_the_last_look(now, before, percent):
    assert dropped(now, before) == percent


def test_only_the_test_packets_alerts_count_as_seen():
    lines = [
        '{"event_type":"alert","in_iface":"eth0","src_port":1,"alert":{"signature_id":8200001}}',
        '{"event_type":"alert","in_iface":"eth0","src_port":2,"alert":{"signature_id":8200002}}',
        '{"event_type":"stats"}',
        "i: threads: Engine started.",
        "[]",
    ]
    assert seen(lines) == {("eth0", 1)}


def test_rules_are_counted_where_they_are_on(tmp_path):
    path = tmp_path / "x.rules"
    path.write_text(
        "alert tcp any any -> any any (sid:1;)\n# alert off\n\ndrop ip any any -> any any (sid:2;)\n<html>\n"
    )
    assert rules_in(str(path)) == 2


def test_queues_are_read_as_the_kernel_shows_them():
    # As with Linux 6.12; the first line is another program's.
    said = "    1  -1523  0 2 65531    0    0        4  1\n   82   2401  3 2 65531    7    5     1000  1\n"
    assert queues(said) == {1: (4, 0), 82: (1000, 12)}
    assert queues("") == {}
