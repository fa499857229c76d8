# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does with sealed days by the command, and what it says where it can't be done."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import host_command
from ansible_collections.order82.baseline.plugins.module_utils.backup import secret_files
from ansible_collections.order82.baseline.plugins.module_utils.records import comparing, keys, tending
from sealed_store import NOON, Collector, back

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a and +i need root")


@pytest.fixture
def collector(tmp_path, monkeypatch):
    one = Collector(tmp_path / "c1", monkeypatch)
    for module in (comparing, tending):
        monkeypatch.setattr(module.time, "time", lambda: NOON)
    for days in (3, 2, 1):
        one.tend(days, (one,))
        one.write(days, f"login of day {days}\n")
    one.tend(0, (one,))
    yield one
    one.gone()


@pytest.fixture
def order82(collector, capsys):
    """A function that runs the command: exit code, standard output and error."""

    def run(*words):
        code = host_command.main(["records", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_an_export_is_verified_by_the_two_commands_of_its_readme(collector, order82, tmp_path):
    folder = tmp_path / "export"
    code, out, _err = order82("export", folder, "--class", "session", "--since", back(2))
    assert (code, collector.said[-1]) == (0, out.strip())
    assert "2 days" in out
    assert sorted(str(path.relative_to(folder)) for path in folder.glob("*/*")) == [
        f"session/{back(2)}",
        f"session/{back(1)}",
    ]
    commands = re.findall(r"^    ((?:sha256sum|ssh-keygen) .*)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 2
    for day in (2, 1):
        for command in commands:
            subprocess.run(command, shell=True, cwd=folder / "session" / back(day), check=True, capture_output=True)
    assert "记录" in (folder / "README.md").read_text()
    shown = subprocess.run(
        ["zstd", "-dc", folder / "session" / back(2) / "web.log.zst"], capture_output=True, check=True
    )
    assert shown.stdout == b"login of day 2\n"
    code, out, _err = order82("verify", "--against", folder, "--json")
    assert (code, json.loads(out)["faults"], json.loads(out)["days"]) == (0, [], 2)
    (folder / "session" / back(1) / "web.log.zst").write_bytes(b"x")
    code, out, _err = order82("verify", "--against", folder)
    assert code == 1
    assert out.startswith(f"collector1: session/{back(1)}/web.log.zst: it differs from SHA256SUMS\n")


def test_verify_names_the_first_day_and_file(collector, order82):
    assert order82("verify")[::2] == (0, "")
    collector.loosen()
    (collector.day(3) / "web.log.zst").write_bytes(b"x")
    (collector.day(2) / "web.log.zst").unlink()
    collector.tighten()
    code, out, _err = order82("verify")
    assert code == 1
    assert out.splitlines()[:2] == [
        f"collector1: session/{back(3)}/web.log.zst: it differs from SHA256SUMS",
        f"collector1: session/{back(2)}/web.log.zst: it is missing",
    ]
    code, out, _err = order82("verify", "--class", "session", "--day", back(2), "--json")
    assert (code, [one["file"] for one in json.loads(out)["faults"]]) == (1, ["web.log.zst"])
    assert order82("verify", "--class", "measure_state")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("verify", "--class", "sessions"), "there is no record class 'sessions'"),
        (("verify", "--day", "yesterday"), "yesterday"),
        (("verify", "--against", "/nowhere"), "has seals of nobody"),
        (("export", "/tmp"), "is there already: nothing is overwritten"),
        (("export", "/nowhere/x", "--class", "sessions"), "there is no record class 'sessions'"),
        (("export", "/tmp/not-there-82", "--since", "2030-01-01"), "no sealed day is among them"),
        (("export", "/tmp/not-there-82", "--since", "1.1."), "1.1."),
        (("release", "X"), "no hold for the case X"),
        (("hold", "X", "--class", "sessions"), "no record class sessions"),
    ],
)
def test_what_cant_be_done_is_one_sentence(order82, words, sentence):
    code, out, err = order82(*words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.startswith("order82: ")
    assert err.count("\n") == 1


def test_what_a_person_does_leaves_a_record(collector, order82):
    for words, said in (
        (("hold", "82-1", "--class", "session", "--until", back(2)), "legal hold for the case 82-1 by "),
        (("release", "82-1"), "released the case 82-1 by "),
        (("rotate-key",), "seals with ssh-ed25519 "),
    ):
        assert order82(*words)[0] == 0
        assert said in collector.said[-1]
    assert order82("hold")[:2] == (0, "no legal hold / 没有保全\n")
    collector.write(1, "x", record_class="session2")
    assert order82("seal")[:2] == (0, "nothing to do\n")


def test_the_key_is_in_no_backup():
    assert keys.FOLDER.startswith("/etc/order82/")
    assert secret_files.OURS in secret_files.NEVER
