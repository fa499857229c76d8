# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on certificates: a host that asks for another's name gets none of it; and nobody speaks an old TLS."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from ..conftest import Lab

# Kept in place by a loop, whatever the apply writes there.
GREEDY = (
    "cd /etc/order82/tls; openssl req -new -key host.key -subj /CN=collector1 -addext basicConstraints=critical,CA:TRUE "
    "-addext extendedKeyUsage=serverAuth,clientAuth -addext subjectAltName=DNS:collector1,IP:10.82.3.13 -out /run/greedy.csr; "
    "systemd-run --unit=greedy --quiet sh -c 'while sleep 0.02; do cp /run/greedy.csr /etc/order82/tls/host.csr; done'"
)
SHARED = [{"hosts": "web", "gather_facts": False, "become": True, "roles": ["order82.baseline.order82"]}]
SERVERS = {
    "collector1": ("10.82.3.11", 2514),
    "collector2": ("10.82.3.12", 2514),
    "the repository of collector1": ("10.82.3.11", 2515),
    "the repository of vault": ("10.82.3.13", 2515),
}


@pytest.fixture
def greedy(lab: Lab) -> Iterator[None]:
    """web hands in a request for the names of a collector and of the vault."""
    lab.do("web", GREEDY)
    yield
    lab.do("web", "systemctl stop greedy; rm /run/greedy.csr")
    lab.apply("log_forwarder", "web")  # with the certificate that it was given, if it was
    lab.green()


def test_a_greedy_request_gets_its_host_nothing(lab: Lab, greedy: None) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(SHARED, file)
        file.flush()
        said = lab.play(file.name, "-e", "order82_certificate_renew_days=1000", ok=(0, 2))
    assert "the request of web is for" in said or "failed=0" in said
    given = lab.inventory / ".pki" / "hosts" / "web.crt"
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-nameopt", "RFC2253", "-in", given],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Subject: CN=web\n" in text
    for greed in ("collector1", "10.82.3.13", "CA:TRUE", "Server Authentication"):
        assert greed not in text


@pytest.mark.parametrize("server", SERVERS)
def test_nobody_speaks_an_old_tls(lab: Lab, server: str) -> None:
    address, port = SERVERS[server]
    ask = (
        f"cd /etc/order82/tls; for v in tls1 tls1_1 tls1_2 tls1_3; do openssl s_client -connect {address}:{port} -$v -cipher ALL:@SECLEVEL=0 "
        "-cert host.crt -key host.key </dev/null 2>/dev/null | grep -q 'Cipher is [A-Z]' && echo $v; done; true"
    )
    assert lab.do("web", ask).split() == ["tls1_2", "tls1_3"]
