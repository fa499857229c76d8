# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what logrotate --debug says."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import rotation


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("rotating pattern: /var/log/apt/term.log  monthly (12 rotations)", 360),
        ("rotating pattern: /var/log/a.log  weekly (4 rotations)", 28),
        ("rotating pattern: /var/log/a.log  after 1 days (60 rotations)", 60),
        # Debian 13's logrotate says more, and breaks the list of paths over lines.
        (
            "rotating pattern: /var/log/dpkg.log monthly empty log files are not rotated, (12 rotations), old logs are removed",
            360,
        ),
        (
            "rotating pattern: /var/log/a.log\n/var/log/b.log after 1 days empty log files are rotated, (60 rotations), old",
            60,
        ),
        ("rotating pattern: /var/log/a.log  1048576 bytes (5 rotations)", 0),
        ("rotating pattern: /var/log/a.log\n/var/log/b.log\n  after 1 days (60 rotations)", 60),
    ],
)
def test_days_kept(text, days):
    found, errors = rotation.rules(text)
    assert ([rule["days"] for rule in found], errors) == ([days], [])


def test_errors_are_reported():
    assert rotation.rules("error: evil:1 duplicate log entry for /var/log/auth.log")[1]


def test_what_is_not_understood_is_an_error():
    assert rotation.rules("rotating pattern: gibberish")[1]
