# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks from outside are seen and recorded with their source; what everybody does raises nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken
from .outside import COLLECTORS, WEB, fails_to_log_in

MIRROR = "/srv/mirror-of-signatures/site.rules"


def alerts(lab: Lab, collector: str, source: str) -> dict[str, int]:
    """What the collector has on record of this source: the rule's words, and the port from which it came."""
    found = lab.records(collector, "security_event", "web", f'"src_ip":"{source}"')
    events = [json.loads(line[line.index('{"timestamp"') :]) for line in found]
    return {event["alert"]["signature"]: event["src_port"] for event in events}


def is_recorded(lab: Lab, source: str, words: str) -> None:
    """Both collectors know, with the port."""
    for collector in COLLECTORS:
        until(HANG, lambda at=collector: alerts(lab, at, source).get(words), f"'{words}' at {collector}")


def test_attacks_are_recorded_while_ordinary_traffic_raises_nothing(lab: Lab, stranger: str, customer: str) -> None:
    ordinary = f"curl -sS --interface {customer} -o /dev/null"
    lab.do(
        "outside", f"for number in $(seq 20); do {ordinary} http://{WEB}/; done; ping -c 3 -i 0.2 -I {customer} {WEB}"
    )
    lab.do("outside", f"nmap -sS -n -Pn -T4 -e outside -S {stranger} -p 1-150 {WEB}")
    is_recorded(lab, stranger, "order82 port scan")
    lab.do("outside", f"echo good | {ordinary} -T - http://{WEB}/upload/from-a-customer.txt")
    lab.do("outside", f"curl -sS --interface {stranger} --path-as-is -o /dev/null 'http://{WEB}/../../etc/passwd'")
    is_recorded(lab, stranger, "order82 exploit: password file asked for")
    is_recorded(lab, stranger, "order82 exploit: path traversal")
    lab.do("outside", f"curl -sS --interface {stranger} -A '${{jndi:ldap://x/a}}' -o /dev/null http://{WEB}/")
    is_recorded(lab, stranger, "order82 exploit: Log4Shell (CVE-2021-44228)")
    lab.do("outside", f"{ordinary} http://{WEB}/upload/from-a-customer.txt; nc -z -s {customer} {WEB} 22")
    for collector in COLLECTORS:
        assert alerts(lab, collector, customer) == {}


def test_a_brute_force_over_ssh(lab: Lab, stranger: str) -> None:
    lab.do("web", f"fail2ban-client set sshd addignoreip {stranger}")  # a ban would end it first
    try:
        fails_to_log_in(lab, WEB, 7, stranger)
    finally:
        lab.do(
            "web",
            f"fail2ban-client set sshd delignoreip {stranger}; fail2ban-client set sshd banip {stranger}; sleep 1; fail2ban-client set sshd unbanip {stranger}",
        )
    is_recorded(lab, stranger, "order82 many SSH connections from one source")


def test_a_flood(lab: Lab, stranger: str) -> None:
    lab.do("outside", f"hping3 -q -S -p 80 -c 10000 -i u100 -a {stranger} {WEB}", ok=(0, 1))
    is_recorded(lab, stranger, "order82 SYN flood")


def test_the_test_packet_is_no_event(lab: Lab) -> None:
    lab.do("web", "order82 ids test")
    lab.arrived("measure_state", "web", "order82 self-test")
    for collector in COLLECTORS:
        assert not lab.records(collector, "security_event", "web", "order82 self-test")


def loaded(lab: Lab) -> int:
    """The rules that web's engine has."""
    said = lab.do("web", "suricatasc -c ruleset-stats /run/suricata/command.socket")
    return json.loads(said)["message"][0]["rules_loaded"]


def test_a_mirror_that_answers_garbage_changes_nothing(lab: Lab) -> None:
    before = loaded(lab)
    lab.do("outside", f"cp {MIRROR} /root/; echo '<html>Sign in to the Internet</html>' >{MIRROR}")
    try:
        cursor = lab.cursor("web")
        assert lab.host("web").run("systemctl start order82-ids-update").rc != 0
        [alarm] = lab.journal("web", cursor, "-t order82 -g '^alarm: the source .site. '")
        assert "those in force stay" in alarm
        lab.arrived("measure_state", "web", "those in force stay")
        lab.do("web", "order82 ids test")
        assert loaded(lab) == before
    finally:
        lab.do("outside", f"cp /root/site.rules {MIRROR}")
    lab.do("web", "systemctl start order82-ids-update")


