# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in and who does not, seen from outside; and rules that shut the administrator out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken
from .outside import ADMINISTRATOR, GATEWAY, WEB, gets_in, reaches

IPV6 = {"web": "fd00:82:3::20", "outside": "fd00:82:3::10"}
TABLE = "inet order82_firewall"


@pytest.fixture(scope="module", autouse=True)
def a_service_that_nobody_allowed(lab: Lab) -> Iterator[None]:
    """It listens at port 8081 of web, for IPv4 and IPv6."""
    for host, address in IPV6.items():
        lab.do(host, f"ip address replace {address}/64 dev outside nodad")
    lab.do("web", "systemd-run --quiet --unit=unwanted python3 -m http.server --bind :: 8081")
    until(HANG, lambda: lab.host("web").run("nc -z 127.0.0.1 8081").rc == 0, "the service")
    yield
    for host, address in IPV6.items():
        lab.do(host, f"ip address delete {address}/64 dev outside", ok=(0, 2))  # a restart of the host ended both
    lab.do("web", "systemctl stop unwanted", ok=(0, 5))


DRIFTS = {
    "a rule more, and one less": Drift(
        {
            "web": f"nft insert rule {TABLE} input tcp dport 8081 accept",
            "gateway": f"nft delete rule {TABLE} input handle "
            f"$(nft --handle list chain {TABLE} input | sed -n 's/.*icmp type echo-request .*handle //p')",
        },
        dict.fromkeys(("web", "gateway"), "systemctl restart order82-firewall"),
        {host: {"host_firewall.in_force"} for host in ("web", "gateway")},
    ),
    "rules gone, and rules on trial": Drift(
        {
            "web": "systemctl disable --now --quiet order82-firewall",
            "gateway": "echo '# another' >>/etc/order82/firewall.nft; order82 firewall try --seconds 900",
        },
        {
            "web": "systemctl enable --now --quiet order82-firewall",
            "gateway": "order82 firewall undo; sed -i '/^# another$/d' /etc/order82/firewall.nft",
        },
        {
            "web": {f"host_firewall.{name}" for name in ("in_force", "at_boot", "as_laid_down")},
            "gateway": {"host_firewall.in_force", "host_firewall.as_laid_down"},
        },
    ),
    "a port that is published past the rules": Drift(
        dict.fromkeys(
            ("web", "vault"),
            "nft 'table ip published { chain pre { type nat hook prerouting priority -100; tcp dport 8080 dnat to 10.82.3.99:80; }; }'",
        ),
        dict.fromkeys(("web", "vault"), "nft delete table ip published"),
        {host: {"host_firewall.no_way_around"} for host in ("web", "vault")},
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_inspection_sees_rules_that_are_not_those_confirmed(lab: Lab, drift: Drift) -> None:
    with broken(lab, drift):
        lab.sees(drift)


@pytest.mark.parametrize("address", [WEB, IPV6["web"]])
def test_what_is_allowed_is_open_and_all_else_is_shut_by_both_versions(lab: Lab, address: str) -> None:
    source = IPV6["outside"] if ":" in address else ADMINISTRATOR
    assert gets_in(lab, address, 80, source)
    assert not reaches(lab, address, 8081, source)


def test_ping_and_errors_still_work(lab: Lab) -> None:
    lab.do("outside", f"ping -c 3 -i 0.2 -W 20 {WEB}")
    lab.do("outside", f"ping -6 -c 3 -i 0.2 -W 20 {IPV6['web']}")


def test_a_collector_takes_records_from_senders_only(lab: Lab) -> None:
    lab.do("web", "nc -z -w 20 10.82.3.11 2514")
    assert lab.host("subscriber").run("nc -z -w 2 10.82.3.11 2514").rc != 0


@pytest.mark.parametrize("address", ["10.82.3.11", "10.82.3.12", "10.82.3.13"])
def test_ssh_is_for_who_administrates_and_not_for_all_inside(lab: Lab, address: str) -> None:
    lab.do("subscriber", f"nc -z -w 20 -s 10.82.3.67 {address} 22")
    assert lab.host("subscriber").run(f"nc -z -w 2 -s 10.82.3.100 {address} 22").rc != 0


def test_new_connections_of_one_source_are_limited_but_not_the_administrators(lab: Lab, stranger: str) -> None:
    """The gateway takes ten in a minute from one source, and as many at once: what came meanwhile is room for more."""

    def refused() -> int:
        return int(re.search(r"packets (\d+)", lab.do("gateway", f"nft list counter {TABLE} too_many"))[1])

    tries, begun, before = range(20), time.monotonic(), refused()
    let_in = sum(reaches(lab, GATEWAY, 22, stranger, seconds=1) for _number in tries)
    assert 10 <= let_in <= 11 + (time.monotonic() - begun) / 6
    limited = refused()
    assert limited > before
    assert all(gets_in(lab, GATEWAY, 22, ADMINISTRATOR) for _number in tries)
    assert refused() == limited


def rules(lab: Lab, host: str) -> str:
    """The rules in force, without counts and without the sources that they keep."""
    return lab.do(host, f"nft --stateless --terse list table {TABLE}")


def over_the_network(lab: Lab, purpose: str) -> str:
    """Reach web as an administrator outside does, and not over the loopback interface.

    A connection is shared among the tasks of one purpose, as in a run of the site.
    """
    config = lab.ssh_config
    return (
        f"-F {config} -o ControlPath=/run/order82-baseline/{config.parent.name}-{purpose}-%C "
        f"-o 'ProxyCommand=ssh -F {config} outside nc -s {ADMINISTRATOR} {WEB} 22'"
    )


def test_rules_that_shut_the_administrator_out_are_undone_within_a_minute(lab: Lab) -> None:
    before = rules(lab, "web")
    cursor = lab.cursor("web")
    connection = {"ansible_ssh_common_args": over_the_network(lab, "trial")}
    said = lab.apply(
        "host_firewall", "web", "-e", str(connection), "-e", "host_firewall_ssh_port=2222",
        "-e", "{host_firewall_allow: {}}", ok=(2,),
    )  # fmt: skip
    assert "are undone by themselves" in said
    assert "unreachable=1" in said or "ignored=" in said
    assert rules(lab, "web") == before
    begun, undone = (
        float(lab.journal("web", cursor, f"-o short-unix {words}")[-1].split()[0])
        for words in ("-u order82-firewall-undo.timer -g Started", "-t order82 -g 'not confirmed in time'")
    )
    assert 0 < undone - begun < 60
    lab.arrived("measure_state", "web", "not confirmed in time")
    assert gets_in(lab, WEB, 22, ADMINISTRATOR)
    # The rules as they should be are in force over the same connection, without a trial: nothing has changed.
    assert "changed=0" in lab.apply("host_firewall", "web", "-e", str(connection))


def test_rules_on_trial_do_not_survive_a_restart(lab: Lab) -> None:
    lab.do(
        "web", "sed -i 's/tcp dport 22 accept/tcp dport 2222 accept/' /etc/order82/firewall.nft; order82 firewall try"
    )
    assert "dport 2222" in lab.do("web", f"nft list table {TABLE}")
    lab.restart("web")
    lab.do("outside", "ip neighbour flush all")  # its network card is another than before
    assert "dport 2222" not in lab.do("web", f"nft list table {TABLE}")
    assert "changed=1" in lab.apply("host_firewall", "web")  # the file, which the restart did not put back
    lab.do("web", "order82 firewall state")


def test_a_rule_that_nft_does_not_understand_changes_nothing(lab: Lab) -> None:
    before = rules(lab, "web")
    lab.do(
        "web",
        "cp /etc/order82/firewall.nft /run/good.nft; echo 'table inet order82_firewall { nonsense' >>/etc/order82/firewall.nft",
    )
    try:
        done = lab.host("web").run("order82 firewall try")
        assert done.rc == 2
        assert "firewall.nft" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert rules(lab, "web") == before
    finally:
        lab.do("web", "cp /run/good.nft /etc/order82/firewall.nft; order82 firewall state")


def test_confirming_what_is_not_on_trial_is_refused(lab: Lab) -> None:
    done = lab.host("web").run("order82 firewall confirm")
    assert done.rc == 2
    assert "on trial" in done.stderr


def test_translation_and_guard_leave_each_other_alone(lab: Lab) -> None:
    translation = lab.do("gateway", "nft --stateless list table ip order82_nat")
    lab.do("gateway", "systemctl restart order82-firewall")
    assert lab.do("gateway", "nft --stateless list table ip order82_nat") == translation
    guard = rules(lab, "gateway")
    lab.do("gateway", "systemctl reload order82-nat")
    assert rules(lab, "gateway") == guard


def test_rules_come_back_where_debians_unit_flushes_all_tables(lab: Lab) -> None:
    try:
        for words in ("start", "reload", "restart", "stop nftables; systemctl start"):
            # systemd counts starts, unless it is told not to.
            lab.do("web", f"systemctl reset-failed nftables; systemctl {words} nftables")
            until(HANG, lambda: lab.host("web").run("order82 firewall state").rc == 0, f"the rules after {words}")
    finally:
        lab.do("web", "systemctl stop nftables; systemctl start order82-firewall fail2ban; order82 firewall state")


def test_an_administrator_who_is_not_named_is_told_before_anything_changes(lab: Lab) -> None:
    connection = {"ansible_ssh_common_args": over_the_network(lab, "preflight")}
    said = lab.apply(
        "host_firewall", "web", "-e", str(connection), "-e", "{host_firewall_control: [192.0.2.0/24]}", ok=(2,)
    )
    assert f"You reach web from {ADMINISTRATOR}" in said
    assert "changed=0" in said
