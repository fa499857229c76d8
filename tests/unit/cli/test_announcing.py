# SPDX-License-Identifier: GPL-3.0-or-later
"""./baseline maintenance: what is no announcement is refused before any host is asked."""

from __future__ import annotations

import json

import pytest

from cli import maintenance
from cli.__main__ import parser
from cli.errors import BaselineError


@pytest.fixture
def played(monkeypatch):
    """A function that runs the command and gives back the variables and the other words of the playbook."""
    calls = []
    monkeypatch.setattr(maintenance, "playbook", lambda name, inventory, words: calls.append((name, inventory, words)))

    def run(*words):
        options = parser().parse_args(["maintenance", *words])
        options.run(options)
        [(name, inventory, given)] = calls
        assert name == "playbooks/maintenance.yml"
        assert str(inventory) == "ours"
        return json.loads(given[1]), given[2:]

    return run


def test_who_why_and_how_long_reach_the_hosts(played):
    words = ["begin", "-i", "ours", "--limit", "web", "--reason", "new disks", "--minutes", "90", "--by", "li"]
    said, others = played(*words)
    assert said == {
        "maintenance": "begin",
        "maintenance_reason": "new disks",
        "maintenance_minutes": 90,
        "maintenance_by": "li",
    }
    assert others == ["--limit", "web"]


@pytest.mark.parametrize("verb", ["end", "show"])
def test_the_end_needs_no_reason(played, verb):
    assert played(verb, "-i", "ours") == ({"maintenance": verb}, [])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--reason", "x"],
        ["--minutes", "5"],
        ["--reason", " ", "--minutes", "5"],
        ["--reason", "x", "--minutes", "0"],
    ],
)
def test_what_is_no_announcement_is_refused(played, words):
    with pytest.raises(BaselineError, match="--reason"):
        played("begin", "-i", "ours", *words)
