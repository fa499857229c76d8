# SPDX-License-Identifier: GPL-3.0-or-later
"""Content that an intrusion detection keeps is found in what Suricata itself says of its settings, and in its events."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.ids import contents
from ansible_collections.order82.baseline.plugins.module_utils.observers import intrusion

# As suricata 7.0.10 prints it (--dump-config) of the role's file.
OURS = """\
outputs = (null)
outputs.0 = eve-log
outputs.0.eve-log = (null)
outputs.0.eve-log.enabled = yes
outputs.0.eve-log.filetype = syslog
outputs.0.eve-log.types = (null)
outputs.0.eve-log.types.0 = alert
outputs.0.eve-log.types.0.alert = (null)
outputs.0.eve-log.types.0.alert.tagged-packets = no
coredump.max-dump = unlimited
profiling.pcap-log.enabled = no
profiling.pcap-log.filename = pcaplog_stats.log
"""


def test_ours_keeps_nothing():
    assert contents.kept(OURS) == []


@pytest.mark.parametrize(
    "line",
    [
        "outputs.0.eve-log.types.0.alert.payload = yes",
        "outputs.0.eve-log.types.0.alert.payload-printable = true",
        "outputs.0.eve-log.types.0.alert.packet = 1",
        "outputs.0.eve-log.types.0.alert.http-body = on",
        "outputs.0.eve-log.types.0.alert.tagged-packets = YES",
        "outputs.0.eve-log.types.1.http.dump-all-headers = both",
        "outputs.1.pcap-log.enabled = yes",
        "outputs.2.file-store.enabled = yes",
        "outputs.3.tcp-data.enabled = yes",
        "outputs.4.alert-debug.enabled = yes",
    ],
)
def test_each_way_to_keep_content_is_named(line):
    assert contents.kept(f"{OURS}{line}\n") == [line]
    off = line.rpartition(" = ")[0] + " = no"
    assert contents.kept(f"{OURS}{off}\n") == []


def test_a_store_that_does_not_say_whether_it_is_on_counts_as_on():
    dump = f"{OURS}outputs.1 = pcap-log\noutputs.1.pcap-log = (null)\noutputs.1.pcap-log.filename = log.pcap\n"
    assert contents.kept(dump) == ["outputs.1 = pcap-log"]


def test_what_a_process_was_given_past_its_file_counts():
    argv = [
        "/usr/bin/suricata",
        "--af-packet",
        "-c",
        "/etc/a.yaml",
        "--set",
        "outputs.1=x",
        "--set=a=b",
        "-c/b",
        "--pidfile",
        "/p",
        "",
    ]
    assert contents.settings_of(argv) == ["-c", "/etc/a.yaml", "--set", "outputs.1=x", "--set=a=b", "-c/b"]


@pytest.mark.parametrize(
    ("event", "carries"),
    [
        ({"event_type": "alert", "alert": {"signature": "payload"}}, False),
        ({"event_type": "alert", "payload": "R0VU"}, True),
        ({"event_type": "alert", "packet": "R0VU", "packet_info": {"linktype": 1}}, True),
        ({"event_type": "alert", "http": {"http_body": "x"}}, True),
        (["payload"], False),
    ],
)
def test_events_that_carry_content(event, carries):
    assert contents.carries(json.dumps(event)) is carries


def test_what_is_no_event_carries_none():
    assert not contents.carries('Notice: suricata: "payload": "x"')


@pytest.mark.parametrize(
    ("dump", "events", "kept"),
    [
        (OURS, '{"event_type": "alert"}\n', []),
        (OURS + "outputs.1.pcap-log.enabled = yes\n", "", ["suricata.service: outputs.1.pcap-log.enabled = yes"]),
        (OURS, '{"payload": "R0VU"}\n', ["suricata.service: 1 of its last events carry content"]),
    ],
)
def test_the_observer_asks_the_engine_that_runs(monkeypatch, dump, events, kept):
    asked = []

    def command(argv, ok=(0,)):
        asked.append(argv)
        pid = os.getpid() if argv[-1] == "suricata.service" else 0
        shown = f"MainPID={pid}\nActiveEnterTimestamp=@1790000000\n"
        return {"systemctl": shown, "journalctl": events}.get(argv[0], dump)

    monkeypatch.setattr(intrusion, "command", command)
    # One that does not run keeps nothing.
    assert intrusion.see_contents(["suricata.service", "order82-ids-inline.service"]) == {"kept": kept}
    assert asked[1][:2] == ["/usr/bin/suricata", "--dump-config"]
    assert {"--unit=suricata.service", "--since=@1790000000"} <= set(asked[2])
