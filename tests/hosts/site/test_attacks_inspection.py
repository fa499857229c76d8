# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that somebody has taken over are inspected, and laid down: it costs the others nothing.

The Python by which Ansible asks them is a program of the attacker's.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ..conftest import Lab

LIAR = "/root/liar"
ATTACKER = "203.0.113.66"


@pytest.fixture
def lying(lab: Lab, tmp_path: Path) -> Iterator[Path]:
    """An inventory that makes web, gateway and vault be asked by that program."""
    names = ("web", "gateway", "vault")
    path = tmp_path / "liars.yml"
    hosts = {name: {"ansible_python_interpreter": LIAR} for name in names}
    hosts["web"]["order82_answer_seconds"] = "5"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    yield path
    for name in names:
        lab.do(name, f"rm -f {LIAR}")
    lab.green()


def teach(lab: Lab, host: str, *lines: str) -> None:
    """Have a host run these lines of shell, whatever it is asked."""
    lab.do(host, f"cat >{LIAR} <<'END'\n#!/bin/sh\n" + "\n".join(lines) + f"\nEND\nchmod 0755 {LIAR}")


def test_an_inspection_outlives_hosts_that_hang_flood_and_lie(lab: Lab, lying: Path, tmp_path: Path) -> None:
    teach(lab, "web", "cat >/dev/null", "exec sleep 100")
    teach(lab, "gateway", "cat >/dev/null", "exec head -c 200000000 /dev/zero")
    teach(lab, "vault", "cat >/dev/null", r"""printf '\norder82-answer:[{"check": "\\u001b[2J", "observed": NaN}]\n'""")
    reports = tmp_path / "reports"
    said = lab.play("playbooks/inspect.yml", "-e", f"order82_reports={reports}", "-i", str(lying), ok=(2,))
    result = json.loads((reports / "latest" / "result.json").read_text())
    outcomes: dict[str, set[str]] = {}
    for one in result["results"]:
        outcomes.setdefault(one["host"], set()).add(one["outcome"])
    assert all(outcomes[host] <= {"pass", "not_applicable", "waived"} for host in lab.collectors()), outcomes
    why = {
        "web": "it did not answer within 5 s",
        "gateway": "it answered with more than 4194304 bytes",
        "vault": "NaN in it is no number",
    }
    for host, words in why.items():
        assert outcomes[host] <= {"error", "not_applicable", "waived"}
        messages = [
            one["message"]["en"] for one in result["results"] if (one["host"], one["outcome"]) == (host, "error")
        ]
        assert messages
        assert all(words in message for message in messages), messages
    assert not [one for one in said if unicodedata.category(one) in {"Cc", "Cf"} and one not in "\n\t"]


def test_what_a_host_says_of_itself_opens_no_firewall_of_another(lab: Lab, lying: Path) -> None:
    """In the name of facts it gives itself another address; collectors let the hosts' addresses in."""
    facts = {"order82_address": ATTACKER, "distribution": "Debian", "os_family": "Debian"}
    answer = {"changed": False, "ansible_facts": facts, "answer": {"brought": {"ansible_facts": facts}, "looks": {}}}
    teach(lab, "web", f"echo '{json.dumps(answer)}'")
    lab.apply("host_firewall", "web:collector1", "-i", str(lying), ok=(2, 4))
    rules = lab.do("collector1", "nft list ruleset; cat /etc/order82/firewall.nft")
    assert "10.82.3.20" in rules
    assert ATTACKER not in rules
