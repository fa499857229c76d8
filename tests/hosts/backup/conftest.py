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


# What others' backups stumbled over, all of it without a row: a view that nobody has filled yet, a database that was being dropped when the
# power went, one whose name reads like a connection, one in the encoding that was usual in China, and names with more than letters.
ODD = r"""
su postgres -c 'psql -qAt --set=ON_ERROR_STOP=1' <<'END'
drop materialized view if exists later;
create materialized view later as select 1 as one with no data;
drop database if exists gone;
create database gone;
update pg_database set datconnlimit = -2 where datname = 'gone';
drop database if exists "host=192.0.2.1 user=x";
create database "host=192.0.2.1 user=x";
drop database if exists euc;
create database euc template template0 encoding 'EUC_CN' locale 'C';
\connect "dbname='host=192.0.2.1 user=x'"
create table t (a text);
\connect euc
create table U&"\8BA2\5355\000Aa|b" (a text);
END
mariadb --default-character-set=utf8mb4 <<'END'
create database if not exists `测试`;
create table if not exists `测试`.`用户\表` (id int);
END
"""


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
        lab.do(host, ODD)
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
