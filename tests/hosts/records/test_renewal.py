# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that is near its end is replaced, and every daemon that holds it takes the new one."""

from __future__ import annotations

from ..conftest import Lab, until

SHOWN = "openssl s_client -connect 10.82.2.12:2514 -CAfile /etc/order82/tls/ca.crt < /dev/null 2> /dev/null | openssl x509 -noout -serial"


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
    for collector in ("collector1", "collector2"):
        until(20, lambda at=collector: lab.records(at, "system", "web", mark), f"{mark} on {collector}")
