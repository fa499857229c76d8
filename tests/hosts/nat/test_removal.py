# SPDX-License-Identifier: GPL-3.0-or-later
"""The translation goes away on a Debian 12 and on a Debian 13, and the index; what they recorded stays."""

from __future__ import annotations

from ..conftest import HANG, READ, Lab, changed, until
from .conftest import Gateway, by_mode, send, texts


def test_removal_takes_the_rules_and_leaves_the_records(lab: Lab, gateway: Gateway, mark: str) -> None:
    lab.remove("nat_gateway", hosts=gateway.name)
    assert "order82" not in lab.do(gateway.name, "nft list tables")
    assert lab.do(gateway.name, "systemctl list-units --all --no-legend 'order82-nat*'") == ""
    assert list(texts(lab, "collector2", gateway, "plan"))
    assert changed(lab.remove("nat_gateway", hosts=gateway.name)) == {}
    lab.apply("nat_gateway", gateway.name)
    flows = send(lab, gateway, mark, 30, by_mode(gateway)["deterministic"][:2])
    assert [flow for flow in flows if gateway.owner(flow.public, flow.public_port) != flow.inside] == []
    lab.green()


def test_removal_of_the_index_leaves_the_records(lab: Lab, gateways: dict[str, Gateway]) -> None:
    count = f"{READ} /srv/records/nat_mapping/*/*.log* | wc -l"
    before = int(lab.do("collector2", count))
    lab.hold("collector2", "order82-nat-index")
    lab.remove("nat_log", hosts="collector2")
    assert lab.do("collector2", "ls -d /var/lib/order82-index /usr/lib/order82 2>/dev/null", ok=(2,)) == ""
    units = "systemctl list-units --all --no-legend 'order82-nat-index*'; id order82-nat-index"
    assert lab.do("collector2", units, ok=(1,)) == ""
    assert int(lab.do("collector2", count)) >= before
    assert changed(lab.remove("nat_log", hosts="collector2")) == {}
    lab.apply("nat_log", "collector2")
    until(HANG, lambda: lab.host("collector2").file("/var/lib/order82-index/nat_mapping").listdir(), "a new index")
    lab.green()
