# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of the journal for a verdict is what journald vouches for, whatever others call themselves."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import audit
from ansible_collections.order82.baseline.plugins.module_utils.ids import sight
from ansible_collections.order82.baseline.plugins.module_utils.observers import bans, network, translation


@pytest.fixture
def asked(monkeypatch):
    """The commands that were run; none of them has anything to say."""
    found = []

    class Done:
        returncode, stdout, stderr = 0, b"", b""

    for module in (bans, network, translation):
        monkeypatch.setattr(module, "command", lambda argv, ok=(0,): found.append((argv, ok)) or "")
    for module in (audit, sight):
        monkeypatch.setattr(module.processes, "run", lambda argv: found.append((argv, None)) or Done)
    monkeypatch.setattr(translation.conntrack, "settings_faults", list)
    monkeypatch.setattr(audit, "SECONDS", 0.01)
    return found


@pytest.mark.parametrize(
    ("look", "matches"),
    [
        (
            translation.see_translation_records,
            ["_SYSTEMD_UNIT=order82-nat-record.service", "_SYSTEMD_UNIT=order82-nat.service"],
        ),
        (lambda: network.see_record({}), ["_SYSTEMD_UNIT=order82-network.service"]),
        (lambda: bans._journal(["fail2ban.actions"], "Ban ", 600, 0), ["_SYSTEMD_UNIT=fail2ban.service"]),
        (
            lambda: bans._journal(["sshd", "sshd-session"], "^Failed ", 600, 15),
            ["_UID=0", "_EXE=/usr/sbin/sshd", "+", "_UID=0", "_EXE=/usr/lib/openssh/sshd-session"],
        ),
        (audit.reaches_the_journal, ["_SYSTEMD_UNIT=auditd.service"]),
        (lambda: sight._journal(0), ["_SYSTEMD_UNIT=suricata.service", "_SYSTEMD_UNIT=order82-ids-inline.service"]),
    ],
)
def test_the_journal_is_asked_for_the_senders_that_are_vouched(asked, look, matches):
    look()
    argv = asked[-1][0]
    assert argv[0] == "journalctl"
    assert argv[-len(matches) :] == matches


def test_a_source_that_is_no_address_breaks_no_count():
    lines = [f"Failed password for root from {source} port 1 ssh2" for source in ("UNKNOWN", "192.0.2.1", "mark-1")]
    assert bans.failed(lines) == {"192.0.2.1": 1}
