# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases with something in them, and what they hold."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from ..conftest import Lab

ROWS = 1_000_000
SQL = "su postgres -c \"psql -qAt -c '{}'\""
FILES = "cd / && find srv/www srv/mail -type f -exec sha256sum {} + | sort -k2; find srv/www srv/mail -printf '%p %U %G %m %l\\n' | sort"


def sql(lab: Lab, host: str, query: str) -> str:
    """Ask PostgreSQL."""
    return lab.do(host, SQL.format(query)).strip()


@pytest.fixture(scope="session")
def filled(lab: Lab) -> Lab:
    """A million orders, a forum, a mailbox, pages, and an application's own database; and a backup of all of it."""
    for host, rows in (("server", ROWS), ("app", 1000)):
        sql(
            lab,
            host,
            "create table if not exists orders (id bigserial primary key, at timestamptz default clock_timestamp(), text text)",
        )
        sql(lab, host, f"insert into orders (text) select md5(n::text) from generate_series(1, {rows}) n")
        # Neither can be asked: a view that nobody has filled yet, and a database that was being dropped when the power went.
        sql(lab, host, "create materialized view if not exists later as select 1 as one with no data")
        lab.do(host, "su postgres -c 'createdb gone'", ok=(0, 1))  # 1: it is there already
        sql(
            lab,
            host,
            "update pg_database set datconnlimit = -2 where not datistemplate and datname <> current_database()",
        )
        lab.do(
            host,
            "mariadb -e 'create database if not exists forum; create table if not exists forum.posts (id int auto_increment primary key, text text); "
            f"insert into forum.posts (text) select md5(seq) from forum.seq_1_to_{rows // 10}'",
        )
    lab.do(
        "server",
        "for n in $(seq 200); do echo message $n >/srv/mail/wang/new/$n; echo page $n >/srv/www/$n.html; done; chown -R www-data: /srv/www",
    )
    lab.do(
        "server",
        "python3 -c \"import sqlite3; c = sqlite3.connect('/srv/app/app.db'); c.execute('create table if not exists t (a)'); "
        "c.executemany('insert into t values (?)', [(n,) for n in range(1000)]); c.commit()\"",
    )
    # What only a drill with the right to do so brings back: a group's bit, and a capability (CAP_NET_BIND_SERVICE).
    lab.do(
        "server",
        "install -g games -m 2755 /dev/null /srv/mail/sgid; install -m 0755 /dev/null /srv/mail/able; "
        "python3 -c \"import os; os.setxattr('/srv/mail/able', 'security.capability', bytes.fromhex('0100000200040000' + '00' * 12))\"",
    )
    for host in ("server", "app"):
        back_up(lab, host)
    return lab


def back_up(lab: Lab, host: str, ok: tuple[int, ...] = (0,)) -> None:
    """A backup, as the timer starts it."""
    lab.do(host, "systemctl start order82-backup", ok=ok)


def back_up_what_is_left(lab: Lab, host: str) -> None:
    """A backup after a large file below /etc was removed: that it is smaller by most of it is right."""
    lab.do(host, "order82 backup run --smaller-is-right system")
    back_up(lab, host)


UP_AGAIN = "systemctl start order82-repository; until ss -Hltn 'sport = :2515' | grep -q .; do sleep 0.1; done"
"""A repository answers again: what comes right after it would be refused before."""

LOG_AGAIN = "systemctl start order82-backup-log"


def log_again(lab: Lab) -> None:
    """The log of PostgreSQL is backed up now, and not by its timer in the next five minutes.

    What its last run could not do, as a repository was away, is red until it runs again.
    """
    for host in ("server", "app"):
        lab.do(host, LOG_AGAIN)


@contextlib.contextmanager
def writing(lab: Lab, host: str) -> Iterator[None]:
    """Orders come in all the while."""
    insert = 'while true; do psql -qc "insert into orders (text) values (now()::text)"; done'
    lab.do(host, f"systemd-run -q --unit=writer --property=User=postgres bash -c '{insert}'")
    try:
        yield
    finally:
        lab.do(host, "systemctl stop writer")


def listed(lab: Lab, host: str, repository: str = "") -> list[dict]:
    """The backups of a host, in all repositories or in one."""
    backups = json.loads(lab.do(host, "order82 backup list --json"))["backups"]
    return [one for one in backups if repository in ("", one["repository"])]


def on_record(lab: Lab, collector: str, host: str, text: str) -> list[str]:
    """What order82 put on record of backups; who asks for it is on record too, with the same words."""
    lines = lab.records(collector, "maintenance", host, text)
    return [line for line in lines if f" {host} order82-backup " in line]
