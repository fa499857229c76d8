# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories that are gone, damaged or full; runs that are killed; and a host that burns down."""

from __future__ import annotations

import collections
import contextlib
import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from ..conftest import CHECKOUT, HANG, Lab, until
from ..drift import Drift, broken
from .conftest import FILES, LOG_AGAIN, ROWS, UP_AGAIN, back_up, back_up_what_is_left, listed, log_again, sql, writing

CORRUPT = """
for pack in $(find /srv/backup/app/data -type f); do
    cp -a --parents $pack /root/kept
    python3 -c "f = open('$pack', 'r+b'); f.seek(100); b = f.read(1); f.seek(100); f.write(bytes([b[0] ^ 1]))"
done
"""


def restored(lab: Lab, host: str, *words: str) -> str:
    """Run ./baseline restore."""
    done = subprocess.run(
        [str(CHECKOUT / "baseline"), "restore", host, *words, "-i", str(lab.inventory)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def state(lab: Lab, host: str) -> str:
    """Of a backup: activating while it runs."""
    return lab.host(host).run("systemctl is-active order82-backup").stdout.strip()


def looked(lab: Lab, repository: str) -> dict:
    """What a repository finds when it looks at what lies there, by host."""
    lab.do(repository, "systemctl start order82-repository-tend")
    return json.loads(lab.do(repository, "cat /var/lib/order82-backup-repository/state.json"))["hosts"]


def test_with_one_repository_gone_backups_go_to_the_other_and_come_back_from_it(filled: Lab, mark: str) -> None:
    filled.do("app", f"echo {mark} >/etc/{mark}")
    filled.do("repository1", "systemctl stop order82-repository")
    try:
        cursor = filled.cursor("app")
        back_up(filled, "app", ok=(1,))
        assert filled.journal("app", cursor, "-t order82 -g 'alarm: no backup of system to repository1'")
        filled.do("app", f"rm /etc/{mark}; order82 backup restore system")
        assert filled.do("app", f"cat /etc/{mark}") == f"{mark}\n"
    finally:
        filled.do("repository1", UP_AGAIN)
        log_again(filled)
        back_up(filled, "app")


def test_bytes_that_flipped_are_found_by_both_sides_and_the_other_repository_has_it_all(filled: Lab) -> None:
    drift = Drift(
        {
            "repository2": f"mkdir -p /root/kept; {CORRUPT} systemctl start order82-repository-tend",
            "repository1": "systemctl start order82-repository-tend",
            "app": "rm -rf /var/cache/order82-backup/*; systemctl start order82-backup-drill || true",
        },
        {
            "repository2": "cp -a /root/kept/srv/backup/. /srv/backup/; rm -r /root/kept; systemctl start order82-repository-tend",
            "app": "systemctl start order82-backup-drill",
        },
        {"repository2": {"backup_repository.whole"}, "app": {"backup.drilled"}},
    )
    with broken(filled, drift):
        found = filled.sees(drift)
        [drilled] = [one for one in found["results"] if one["check"] == "backup.drilled" and one["host"] == "app"]
        assert "repository2" in json.dumps(drilled)
        filled.do(
            "app",
            'order82 backup restore forum --to=/root/there --from=repository1; test -n "$(ls /root/there)"; rm -r /root/there',
        )
    assert looked(filled, "repository2")["app"]["wrong"] == ""


def test_only_the_repository_deletes_and_only_what_came_before_the_retention(filled: Lab) -> None:
    for _more_than_are_kept in range(4):
        back_up(filled, "app")
    before = {place: listed(filled, "app", place) for place in ("repository1", "repository2")}
    # The host says that all of them are new; what counts is when they came.
    filled.do("repository1", "touch -d '61 days ago' /srv/backup/app/snapshots/*")
    found = looked(filled, "repository1")
    assert found["app"]["wrong"] == ""
    assert found["app"]["forgotten"] > 0
    assert found["server"]["forgotten"] == 0
    after = listed(filled, "app", "repository1")
    assert after == [one for one in before["repository1"] if one in after]
    kept = collections.Counter(one["set"] for one in after)
    assert kept == dict.fromkeys(("forum", "shop", "system"), 3)
    assert after[-3:] == before["repository1"][-3:]
    assert listed(filled, "app", "repository2") == before["repository2"]
    back_up(filled, "app")
    assert looked(filled, "repository1")["app"]["wrong"] == ""


def test_a_full_repository_keeps_nothing_from_the_other(filled: Lab, mark: str) -> None:
    log_again(filled)
    filled.apply("backup_repository", "repository1", "-e", "backup_repository_max_bytes=1000000")
    try:
        filled.do("app", f"head -c 3000000 /dev/urandom >/etc/{mark}")
        cursor = filled.cursor("app")
        back_up(filled, "app", ok=(1,))
        said = filled.do("app", "order82 backup list")
        newest = [line for line in said.splitlines() if " system " in line]
        assert newest[-1].split()[2] == "repository2"
        assert filled.journal("app", cursor, "-t order82 -g 'alarm: no backup of system to repository1'")
        # It is kept small by a variable that the inventory does not have.
        red = {"app": {"backup.redundant"}, "repository1": {"backup_repository.as_laid_down"}}
        found = filled.sees(Drift({}, {}, red))
        [said] = [one for one in found["results"] if one["check"] == "backup.redundant" and one["host"] == "app"]
        assert "system to repository1" in json.dumps(said)
    finally:
        filled.do("app", f"rm /etc/{mark}")
        filled.apply("backup_repository", "repository1")
        log_again(filled)
        back_up_what_is_left(filled, "app")


def test_after_a_run_that_was_killed_the_next_is_clean(filled: Lab) -> None:
    # While a copy of something lies there.
    filled.hold("server", "order82-backup", at="ls -A /var/lib/order82-backup/staging | grep -q .")
    filled.do("server", "systemctl kill --signal=KILL order82-backup")
    until(HANG, lambda: state(filled, "server") == "failed", "its end")
    filled.do("server", "systemctl reset-failed order82-backup")
    back_up(filled, "server")
    assert filled.do("server", "ls /var/lib/order82-backup/staging") == ""


# Without those that a full repository refused: its server leaves an empty file of each.
LOCKS = "find /srv/backup/app/locks -type f ! -name '*-temp*'"
LOCKER = f"""
systemd-run -q --collect --unit=locker --uid=order82-repository --property=SupplementaryGroups=order82-repository-keys \\
    --setenv=RESTIC_PASSWORD_FILE=/etc/order82/backup_repository/app \\
    restic --no-cache --repo=/srv/backup/app --limit-download=50 check --read-data
timeout {HANG} sh -c "until {LOCKS} | grep -q .; do sleep 0.1; done"
"""


@contextlib.contextmanager
def locked(lab: Lab) -> Iterator[None]:
    """Somebody looks at all that the host app has, slowly, which locks everybody else out, and is killed."""
    lab.do("app", LOG_AGAIN)  # and not by its timer in between
    lab.do("repository1", LOCKER)
    try:
        yield
    finally:
        lab.host("repository1").run("systemctl kill --signal=KILL locker")


def test_a_backup_waits_while_its_repository_deletes(filled: Lab) -> None:
    def waits() -> bool:
        """It has tried for a while: where nothing is locked its first call is done in a second."""
        age = filled.do(
            "app",
            "echo $(($(cut -d. -f1 /proc/uptime) - "
            "$(systemctl show --property ExecMainStartTimestampMonotonic --value order82-backup) / 1000000))",
        )
        assert state(filled, "app") == "activating"
        return int(age) >= 8

    with locked(filled):
        filled.do("app", "systemctl start --no-block order82-backup")
        until(HANG, lambda: state(filled, "app") == "activating", "its begin")
        until(HANG, waits, "a backup that waits")
        filled.do("repository1", "systemctl kill --signal=INT locker")
        until(HANG, lambda: state(filled, "app") != "activating", "its end")
    assert state(filled, "app") == "inactive", filled.do("app", "journalctl -q -o cat -t order82 -n 5")


def test_a_repository_that_was_killed_while_it_deleted_is_clean_again(filled: Lab) -> None:
    with locked(filled):
        pass
    left = filled.do("repository1", LOCKS).split()
    assert left
    assert looked(filled, "repository1")["app"]["wrong"] == ""
    assert not set(left) & set(filled.do("repository1", LOCKS).split())


def in_the_middle(lab: Lab) -> None:
    """Start a backup of app, of 100 MB at least, and stop it where it has a lock in repository1."""
    lab.do("app", f"{LOG_AGAIN}; head -c 100000000 /dev/urandom >/etc/large")

    def holds_a_lock() -> bool:
        lab.do(
            "app", "systemctl start --no-block order82-backup; systemctl kill --signal=STOP order82-backup", ok=(0, 1)
        )
        if state(lab, "app") == "activating" and lab.do("repository1", LOCKS):
            return True
        lab.do("app", "systemctl kill --signal=CONT order82-backup", ok=(0, 1))
        return False

    until(HANG, holds_a_lock, "a backup that is stopped in the middle")


def test_a_repository_is_looked_at_while_a_backup_goes_on(filled: Lab) -> None:
    try:
        in_the_middle(filled)
        assert looked(filled, "repository1")["app"]["wrong"] == ""
    finally:
        filled.do("app", "systemctl kill --signal=CONT order82-backup; rm /etc/large")
    until(HANG, lambda: state(filled, "app") != "activating", "its end")
    back_up_what_is_left(filled, "app")


def test_a_network_that_goes_away_in_the_middle_and_comes_back(filled: Lab) -> None:
    in_the_middle(filled)
    filled.baseline("cut", "app", "inside")
    try:
        filled.do("app", "systemctl kill --signal=CONT order82-backup")
        time.sleep(20)  # so long nothing comes through
    finally:
        filled.baseline("mend", "app", "inside")
    until(600, lambda: state(filled, "app") != "activating", "its end")
    filled.do("app", "rm /etc/large; systemctl reset-failed order82-backup")
    back_up_what_is_left(filled, "app")
    assert filled.do("app", "ls /var/lib/order82-backup/staging") == ""


@pytest.mark.parametrize("host", ["server", "app"])
def test_a_database_goes_back_to_a_second(filled: Lab, host: str) -> None:
    since = "select count(*) from orders where at > to_timestamp({})"
    with writing(filled, host):
        begun = filled.do(host, "date +%s").strip()
        # Orders of some seconds before the one to which it goes back, and some after it.
        until(HANG, lambda: sql(filled, host, since.format(int(begun) + 2)) != "0", "orders")
        second = filled.do(host, "date -u +%FT%TZ").strip()
        epoch = int(filled.do(host, f"date -d {second} +%s"))
        until(HANG, lambda: sql(filled, host, since.format(epoch + 2)) != "0", "orders after it")
    expected = sql(
        filled,
        host,
        f"select count(*), md5(string_agg(text, chr(10) order by id)) from orders where at <= $${second}$$".replace(
            "$$", "\\$\\$"
        ),
    )
    everything = int(sql(filled, host, "select count(*) from orders"))
    filled.do(host, "systemctl start order82-backup-log")
    sql(filled, host, "drop table orders")
    filled.do(host, f"order82 backup restore shop --at {second}")
    assert sql(filled, host, "select count(*), md5(string_agg(text, chr(10) order by id)) from orders") == expected
    assert int(expected.split("|")[0]) < everything
    back_up(filled, host)


def test_a_host_that_burnt_down_is_rebuilt_by_one_command(filled: Lab) -> None:
    with writing(filled, "server"):
        back_up(filled, "server")
    files = filled.do("server", FILES)
    manifest = json.loads(filled.do("server", "cat /var/lib/order82-backup/manifests/shop.json"))
    rows, hashes = manifest["counts"]["postgres/public.orders"]
    assert ROWS < rows < int(sql(filled, "server", "select count(*) from orders"))
    posts = filled.do("server", "mariadb -NBe 'checksum table forum.posts'")
    records = filled.do("server", "cd /srv/records && find . -name SHA256SUMS -o -path './*/20*' -name '*.log' | sort")
    container = f"order82-{filled.ssh_config.parent.name}-server"
    for words in (["rm", "--force", container], ["volume", "rm", f"{container}-journal"]):
        subprocess.run([str(CHECKOUT / "baseline"), "lab", "podman", "--", *words], check=True, capture_output=True)
    filled.baseline("up")
    assert filled.host("server").run("ls /srv/records").rc != 0
    restored(filled, "server")
    assert filled.do("server", FILES) == files
    held = sql(filled, "server", "select count(*), sum(hashtextextended(t::text, 0)) from orders t")
    assert held == f"{rows}|{hashes}"
    assert filled.do("server", "mariadb -NBe 'checksum table forum.posts'") == posts
    assert filled.do("server", "slapcat | grep -c ^dn:").strip() != "0"
    assert set(records.split()) <= set(filled.do("server", "cd /srv/records && find . -type f").split())
