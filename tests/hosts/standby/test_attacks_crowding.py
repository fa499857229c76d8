# SPDX-License-Identifier: GPL-3.0-or-later
"""An account without rights writes as much as it can, to push the records of others out of its host's journal."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift

HOSTS = {"gateway2": "--system", "gateway1": ""}
"""Debian 12, with an account whose entries are among those of all; and Debian 13, with one that journald gives a file.
Any lab would do; all wait for that of `site`."""
ACCOUNT = "crowder"  # one of order82-* would be spared
UNIT = "order82-journal.service"
SETTINGS = "/etc/order82/journal.json"
STATE = "/var/lib/order82-journal/state.json"
READ = "cat /run/order82-journal/administrators"
"""Whom root read of sudo's rules; it is not there while the guard begins anew."""
BUDGET = 10_000_000
FLOOD = """
import os, socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
for number in range(int(sys.argv[1])):
    journal.sendall(b"SYSLOG_IDENTIFIER=flood\\nMESSAGE=%d %s\\n" % (number, os.urandom(3000).hex().encode()))
"""
TRIED, ENOUGH = "20000", "3000"
"""Messages: 120 MB, which was tried; and 18 MB, which is more than the account's part as well."""


@pytest.fixture(params=HOSTS)
def crowded(lab: Lab, request: pytest.FixtureRequest) -> Iterator[str]:
    """A host with such an account, and with a part for each that is soon used up."""
    host = request.param
    lab.do(
        host,
        f"useradd --no-create-home {HOSTS[host]} {ACCOUNT} && cp -p {SETTINGS} /root/journal.json && "
        f"sed -Ei 's/(\"budget_bytes\": )[0-9]+/\\1{BUDGET}/' {SETTINGS} && grep -q {BUDGET} {SETTINGS} && "
        # What others wrote earlier today was within their whole part.
        f"systemctl stop {UNIT} && rm {STATE} && systemctl start {UNIT}",
    )
    until(HANG, lambda: lab.host(host).file(STATE).exists, "the first look")
    yield host
    lab.do(
        host,
        f"mv /root/journal.json {SETTINGS}; systemctl restart {UNIT}; "
        f"for pid in $(ps -o pid= -u {ACCOUNT}); do kill -KILL $pid; done; "
        f"while ps -u {ACCOUNT} >/dev/null; do sleep 0.1; done; userdel {ACCOUNT}",
    )
    lab.green(host)


def begin(lab: Lab, host: str, *words: str) -> str:
    """Start a program as the account, and give back its number."""
    command = f"setsid setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups {shlex.join(words)} >/dev/null 2>&1 </dev/null & echo $!"
    return lab.do(host, command).strip()


def state(lab: Lab, host: str, pid: str) -> str:
    """Of a process, as ps has it; nothing where it has ended."""
    return lab.do(host, f"ps -o stat= -p {pid}", ok=(0, 1)).strip()


def test_who_floods_is_held_back_and_nobody_else(lab: Lab, crowded: str, mark: str, day: str) -> None:
    host = crowded
    lab.do(host, f"runuser -u www-data -- logger -t probe {mark}")
    bystander = lab.do(
        host, "setsid setpriv --reuid=www-data --clear-groups --regid=www-data sleep 900 >/dev/null 2>&1 & echo $!"
    )
    idle = begin(lab, host, "sleep", "900")
    code = f"import base64; exec(base64.b64decode('{base64.b64encode(FLOOD.encode()).decode()}'))"
    flooder = begin(lab, host, "python3", "-c", code, TRIED)
    try:
        for pid in (flooder, idle):
            until(HANG, lambda one=pid: state(lab, host, one).startswith("T"), f"{pid} of {host} is stopped")
        lab.arrived("measure_state", host, f"alarm: the account {ACCOUNT} (")
        lab.sees(Drift({}, {}, {host: {"log_forwarder.crowding", "log_forwarder.as_laid_down"}}))
        assert lab.do(host, f"journalctl -q -o cat -t probe -g {mark}").strip() == mark
        assert state(lab, host, bystander)[0] != "T"
        # Who comes later is stopped too; and nobody stays so without the guard.
        late = begin(lab, host, "sleep", "900")
        until(HANG, lambda: state(lab, host, late).startswith("T"), "a later process is stopped")
        lab.do(host, f"kill -KILL {flooder}; systemctl stop {UNIT}")
        assert state(lab, host, idle)[0] != "T"
        lab.do(host, f"systemctl start {UNIT}")
        until(HANG, lambda: state(lab, host, idle).startswith("T"), "what it counted is kept")
        assert "goes on" in lab.do(host, f"order82 forward release {ACCOUNT}")
        assert state(lab, host, idle)[0] != "T"
        lab.arrived("measure_state", host, f"alarm over: the account {ACCOUNT} (")
    finally:
        lab.do(host, f"kill -KILL {bystander}", ok=(0, 1))


def test_who_administers_is_told_of_and_keeps_his_way_in(lab: Lab, crowded: str, mark: str, day: str) -> None:
    """Ansible comes as ops, whom a rule of sudo names and no group."""
    lab.do(
        crowded,
        f"cp /etc/sudoers.d/ops /etc/sudoers.d/{ACCOUNT} && sed -i 's/^ops/{ACCOUNT}/' /etc/sudoers.d/{ACCOUNT}",
    )
    try:
        until(HANG, lambda: f'"{ACCOUNT}"' in lab.do(crowded, READ, ok=(0, 1)), "the rule is read")
        assert '"ops"' in lab.do(crowded, READ)
        code = f"import base64; exec(base64.b64decode('{base64.b64encode(FLOOD.encode()).decode()}'))"
        flooder = begin(lab, crowded, "python3", "-c", code, ENOUGH)
        alarms = lab.arrived("measure_state", crowded, "is not held back, since it may administer this host")
        assert all(any(ACCOUNT in line for line in lines) for lines in alarms.values())
        until(HANG, lambda: state(lab, crowded, flooder) == "", "it came to its end")
    finally:
        lab.do(crowded, f"rm -f /etc/sudoers.d/{ACCOUNT}; order82 forward release {ACCOUNT}", ok=(0, 2))
