# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database servers run, and which of them nobody backs up."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import databases


@pytest.fixture
def process(tmp_path):
    """Makes an entry of /proc: its number, name and parent, and where it works."""

    def make(number, name, parent=1, cwd="/"):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "stat").write_text(f"{number} ({name}) S {parent} {number} {number} 0 -1 4194560 1\n")
        (folder / "cwd").symlink_to(cwd)

    return make


def test_each_server_counts_once(process, tmp_path):
    process(1, "systemd", 0)
    process(10, "postgres", cwd="/var/lib/postgresql/17/main")
    process(11, "postgres", 10)  # one of its own
    process(20, "postgres", cwd="/var/lib/postgresql/17/second")
    process(30, "clickhouse-serv")
    process(40, "ora_pmon_ORCL")
    process(41, "ora_dbw0_ORCL")
    process(50, "a) (mysqld")
    process(60, "mariadbd", cwd="/var/lib/order82-backup/scratch/0a/copy")  # a drill
    (tmp_path / "uptime").write_text("1")
    assert databases.servers(["/var/lib/order82-backup"], str(tmp_path)) == {
        "postgresql": 2,
        "clickhouse": 1,
        "oracle": 1,
    }


def test_a_real_process_is_seen(tmp_path):
    shutil.copy("/bin/sleep", tmp_path / "mariadbd")
    with subprocess.Popen([tmp_path / "mariadbd", "60"]) as running:
        try:
            seen = databases.see_servers({}, {}, [])
        finally:
            running.kill()
    assert seen["running"]["mariadb"] >= 1
    assert any(said.startswith("mariadb: ") for said in seen["outside"])


SHOP, DUMPS = {"shop": {"kind": "postgresql"}}, {"dumps": {"kind": "files"}}


@pytest.mark.parametrize(
    ("running", "sets", "declared", "found"),
    [
        ({"postgresql": 1}, {}, {}, ["postgresql: 1 run here, and 0 are in a set of the backup"]),
        ({"postgresql": 1}, SHOP, {}, []),
        ({"postgresql": 2}, SHOP, {}, ["postgresql: 2 run here, and 1 are in a set of the backup"]),
        ({"postgresql": 1}, SHOP, {"postgresql": "shop"}, []),
        ({"redis": 1}, {}, {"redis": "a cache: nothing is lost with it"}, []),
        ({"redis": 1}, DUMPS, {"redis": "dumps"}, []),
        ({"redis": 2}, DUMPS, {"redis": "dumps"}, ["redis: 2 run here, and 0 are in a set of the backup"]),
        # The server is off, and what the unit says is not so all the same.
        (
            {},
            {},
            {"mariadb": "forum"},
            ["mariadb: it is said to be in the set forum, and this host has none of that name"],
        ),
    ],
)
def test_a_server_is_in_a_set_or_the_unit_says_why_not(running, sets, declared, found):
    assert databases.outside(running, sets, declared) == found
