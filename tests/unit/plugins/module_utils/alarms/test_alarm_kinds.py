# SPDX-License-Identifier: GPL-3.0-or-later
"""What measures say of themselves is known by the table, and what they say again is the same."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import kinds, texts
from ansible_collections.order82.baseline.plugins.plugin_utils import law

ROOT = Path(__file__).resolve().parents[5]
SAID = {
    "the interface eth0 is down": ("network_link", "eth0"),
    "the interface eth0 has 17 packets dropped a minute": ("network_packets", "eth0 dropped"),
    "connection tracking is full to 81 %": ("connection_tracking", ""),
    "the peer upstream does not answer": ("peer", "upstream"),
    "the account ops (1000) has written 410 MB into the journal today, more than ...": ("crowding", "ops"),
    "the account ops (1000) is no longer held back": ("crowding", "ops"),
    "the intrusion detection does not keep up: eth1 ...": ("intrusion_detection", ""),
    "the intrusion detection keeps up again": ("intrusion_detection", ""),
    "the source 'site' gave no rules; those in force stay": ("intrusion_rules", "the source 'site'"),
    "http://mirror gave no usable signatures (x); those that are there stay in force": ("signatures", "http://mirror"),
    "the self-test of the antivirus failed: x": ("antivirus_test", ""),
    "the watch over files has lost a folder: it is started anew": ("antivirus_watch", ""),
    '"/srv/www/a b" is infected and can\'t be opened: x': ("infected", ""),
    "the disk of /srv/records has 4 % left, less than 15 %: ...": ("disk", "/srv/records"),
    "receiving is stopped until 5 % are free; ...": ("receiving", ""),
    "web has 1e+02 % of the disk of /srv/records, and ...": ("share", "web"),
    "web sends 5100 kB/s, which is more than 5000 kB/s: ...": ("rate", "web"),
    "on web the account 33 writes what only claims to be of class session (3): ...": ("claims", "web 33"),
    "nothing is purged: the clock is not synchronised": ("purge", ""),
    "session 2026-11-23 is not sealed: No space left on device": ("seal", "session 2026-11-23"),
    "session/2026-11-23/web.log is not what it was when its day was closed: ...": ("altered", "session/2026-11-23/web.log"),
    "open_days of class session failed: x": ("store", "open_days session"),
    "which days there are can't be said: x": ("store", "which days there are"),
    "3 translations ended unrecorded, 0 of them while ...": ("translations_lost", ""),
    "net.netfilter.nf_conntrack_events is 0": ("translation_settings", ""),
    "no backup of pages to vault: x": ("backup", "pages vault"),
    "no whole backup of pages to vault: x": ("backup", "pages vault"),
    "no log of shop to vault: x": ("backup_log", "shop vault"),
    "pages can't be restored from vault: x": ("drill", "pages vault"),
    "the repository of web: files that ...": ("repository", "web"),
    "/srv/backup has 4.2 % room left": ("repository_room", "/srv/backup"),
    "the new firewall rules were not confirmed in time and are undone; ...": ("firewall_undone", ""),
    "nothing is sealed: the clock is not synchronised": ("seal", ""),
    "time_sync was changed: chrony.service: does not run (inactive); asked for by ops (sudo)": ("changed", "time_sync chrony.service"),
    "time_sync: chrony.service is changed again and again, and put right less often": ("fought", "time_sync chrony.service"),
    "check time_sync.running is not passed: active: expected true, seen false": ("check", "time_sync.running"),
    "check time_sync.running is passed again": ("check", "time_sync.running"),
    "the self-check can't look: no checks were left": ("self_check", ""),
    "alarms do not reach duty: Connection refused": ("undelivered", "duty"),
    "alarms reach duty again": ("undelivered", "duty"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SAID)
def test_each_alarm_that_there_is_is_known(sentence):
    kind, subject = kinds.of(sentence)
    assert (kind.name, subject) == SAID[sentence]


def test_no_row_is_left_out():
    assert {name for name, _subject in SAID.values()} == {kind.name for kind in kinds.TABLE}


def test_the_words_of_the_code_are_in_the_table():
    """Each sentence that a measure says as an alarm, as it stands in the code, begins as one of SAID does."""
    found = set()
    for folder in ("plugins/module_utils", "roles"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".j2") and "/alarms/" not in path.as_posix():
                found |= set(re.findall(r"<2>alarm: ([a-z][^%\"\\]{8,})", path.read_text(encoding="utf-8")))
    assert len(found) > 5
    ends = (" x to y:", " x (1) has written")
    assert [one for one in found if all(kinds.of(one.strip() + end)[0] is kinds.OTHER for end in ends)] == []


def test_what_nobody_knows_is_the_same_whatever_its_numbers_and_high():
    one, other = kinds.of("the flux of eth0 is 12 of 40"), kinds.of("the flux of eth0 is 13 of 40")
    assert one == other == (kinds.OTHER, "the flux of eth0 is # of #")
    assert kinds.of("the flux of eth1 is 12 of 40") != one
    assert kinds.OTHER.severity == kinds.HIGH


@pytest.mark.parametrize("kind", kinds.TABLE, ids=lambda kind: kind.name)
def test_each_row_has_words_clauses_and_an_end(kind):
    known = set(law.load_law().provisions)
    assert set(kind.provisions) <= known
    assert kind.severity in kinds.SEVERITIES
    assert kind.ends in (kinds.WORD, kinds.REPEATS, kinds.EVENT)
    assert all((kind.zh, kind.en, kind.first, kind.provisions))
    assert texts.clauses(kind)[0].startswith("第")


def test_a_clause_in_chinese():
    assert texts.clauses(kinds.of("3 translations ended unrecorded")[0]) == (
        "第八条（二）项、第十条（三）项",
        "article 8(2), article 10(3)",
    )
    assert texts.clauses(kinds.of("nothing is purged")[0])[0] == "第十三条"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\r\nBcc: x@y\x1b[2J", "a\\u000d\\u000aBcc: x@y\\u001b[2J"),
        ("\u202egnp.exe\u2028", "\\u202egnp.exe\\u2028"),
        ("\udcff", "\\udcff"),
        ("例 ok", "例 ok"),
    ],
)
def test_what_a_terminal_or_a_mail_would_obey_is_shown(text, clean):
    assert kinds.clean(text) == clean


def test_a_sentence_has_a_length():
    assert len(kinds.clean("x" * 100_000)) == kinds.MOST


@pytest.mark.parametrize("text", ['"' * 250_000, "x" * 250_000, "on " * 80_000, "1 " * 120_000, "a gave no " * 25_000])
def test_a_long_sentence_costs_no_more_than_a_short_one(text):
    begin = time.process_time()
    for _number in range(20):
        kinds.of(text)
    assert time.process_time() - begin < 1