def test_rules_that_are_not_understood_are_refused_and_a_missing_interface_too(lab: Lab, tmp_path: Path) -> None:
    before = loaded(lab)
    (tmp_path / "broken.rules").write_text("alert tcp any any -> any any (msg:\n")
    wrong = f"{{intrusion_detection_rule_files: [{tmp_path}/broken.rules]}}"
    said = lab.apply("intrusion_detection", "web", "-e", wrong, ok=(2,))
    assert "/etc/order82/ids/broken.rules is not valid" in said
    assert not lab.host("web").file("/etc/order82/ids/broken.rules").exists
    said = " ".join(
        lab.apply("intrusion_detection", "web", "-e", "{intrusion_detection_interfaces: [nowhere]}", ok=(2,)).split()
    )
    assert "web has no interface nowhere" in said
    assert "changed=0" in said
    lab.do("web", "order82 ids test")
    assert loaded(lab) == before


DRIFTS = {
    "stopped, and rules that nobody renews": Drift(
        {
            "gateway": "systemctl stop suricata",
            "web": "touch -d '8 days ago' /var/lib/order82-ids/rules/suricata.rules",
        },
        {
            "gateway": "systemctl start suricata",
            "web": "touch /var/lib/order82-ids/rules/suricata.rules",
        },
        {
            "gateway": {
                f"intrusion_detection.{name}"
                for name in ("running", "sees", "keeps_up", "rules", "sources", "as_laid_down")
            },
            "web": {"intrusion_detection.rules"},
        },
    ),
    "it hangs, and a timer is off": Drift(
        {
            "gateway": "systemctl kill --signal=STOP suricata",
            "web": "systemctl disable --now --quiet order82-ids.timer",
        },
        {"gateway": "systemctl kill --signal=CONT suricata", "web": "systemctl enable --now --quiet order82-ids.timer"},
        {
            "gateway": {f"intrusion_detection.{name}" for name in ("sees", "keeps_up", "rules", "sources")},
            "web": {"intrusion_detection.running", "intrusion_detection.as_laid_down"},
        },
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_inspection_sees_a_detection_that_does_not_work(lab: Lab, drift: Drift) -> None:
    with broken(lab, drift):
        lab.sees(drift)


def dropped(lab: Lab) -> int:
    """The packets that web's engine knows to have lost."""
    said = lab.do("web", "suricatasc -c 'iface-stat outside' /run/suricata/command.socket")
    return json.loads(said)["message"]["drop"]


def test_packets_that_are_lost_are_an_alarm_and_seen_by_the_inspection(lab: Lab) -> None:
    """It is stopped for a moment, and more comes than the kernel can keep for it."""
    drift = Drift(
        {"web": "order82 ids tend; systemctl kill --signal=STOP suricata"},
        {"web": "systemctl restart suricata"},
        {"web": {f"intrusion_detection.{name}" for name in ("keeps_up", "running", "as_laid_down")}},
        still={"web": ("order82-ids.timer",)},  # it would tend the count that the test looks at
    )
    before = dropped(lab)
    with broken(lab, drift):
        lab.do("outside", f"timeout 120 hping3 -q --udp -p 9 -d 1400 -c 40000 -i u20 {WEB}", ok=(0, 1, 124))
        lab.do("web", "systemctl kill --signal=CONT suricata")
        until(HANG, lambda: dropped(lab) > before, "the engine's own count of what it lost")
        assert "were dropped in the last minute" in lab.do("web", "order82 ids tend 2>&1", ok=(1,))
        lab.sees(drift)


def test_blocking_is_refused_where_the_kernel_cant(lab: Lab) -> None:
    rule = "table inet try { chain f { type filter hook forward priority 0; queue num 82 bypass; }; }"
    if lab.host("gateway").run(f"nft --check '{rule}'").rc == 0:
        pytest.skip("this kernel can hand packets over; blocking itself is tested on the virtual machine")
    before = lab.do("gateway", "sha256sum /etc/order82/ids/order82.rules")
    said = lab.apply("intrusion_detection", "gateway", "-e", "{intrusion_detection_inline: true}", ok=(2,))
    assert "can't block" in " ".join(said.replace("can''t", "can't").split())
    assert lab.do("gateway", "sha256sum /etc/order82/ids/order82.rules") == before
