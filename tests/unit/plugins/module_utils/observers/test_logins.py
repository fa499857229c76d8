# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a login by SSH off the record; texts are those of Debian 12 (OpenSSH 9.2) and 13 (10.0)."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import logins


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("-D", [("-D", None)]),
        ("-D -o LogLevel=QUIET -q", [("-D", None), ("-o", "LogLevel=QUIET"), ("-q", None)]),
        ("-Dq -oLogLevel=ERROR", [("-D", None), ("-q", None), ("-o", "LogLevel=ERROR")]),
        ("-o LogLevel QUIET -f /etc/ssh/other", [("-o", "LogLevel QUIET"), ("-f", "/etc/ssh/other")]),
        ("-E /var/log/sshd -4", [("-E", "/var/log/sshd"), ("-4", None)]),
        ("", []),
    ],
)
def test_how_a_running_sshd_was_started(words, options):
    title = f"sshd: /usr/sbin/sshd {words} [listener] 0 of 10-100 startups".replace("  ", " ")
    assert logins.options_of(title) == options


def test_without_one_that_waits_nothing_is_known_of_options():
    assert logins.options_of("") == []


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    monkeypatch.setattr(logins, "CONFIG", str(tmp_path / "sshd_config"))
    (tmp_path / "sshd_config.d").mkdir()
    return tmp_path


MAIN = """\
Include sshd_config.d/*.conf
LogLevel VERBOSE
# Match User x
X11Forwarding yes
Match User git
    #LogLevel QUIET
    LogLevel INFO
"""


def test_the_files_of_debian_hide_nobody(ssh):
    (ssh / "sshd_config").write_text(MAIN)
    assert logins.matched(logins.CONFIG) == []


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "sshd_config",
            "Match Address 192.0.2.9\nLogLevel QUIET\n",
            "sshd_config:2: LogLevel QUIET (Match Address 192.0.2.9)",
        ),
        ("sshd_config", 'match all\n\tloglevel = "fatal"\n', 'sshd_config:2: LogLevel "fatal" (Match all)'),
        (
            "sshd_config.d/x.conf",
            "Match User a,b\n\nLOGLEVEL=Error",
            "sshd_config.d/x.conf:3: LogLevel Error (Match User a,b)",
        ),
    ],
)
def test_a_match_that_hides_somebody_is_named(ssh, name, text, sentence):
    (ssh / "sshd_config").write_text(MAIN)
    path = ssh / name
    before = path.read_text() if path.exists() else ""
    path.write_text(text + before)
    assert logins.matched(logins.CONFIG) == [f"{ssh}/{sentence}"]


def test_a_file_that_a_match_includes_is_read_with_its_condition(ssh):
    (ssh / "sshd_config").write_text("Match Group hidden\n  Include other\n")
    (ssh / "other").write_text("LogLevel QUIET\n")
    assert logins.matched(logins.CONFIG) == [f"{ssh}/other:1: LogLevel QUIET (Match Group hidden)"]


def test_what_the_journal_takes_of_the_unit():
    assert logins._of_the_unit("LogLevelMax=-1\nLogNamespace=\nId=ssh.service\n") == []
    assert logins._of_the_unit("LogLevelMax=7\nLogNamespace=\nLogFilterPatterns=\n") == []
    assert logins._of_the_unit("LogLevelMax=3\nLogNamespace=hidden\nId=ssh.service\n") == [
        "ssh.service has LogLevelMax=3",
        "ssh.service has LogNamespace=hidden",
    ]
