# SPDX-License-Identifier: GPL-3.0-or-later
"""Strangers are refused and the refusal is recorded; hostile messages are kept, in the right place, marked, and harmless."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import line

from ..conftest import HANG, READ, Lab, until

CLIENT = (Path(__file__).parents[1] / "relp_client.py").read_bytes()
COLLECTORS = {"collector1": "10.82.3.11", "collector2": "10.82.3.12"}
HOST_KEY = ("/etc/order82/tls/host.crt", "/etc/order82/tls/host.key")
# Everything that a message could write to, were the collector careless: where other services work all the time, what is
# the receiver's.
WORLD = (
    "find /etc /root /usr /var/spool/cron /tmp -xdev -newer /run/before -type f; "
    "find /var/lib /srv -xdev -path /srv/records -prune -o -newer /run/before -type f -user order82-collect -print"
)


def send(
    lab: Lab, sender: str, collector: str, cert: str, key: str, *messages: bytes, repeat: int = 1
) -> tuple[int, str]:
    """Send messages from a host of the lab; the exit code and what the client printed."""
    lab.do(sender, f"echo {base64.b64encode(CLIENT).decode()} | base64 -d > /root/relp_client.py")
    done = lab.host(sender).run(
        f"python3 /root/relp_client.py {COLLECTORS[collector]} 2514 {cert} {key} {' '.join(f'{one.hex()}*{repeat}' for one in messages)}"
    )
    return done.rc, done.stdout


def keep_message(lab: Lab, collector: str, message: bytes, mark: str, repeat: int = 1) -> tuple[bytes, line.Record]:
    """Send a message (its last byte so many times) with vault's own certificate and find it in vault's file of class system."""
    lab.do(collector, "touch /run/before")
    assert send(lab, "vault", collector, *HOST_KEY, message, repeat=repeat) == (0, "OK\n")
    encoded = lab.do(collector, f"{READ} /srv/records/system/*/vault.log* | grep -aF {mark} | base64 -w0")
    raw = base64.b64decode(encoded)
    assert raw.count(b"\n") == 1, "one message is one line"
    record = line.parse(raw.rstrip(b"\n").decode("utf-8", "surrogateescape"))
    assert record is not None
    assert lab.do(collector, WORLD) == "", "nothing else on the collector changes"
    return raw, record


@pytest.mark.parametrize("collector", COLLECTORS)
def test_host_name_with_a_path_in_it(lab: Lab, collector: str, mark: str) -> None:
    _raw, record = keep_message(
        lab, collector, f"<14>1 2026-11-24T00:00:00Z ../../etc/cron.d/x a - - - {mark}".encode(), mark
    )
    assert "name" in record.stored["marks"].split()
    assert not lab.host(collector).file("/etc/cron.d/x").exists


@pytest.mark.parametrize("collector", COLLECTORS)
def test_64_kib(lab: Lab, collector: str, mark: str) -> None:
    raw, record = keep_message(
        lab, collector, b"<14>1 2026-11-24T00:00:00Z vault a - - - " + mark.encode() + b"x", mark, 65536
    )
    assert "long" in record.stored["marks"].split()
    assert mark.encode() + b"x" * 65536 in raw


@pytest.mark.parametrize("collector", COLLECTORS)
def test_invalid_utf8_and_control_characters(lab: Lab, collector: str, mark: str) -> None:
    body = mark.encode() + b" \xff\xfe caf\xe9 \x07\x1b[2J\n<14>1 forged\x00line"
    raw, record = keep_message(lab, collector, b"<14>1 2026-11-24T00:00:00Z vault a - - - " + body, mark)
    assert {"utf8", "control"} <= set(record.stored["marks"].split())
    assert b"\xff\xfe caf\xe9" in raw, "the bytes themselves are the record"
    assert b"#033[2J#012<14>1 forged" in raw


@pytest.mark.parametrize("collector", COLLECTORS)
@pytest.mark.parametrize("when", ["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
def test_clock_that_is_wrong(lab: Lab, collector: str, when: str, mark: str) -> None:
    _raw, record = keep_message(lab, collector, f"<14>1 {when} vault a - - - {mark}".encode(), mark)
    assert "clock" in record.stored["marks"].split()
    assert record.time.startswith(when[:10])


@pytest.mark.parametrize("collector", COLLECTORS)
def test_ordinary_message_bears_no_mark(lab: Lab, collector: str, mark: str) -> None:
    now = lab.do(collector, "date -u +%FT%TZ").strip()
    _raw, record = keep_message(lab, collector, f"<14>1 {now} vault a - - - {mark} 中文".encode(), mark)
    assert record.stored["marks"] == ""


@pytest.mark.parametrize("collector", COLLECTORS)
@pytest.mark.parametrize("record_class", ["../../../etc", "no_such_class", "session/../system"])
def test_class_that_does_not_exist(lab: Lab, collector: str, record_class: str, mark: str) -> None:
    _raw, record = keep_message(
        lab,
        collector,
        f'<14>1 2026-11-24T00:00:00Z vault a - - [order82@32473 class="{record_class}"] {mark}'.encode(),
        mark,
    )
    assert record.sent["class"] == record_class


@pytest.mark.parametrize("collector", COLLECTORS)
def test_message_that_is_no_syslog_at_all(lab: Lab, collector: str, mark: str) -> None:
    keep_message(lab, collector, f"{mark} no header".encode(), mark)


@pytest.mark.parametrize("collector", COLLECTORS)
def test_sender_cannot_write_into_another_hosts_file(lab: Lab, collector: str, mark: str) -> None:
    keep_message(lab, collector, f"<14>1 2026-11-24T00:00:00Z web a - - - {mark}".encode(), mark)
    assert lab.records(collector, "system", "web", mark) == []


@pytest.fixture(scope="module")
def strangers(lab: Lab) -> Iterator[dict[str, tuple[str, str]]]:
    """What people without a certificate of ours bring along, where no rule keeps them from the collectors' port."""
    lab.do(
        "subscriber",
        "test -f /root/other.crt || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=vault -addext subjectAltName=DNS:vault -keyout /root/other.key -out /root/other.crt 2>/dev/null",
    )
    for collector in COLLECTORS:
        lab.do(collector, "nft insert rule inet order82_firewall input ip saddr 10.82.3.100 tcp dport 2514 accept")
    yield {
        "another authority": ("/root/other.crt", "/root/other.key"),
        "no certificate": ("none", "none"),
        "no TLS": ("plain", "plain"),
    }
    for collector in COLLECTORS:
        lab.do(collector, "systemctl restart order82-firewall")


@pytest.mark.parametrize("collector", COLLECTORS)
@pytest.mark.parametrize("stranger", ["another authority", "no certificate", "no TLS"])
def test_stranger_is_refused_and_it_is_recorded(
    lab: Lab, strangers: dict, collector: str, stranger: str, mark: str
) -> None:
    seen = f"{READ} /srv/records/security_event/*/{collector}.log* | grep -acF 10.82.3.100 || true"
    before = {at: int(lab.do(at, seen)) for at in COLLECTORS}
    code, said = send(
        lab, "subscriber", collector, *strangers[stranger], f"<14>1 2026-11-24T00:00:00Z vault a - - - {mark}".encode()
    )
    assert (code, "OK" in said) == (1, False), said
    lab.do(collector, f"! grep -raF {mark} /srv/records | grep -v COMMAND=")
    for at in COLLECTORS:
        until(
            HANG, lambda at=at: int(lab.do(at, seen)) > before[at], f"the refusal of {stranger} by {collector}, on {at}"
        )
