# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.order82.baseline.plugins.module_utils.observers.bans import failed, unbanned


def test_failures_are_counted_by_source_in_the_words_of_both_debians():
    assert failed(
        [
            "Failed password for invalid user admin from 192.0.2.1 port 4711 ssh2",
            "Failed password for root from 192.0.2.1 port 4712 ssh2",
            "Failed publickey for root from 2001:db8::1 port 9 ssh2: RSA SHA256:abc",
            "Accepted password for root from 192.0.2.9 port 1 ssh2",
            "Connection closed by 192.0.2.8 port 5",
        ]
    ) == {"192.0.2.1": 2, "2001:db8::1": 1}


def test_a_user_name_that_looks_like_a_source_does_not_put_the_blame_on_another():
    lines = ["Failed password for invalid user x from 203.0.113.9 port 1 ssh2 from 192.0.2.1 port 4711 ssh2"]
    assert failed(lines) == {"192.0.2.1": 1}


def test_who_failed_too_often_was_banned_or_is_spared_or_is_named():
    failures = {"192.0.2.1": 5, "192.0.2.2": 9, "192.0.2.3": 4, "10.0.0.1": 50, "2001:db8::1": 6}
    assert unbanned(failures, {"192.0.2.2"}, 5, ["10.0.0.0/8"]) == ["192.0.2.1", "2001:db8::1"]
