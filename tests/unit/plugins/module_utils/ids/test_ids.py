# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import socket
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.ids import engine, rules
from ansible_collections.order82.baseline.plugins.module_utils.ids.commands import command_rules, dropped
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


OURS = """\
# Ansible managed
alert udp any any -> 255.255.255.255 9 (msg:"order82 self-test"; content:"order82-self-test"; sid:8200001; rev:1;)
alert tcp any any -> $HOME_NET any (msg:"order82 SYN flood; sid:1;"; flow:to_server,stateless; \\
    flags:S; classtype:attempted-dos; sid:8200003; rev:2;)
# alert tcp any any -> any any (msg:"off"; sid:8200099;)
"""
# As suricata-update 1.3.4 writes it (Debian 13, and the backports of 12).
COMPILED = """\
# alert http any any -> any any (msg:"FILEEXT JPG file claimed"; fileext:"jpg"; sid:1; rev:1;)
alert tcp any any -> $HOME_NET any (msg:"order82 SYN flood; sid:1;"; flow:to_server,stateless; flags:S; classtype:attempted-dos; sid:8200003; rev:2;)
alert udp any any -> 255.255.255.255 9 (msg:"order82 self-test"; content:"order82-self-test"; sid:8200001; rev:1;)
alert tcp any any -> any 4444 (msg:"a rule of the site"; flags:S; sid:9000001; rev:1;)
"""


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """The file in force, beside our own rules."""
    monkeypatch.setattr(rules, "LOCAL", str(tmp_path))
    monkeypatch.setattr(rules, "SITE", str(tmp_path / "suricata"))
    (tmp_path / "suricata").mkdir()
    monkeypatch.setattr(rules, "IN_FORCE", str(tmp_path / "in-force"))
    (tmp_path / "order82.rules").write_text(OURS)
    (tmp_path / "in-force").write_text(COMPILED)
    return tmp_path / "in-force"


def test_all_are_in_force(compiled):
    assert rules.local().lost == []


def test_rules_of_sources_are_told_from_local_ones(compiled):
    assert rules.rules_in(str(compiled)) - rules.local().in_force == 1
    compiled.write_text("".join(COMPILED.splitlines(keepends=True)[:3]))
    assert rules.rules_in(str(compiled)) - rules.local().in_force == 0


MISSING = "rule 8200003 of order82.rules is not among those in force"
ANOTHER = "rule 8200003 of order82.rules is in force with another text"


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("sid:8200003;", "sid:8200004;", [MISSING]),
        ("alert tcp any any -> $HOME_NET", "# alert tcp any any -> $HOME_NET", [MISSING]),
        ("flags:S; classtype", "flags:SA; classtype", [ANOTHER]),
        ("alert tcp any any -> $HOME_NET", "pass tcp any any -> $HOME_NET", [ANOTHER]),
        ("flags:S; classtype:attempted-dos; sid:8200003; rev:2", "flags:S; sid:8200003; rev:3", []),
    ],
)
def test_a_rule_that_was_taken_out_or_changed_is_named(compiled, was, now, said):
    assert was in COMPILED
    compiled.write_text(COMPILED.replace(was, now))
    assert rules.local().lost == said


@pytest.mark.parametrize(
    ("file", "change", "found"),
    [
        (("disable.conf", "# ours\n1:8200003  # too many\n"), ("alert tcp any any -> $HOME", "# x"), ([], [8200003])),
        (("disable.conf", "8200003\n"), ("sid:8200003;", "sid:8200004;"), ([], [8200003])),
        (("disable.conf", "82000030\n2:8200003\n#8200003\nre:8200003\n"), ("sid:8200003;", "sid:9;"), ([MISSING], [])),
        (("modify.conf", '8200003 "flags:S" "flags:SA"\n'), ("flags:S; class", "flags:SA; class"), ([], [])),
        (("drop.conf", "re:flood\n"), ("alert tcp any any -> $HOME", "drop tcp any any -> $HOME"), ([], [])),
        (("drop.conf", "re:flood\n"), ("alert tcp any any -> $HOME", "pass tcp any any -> $HOME"), ([ANOTHER], [])),
    ],
)
def test_what_the_site_says_of_a_rule_counts(compiled, file, change, found):
    (compiled.parent / "suricata" / file[0]).write_text(file[1])
    compiled.write_text(COMPILED.replace(*change))
    assert compiled.read_text() != COMPILED
    assert rules.local()[:2] == found


def test_without_a_file_in_force_all_are_missing(compiled):
    compiled.unlink()
    assert len(rules.local().lost) == 2
    answer, _said, code = command_rules(None)
    assert (len(answer["wrong"]), code) == (2, 1)


@pytest.fixture
def suricata(tmp_path, monkeypatch):
    """Answers as Suricata 7.0.10 does, with as many rules as it is told."""
    path = str(tmp_path / "socket")
    has = {"rules": 3}
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve():
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b'{"return": "OK"}')
                connection.recv(4096)
                said = [{"id": 0, "rules_loaded": has["rules"], "rules_failed": 0, "rules_skipped": 0}]
                connection.sendall(json.dumps({"message": said, "return": "OK"}).encode())

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(engine, "SOCKET", path)
    monkeypatch.setattr(engine, "INLINE_SOCKET", path + "-inline")
    yield has
    listener.close()


def test_an_engine_that_has_read_other_rules_is_named_when_it_had_time_to(compiled, suricata):
    assert rules.unread() == []
    suricata["rules"] = 2
    assert rules.unread() == [], "it may read them just now"
    os.utime(compiled, (0, 0))
    assert [one.partition(" has ")[2] for one in rules.unread()] == ["read 2 rules, the file has 3"]
    suricata["rules"] = 3
    assert rules.unread() == []
    assert command_rules(None) == ({"wrong": []}, "all local rules are in force", 0)
