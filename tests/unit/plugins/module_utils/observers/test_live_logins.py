# SPDX-License-Identifier: GPL-3.0-or-later
"""An inspection's own login is looked for by a number that nobody else knew, whole, and as it was."""

from __future__ import annotations

import datetime
import re
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import live_logins as observer
from ansible_collections.order82.baseline.plugins.module_utils.observers.live_logins import live_logins
from ansible_collections.order82.baseline.plugins.module_utils.records.settings import Settings

CASES = Path(__file__).parents[1] / "records" / "cases"
ACCOUNT = "order82-probe"
TODAY = datetime.datetime.now(datetime.UTC).date()


def printed(release: int, app: str = "", **changes) -> list[str]:
    """What sshd of a release printed, as records that its monitor wrote as root; or somebody else."""
    said = (CASES / f"debian{release}_sshd_inspection.txt").read_text().splitlines()[1:]
    rows = (re.fullmatch(r"([\w-]+)\[(\d+)\]: (.*)", text).groups() for text in said)
    return [record(app or name, pid, text, **changes) for name, pid, text in rows]


def record(app: str, pid: str, text: str, uid: int = 0, claims: str = "") -> str:
    now = datetime.datetime.now(datetime.UTC).isoformat()
    return (
        f'<86>1 {now} web {app} {pid} - [order82@32473 class="session" boot="b" uid="{uid}" audit="" claims="{claims}" login="" '
        f'unit="ssh.service"][stored@32473 at="{now}" from="web" marks=""] {text}\n'
    )


FIRST = {12: ("5fc405c5f9eee2cfe0989eeb9bc2d01a", 57724), 13: ("d0a42d0f1c3fb6049b88229031491046", 46260)}
BEHIND_A_PROXY = {12: ("2fa961b57eb0266fcc1a911be356b014", 59732), 13: ("5990d247caf349366683fc0029455766", 43956)}


def login(identity: str, **changes) -> dict:
    return {
        "by_ssh": True,
        "account": ACCOUNT,
        "identity": f"order82-{identity}",
        "began": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "address": "",
        "port": 0,
        "seen_as": "",
        "why": "",
        "refused": False,
        **changes,
    }


def straight(release: int, **changes) -> dict:
    """The first login of a case, as the controller knows it."""
    identity, port = FIRST[release]
    return login(identity, address="10.9.9.1", port=port) | changes


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(observer, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(observer, "_REFUSED_SECONDS", 0.05)
    wrote(tmp_path, [])
    return tmp_path


def wrote(store, rows, host: str = "web", back: int = 0) -> None:
    folder = store / "session" / str(TODAY - datetime.timedelta(days=back))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{host}.log").open("a") as file:
        file.write("".join(rows))


def seen(store, wait: float = 0.05, **logins) -> dict:
    settings = Settings(str(store), ("session",), ("web", "db"), "nobody", 60, 1, 0)
    return live_logins(settings, logins, wait)


@pytest.mark.parametrize("release", [12, 13])
def test_what_sshd_prints_of_it_is_found(store, release):
    wrote(store, printed(release))
    found = seen(store, web=straight(release))
    assert (found["found"], found["missing"], found["missing_count"], found["left_out"]) == (1, [], 0, [])
    assert found["sessions"][0].startswith(f"web: {ACCOUNT} from 10.9.9.1 port {FIRST[release][1]}, ")


@pytest.mark.parametrize("release", [12, 13])
def test_behind_a_proxy_there_must_be_an_address_and_a_port(store, release):
    identity, port = BEHIND_A_PROXY[release]
    wrote(store, printed(release))
    assert seen(store, web=login(identity))["sessions"][0].startswith(f"web: {ACCOUNT} from 127.0.0.1 port {port}, ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": 4}, "on record from 10.9.9.1 port 57724, but it came from 10.9.9.1 port 4"),
        ({"address": "10.9.9.2"}, "but it came from 10.9.9.2 port 57724"),
        ({"seen_as": "198.51.100.1"}, "but it came from 198.51.100.1"),
        ({"identity": "order82-5fc405c5f9eee2cfe0989eeb9bc2d01"}, "no record of the login"),
        ({"account": "ops"}, "no record of the login of ops"),
    ],
)
def test_another_port_address_number_or_account_is_another_login(store, changes, words):
    wrote(store, printed(12))
    found = seen(store, web=straight(12, **changes))
    assert (found["found"], found["missing_count"]) == (0, 1)
    assert words in found["missing"][0]


