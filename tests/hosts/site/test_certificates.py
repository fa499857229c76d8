# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that is near its end is replaced; a collector that shows another's gets nothing."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import HANG, Lab, until

SHOWN = "openssl s_client -connect 10.82.3.12:2514 -CAfile /etc/order82/tls/ca.crt < /dev/null 2> /dev/null | openssl x509 -noout -serial"


def test_renewed_certificates_are_in_use(lab: Lab, mark: str) -> None:
    """All certificates end within 1000 days: both hosts get new ones, the receiver shows it, and records still arrive."""
    before = lab.do("web", SHOWN)
    lab.play("site.yml", "-e", "order82_certificate_renew_days=1000", "--limit", "web,collector2")
    assert lab.do("web", SHOWN) != before
    started = lab.do(
        "web",
        'stat -c %Y /etc/order82/tls/host.crt; date -d "$(systemctl show -P ActiveEnterTimestamp order82-forward@collector2)" +%s',
    )
    certificate, forwarder = map(int, started.split())
    assert forwarder >= certificate
    lab.do("web", f"logger -t probe {mark}")
    lab.arrived("system", "web", mark)


@pytest.fixture
def impostor(lab: Lab, mark: str, tmp_path: Path) -> Iterator[None]:
    """collector2 shows a certificate of our authority for another name."""
    pki = lab.inventory / ".pki"
    asked = ["-subj", f"/CN={mark}", "-addext", f"subjectAltName=DNS:{mark}"]
    signed = ["-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", "-days", "2", "-copy_extensions", "copy"]
    for words in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "host.key"],
        ["req", "-new", "-key", "host.key", *asked, "-out", "other.csr"],
        ["x509", "-req", "-in", "other.csr", *signed, "-out", "host.crt"],
    ):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    for name in ("host.key", "host.crt"):
        text = base64.b64encode((tmp_path / name).read_bytes()).decode()
        lab.do("collector2", f"cd /etc/order82/tls; cp -a {name} {name}.was; echo {text} | base64 -d > {name}")
    lab.do("collector2", "systemctl restart order82-collect")
    yield
    lab.do("collector2", "cd /etc/order82/tls; for f in host.key host.crt; do mv $f.was $f; done")
    lab.do("collector2", "systemctl restart order82-collect")
    lab.green()


def test_impostor_gets_nothing_and_the_collector_all_of_it(lab: Lab, mark: str, impostor: None) -> None:
    """A forwarder that refuses its collector says so through the other one, and sends all when the right one is back."""
    numbers = f"grep -haso 'number [0-9]* of {mark}' /srv/records/system/*/web.log | sort -u | wc -l"
    lab.do("web", f"seq -f 'number %.0f of {mark}' 5000 | systemd-cat -t refused")
    until(
        HANG,
        lambda: lab.records("collector1", "security_event", "web", f"DNSname: {mark}"),
        "the refusal on the other collector",
    )
    until(HANG, lambda: int(lab.do("collector1", numbers)) == 5000, "all numbers on the other collector")
    assert int(lab.do("collector2", numbers)) == 0
    lab.do("collector2", "cd /etc/order82/tls; for f in host.key host.crt; do cp -a $f.was $f; done")
    lab.do("collector2", "systemctl restart order82-collect")
    until(HANG, lambda: int(lab.do("collector2", numbers)) == 5000, "all numbers once the right certificate is back")
