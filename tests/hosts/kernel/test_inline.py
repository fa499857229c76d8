# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway stops an attack on its way; where its engine stands still, packets go on, and the inspection sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken

SERVER = "10.82.5.101"
PORT = 8085


@pytest.fixture(scope="module")
def server(lab: Lab) -> Iterator[None]:
    """A web server behind the gateway, and a way to it from outside."""
    lab.do("outside", f"ip route replace {SERVER} via 198.18.5.1")
    lab.do(
        "subscriber1", "mkdir -p /srv/pages/etc; echo a page >/srv/pages/index.html; echo secret >/srv/pages/etc/passwd"
    )
    lab.do("subscriber1", f"systemd-run -q --unit pages python3 -m http.server --directory /srv/pages {PORT}")
    until(HANG, lambda: "a page" in answer(lab, "/index.html"), "the server")
    yield
    lab.do("subscriber1", "systemctl stop pages")
    lab.do("outside", f"ip route delete {SERVER}")


def answer(lab: Lab, path: str) -> str:
    return lab.do("outside", rf"printf 'GET {path} HTTP/1.0\r\n\r\n' | timeout 8 nc {SERVER} {PORT}", ok=(0, 1, 124))


def test_an_attack_is_stopped_and_recorded_and_others_get_their_page(lab: Lab, server: None) -> None:
    assert "secret" not in answer(lab, "/etc/passwd")
    stopped = until(
        HANG,
        lambda: lab.records("server1", "security_event", "server1", '"event_type":"drop"'),
        "the record of what was stopped",
    )
    assert any("198.18.5.10" in line and "password file asked for" in line for line in stopped)
    assert "a page" in answer(lab, "/index.html")


def test_without_the_engine_packets_go_on_and_the_inspection_sees_it(lab: Lab, server: None) -> None:
    drift = Drift(
        {"server1": "systemctl stop order82-ids-inline"},
        {"server1": "systemctl start order82-ids-inline"},
        {"server1": {f"intrusion_detection.{name}" for name in ("running", "blocks", "as_laid_down")}},
    )
    with broken(lab, drift):
        assert "secret" in answer(lab, "/etc/passwd")
        lab.sees(drift)


def test_the_way_through_the_engine_comes_back_where_debians_unit_flushes_all_tables(lab: Lab) -> None:
    try:
        for words in ("start", "reload", "restart", "stop nftables; systemctl start"):
            lab.do("server1", f"systemctl reset-failed nftables; systemctl {words} nftables")
            until(
                HANG,
                lambda: lab.host("server1").run("nft list table inet order82-ids-inline").rc == 0,
                f"it after {words}",
            )
    finally:
        lab.do("server1", "systemctl stop nftables; systemctl start order82-nat order82-ids-inline")