@pytest.mark.parametrize("seen_as", ["10.9.9.1", "::ffff:10.9.9.1"])
def test_where_addresses_are_translated_the_port_is_not_the_controllers(store, seen_as):
    wrote(store, printed(12))
    assert seen(store, web=straight(12, seen_as=seen_as, address="192.0.2.1", port=4))["missing"] == []


def without(rows: list[str], *words: str) -> list[str]:
    return [row for row in rows if not any(word in row for word in words)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("session closed",), "web: the login of order82-probe is on record, and no logout"),
        (("session opened", "session closed"), "web: the login of order82-probe is on record, and no logout"),
        (("Accepted",), "web: no record of the login of order82-probe"),  # LogLevel QUIET: PAM's words alone
    ],
)
def test_a_login_without_its_logout_or_the_other_way_round_is_missed(store, words, sentence):
    wrote(store, without(printed(12), *words))
    found = seen(store, web=straight(12))
    assert found["found"] == 0
    assert found["missing"][0].startswith(sentence)


def test_a_session_of_before_is_none(store):
    wrote(store, printed(12), back=1)
    wrote(store, printed(12))
    assert seen(store, web=login("0" * 32, address="10.9.9.1", port=57724))["found"] == 0


@pytest.mark.parametrize("who", [{"uid": 1000}, {"uid": 1000, "claims": "session?"}, {"app": "logger"}])
def test_another_account_that_knows_the_number_makes_nothing_up(store, who):
    wrote(store, printed(12, **who))
    assert seen(store, web=straight(12))["found"] == 0


def test_another_host_that_knows_the_number_makes_nothing_up(store):
    wrote(store, printed(12), host="db")
    assert seen(store, web=straight(12))["found"] == 0


def test_one_that_was_refused_says_why_and_what_sshd_says_of_it(store):
    wrote(store, printed(12))
    why = "order82-probe@web: Permission denied (publickey)."
    (missing,) = seen(store, web=straight(12, why=why, refused=True))["missing"]
    assert missing == (
        f"web: {ACCOUNT} could not log in: {why}; its sshd says: User order82-probe from 127.0.0.1 not allowed because "
        "not listed in AllowUsers"
    )
    assert "sshd says" not in seen(store, db=straight(12, why="no way", refused=True))["missing"][0]


def test_a_host_that_was_not_reached_is_waited_for_no_longer(store):
    begin = time.monotonic()
    found = seen(store, wait=30, web=straight(12, why="connect to web port 22: timed out"), here={"by_ssh": False})
    assert time.monotonic() - begin < 10
    assert (found["missing_count"], found["left_out"]) == (1, ["here"])


def test_what_comes_later_and_in_pieces_is_waited_for(store):
    whole = "".join(printed(12))
    pieces = [whole[:150], whole[150:700], whole[700:]]

    def come():
        for piece in pieces:
            time.sleep(0.1)
            wrote(store, [piece])

    coming = threading.Thread(target=come)
    coming.start()
    found = seen(store, wait=30, web=straight(12))
    coming.join()
    assert found["missing"] == []


def test_of_many_twenty_are_named(store):
    logins = {f"host{number}": login(f"{number:032x}") for number in range(30)}
    found = seen(store, wait=0.01, **logins)
    assert (len(found["missing"]), found["missing_count"]) == (20, 30)
