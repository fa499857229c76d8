# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that lies, hangs or floods costs itself its results, and nobody else anything: by the playbook itself."""

from __future__ import annotations

import json
import time
from xml.etree import ElementTree

import pytest
from attacks import ANSWERS, entry, harmful
from inspecting import HERE, Inspection, check

CHECKS = [check("first", "/"), check("second", "/")]
MARK = "\norder82-answer:"


def liar(folder, name, answer):
    """A host whose Python says this, whatever it is asked."""
    folder.mkdir(exist_ok=True)
    program, said = folder / name, folder / f"{name}.said"
    said.write_text(answer, encoding="utf-8")
    program.write_text(f"#!/bin/sh\ncat '{said}'\n")
    program.chmod(0o755)
    return {**HERE, "ansible_python_interpreter": str(program)}


def by_ssh(folder, name, *lines):
    """A host behind a program that stands for ssh: what the controller hears of a host is what this prints."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    program.chmod(0o755)
    return {"ansible_connection": "ssh", "ansible_ssh_executable": str(program), "order82_folder": "/"}


def names():
    """A host name for each attack."""
    return {f"liar{number}": name for number, name in enumerate(ANSWERS)}


def lying(tmp_path_factory, way, wrapped, pipelining):
    folder = tmp_path_factory.mktemp(way)
    hosts = {"here": HERE} | {
        host: liar(folder / "liars", host, wrapped(ANSWERS[name])) for host, name in names().items()
    }
    return Inspection(folder, hosts, CHECKS, "--forks=4", pipelining=pipelining)


@pytest.fixture(scope="module")
def by_program(tmp_path_factory):
    """All attacks in the way in which most hosts are asked."""
    return lying(tmp_path_factory, "program", lambda answer: f"{MARK}{answer}\n", "1")


@pytest.fixture(scope="module")
def by_module(tmp_path_factory):
    """All attacks in the way of Ansible's modules."""
    return lying(
        tmp_path_factory,
        "module",
        lambda answer: (
            '{"changed": false, "warnings": ["%s"], "ansible_facts": {"order82_folder": "/mine"}, '
            '"add_host": {"host_name": "planted", "groups": []}, "observations": %s}\n' % ("\\u001b[31m\\u202e", answer)
        ),
        "0",
    )


@pytest.fixture(params=["by_program", "by_module"])
def run(request):
    """An inspection of one host in order among all attackers."""
    return request.getfixturevalue(request.param)


def test_the_report_of_the_others_comes(run):
    assert run.report is not None, run.output[-3000:]
    assert run.outcomes("here") == {"site.first": "pass", "site.second": "pass"}


@pytest.mark.parametrize("host", names(), ids=ANSWERS)
def test_an_attack_is_an_error_of_its_own_checks(run, host):
    if names()[host] == "controls in a fact":
        assert run.outcomes(host) == {"site.first": "fail", "site.second": "pass"}  # its shape is right
        return
    if names()[host] == "half a character":
        assert run.outcomes(host) == {"site.first": "pass", "site.second": "pass"}  # it is written out
        return
    assert run.outcomes(host)["site.first"] == "error"
    message = run.one(host, "site.first")["message"]
    assert all(message.values())
    assert "\n" not in message["en"]
    assert len(message["en"]) < 1200


def test_nothing_that_a_terminal_or_a_browser_obeys_comes_through(run):
    assert harmful(run.output) == set()
    for path in run.report.iterdir():
        assert harmful(path.read_text(encoding="utf-8")) == set(), path.name
    assert "\n- here fails: forged" not in run.output
    ElementTree.fromstring((run.report / "junit.xml").read_text(encoding="utf-8"))


def test_a_host_says_nothing_of_others(run):
    assert "planted" not in {host["name"] for host in run.result["hosts"]}
    assert "/mine" not in json.dumps(run.result["results"])


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Hosts that hang or flood, as the programs of Ansible's connections do it, and one in order."""
    folder = tmp_path_factory.mktemp("slow")
    hangs = liar(folder / "liars", "hangs", "")
    (folder / "liars" / "hangs").write_text("#!/bin/sh\ncat >/dev/null\nexec sleep 60\n")
    floods = liar(folder / "liars", "floods", "")
    (folder / "liars" / "floods").write_text("#!/bin/sh\ncat >/dev/null\nhead -c 200000000 /dev/zero\n")
    said = MARK + json.dumps([entry("site.second"), entry("site.first", None, "TEXT")])
    first, last = said.split("TEXT")
    quick = {"order82_answer_seconds": 3}
    hosts = {
        "here": HERE,
        "local_hangs": {**hangs, **quick},
        "local_floods": floods,
        "ssh_hangs": {**by_ssh(folder / "ssh", "hangs", "cat >/dev/null", "exec sleep 300"), **quick},
        "ssh_deaf": {**by_ssh(folder / "ssh", "deaf", "exec sleep 300"), **quick},
        "ssh_drips": {**by_ssh(folder / "ssh", "drips", "while sleep 0.2; do echo x; done"), **quick},
        "ssh_floods": by_ssh(
            folder / "ssh",
            "floods",
            "cat >/dev/null",
            f"printf '%s' '{first}'",
            "head -c 200000000 /dev/zero | tr '\\000' x",
            f"printf '%s' '{last}'",
        ),
        "ssh_complains": by_ssh(folder / "ssh", "errors", "cat >/dev/null", "exec head -c 200000000 /dev/zero >&2"),
        # Ansible writes the program before it reads: neither side goes on.
        "ssh_chokes": {**by_ssh(folder / "ssh", "chokes", "exec head -c 200000000 /dev/zero"), **quick},
    }
    began = time.monotonic()
    run = Inspection(folder, hosts, CHECKS, "--forks=4")
    run.seconds = time.monotonic() - began
    return run


def test_who_hangs_or_floods_holds_nobody_up(slow):
    assert slow.report is not None, slow.output[-3000:]
    assert slow.seconds < 120
    assert slow.outcomes("here") == {"site.first": "pass", "site.second": "pass"}


@pytest.mark.parametrize("host", ["local_hangs", "ssh_hangs", "ssh_deaf", "ssh_drips", "ssh_chokes"])
def test_who_hangs_is_told_the_time(slow, host):
    assert set(slow.outcomes(host).values()) == {"error"}
    assert "did not answer within 3 s" in slow.one(host, "site.first")["message"]["en"]


@pytest.mark.parametrize("host", ["local_floods", "ssh_floods", "ssh_complains"])
def test_who_floods_is_told_the_size(slow, host):
    assert set(slow.outcomes(host).values()) == {"error"}
    assert "answered with more than 4194304 bytes" in slow.one(host, "site.first")["message"]["en"]
