# SPDX-License-Identifier: GPL-3.0-or-later
"""What root changes on a host without announcement is on both collectors in seconds, and is as it was; what is ordinary is neither.

On a Debian 12 (web) and on a Debian 13 (gateway).
"""

from __future__ import annotations

import re
import shlex
import statistics
from collections.abc import Iterator

import pytest

from ..conftest import HANG, Lab, until
from .sabotage import ACTS, TOLD_ONLY, changed

HOSTS = ("web", "gateway")
WATCH = "order82-watch.service"
WORST_SECONDS = 60
"""An interval of the self-check is five minutes."""


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A host of which nobody said that its measures would be broken, and on which nothing is changed."""
    name = request.param
    lab.green(name)
    with lab.unannounced(name):
        until(HANG, lambda: applied_long_ago(lab, name), "the end of the last apply")
        yield name
    lab.green(name)


def applied_long_ago(lab: Lab, name: str) -> bool:
    """The last call of the controller that changed something is over, also for who watches."""
    lab.do(name, "touch -d @0 /run/order82/applying 2>/dev/null; true")
    return True


def said(lab: Lab, name: str, cursor: str) -> list[str]:
    """What the watch put on record since then."""
    return lab.journal(
        name, cursor, "-t order82 _UID=0 + SYSLOG_IDENTIFIER=order82 _SYSTEMD_UNIT=order82-watch.service"
    )


def times(lab: Lab, name: str, cursor: str) -> list[tuple[float, str]]:
    """The same with the second of each."""
    command = f"journalctl -q -o short-unix --cursor={shlex.quote(cursor)} -t order82"
    found = [
        re.fullmatch(r"(\d+\.\d+) \S+ order82\[\d+\]: (.*)", line)
        for line in lab.do(name, command, ok=(0, 1)).splitlines()
    ]
    return [(float(one[1]), one[2]) for one in found if one]


def test_acts_of_sabotage_are_on_both_collectors_and_undone(lab: Lab, host: str) -> None:
    acts = {name: act for name, act in ACTS.items() if host == "web" or "/etc/order82/backup" not in act.does}
    cursor, begun = lab.cursor(host), {}
    for name, act in acts.items():
        begun[name] = float(lab.do(host, f"date +%s.%N; {act.does}").splitlines()[0])
    wrong = dict(acts)

    def right() -> bool:
        rights = "; ".join(f"({act.right}) >/dev/null 2>&1 && echo {shlex.quote(name)}" for name, act in wrong.items())
        for name in lab.do(host, rights + "; true").splitlines():
            del wrong[name]
        return not wrong

    try:
        until(HANG, right, "all that can be put right")
    except AssertionError:
        raise AssertionError(f"not put right: {sorted(wrong)}\n" + "\n".join(said(lab, host, cursor))) from None
    seen = times(lab, host, cursor)
    late = {}
    for name, act in acts.items():
        after = [at - begun[name] for at, text in seen if act.said in text]
        assert after, f"{name}: nothing on record says {act.said!r}\n" + "\n".join(text for _at, text in seen)
        late[name] = after[0]
    print(host, {name: round(seconds, 1) for name, seconds in late.items()}, statistics.median(late.values()))
    assert max(late.values()) <= WORST_SECONDS, late
    assert statistics.median(late.values()) <= 5, late
    for act in acts.values():
        found = lab.arrived("measure_state", host, act.said)
        assert all('uid="0"' in lines[-1] for lines in found.values())
    until(HANG, lambda: not lab.do(host, "order82 watch look", ok=(0, 1)).count(" was"), "nothing that differs")


def test_what_is_not_ours_to_put_right_is_told_and_over_when_a_person_did(lab: Lab, host: str) -> None:
    acts = {name: act for name, act in TOLD_ONLY.items() if host == "web" or "/etc/order82/backup" not in act.does}
    for act in acts.values():
        lab.do(host, act.does)
    try:
        for act in acts.values():
            lab.arrived("measure_state", host, act.said)
            lab.arrived("measure_state", host, "could not be put right: " + act.said.removeprefix("alarm: "))
        standing = next(one for one in lab.look([host])["results"] if one["check"] == "measure_watch.watching")
        assert len(standing["observed"]["standing"]) == len(acts)
    finally:
        for act in acts.values():
            lab.do(host, act.right)
    for act in acts.values():
        lab.arrived("measure_state", host, act.said.replace("alarm: ", "alarm over: "))


def looked(lab: Lab, name: str) -> None:
    """Wait until the watch has looked at something that happens now, and so at all that happened before."""
    now = float(lab.do(name, "date +%s.%N; touch /etc/chrony/chrony.conf"))
    until(
        HANG,
        lambda: (
            float(
                lab.do(name, 'python3 -c \'import json; print(json.load(open("/var/lib/order82/watch.json"))["at"])\'')
            )
            > now
        ),
        "a look",
    )


def quiet(lab: Lab, name: str, *commands: str) -> list[str]:
    """What the watch says of these, which are ordinary."""
    cursor = lab.cursor(name)
    for command in commands:
        lab.do(name, command)
    looked(lab, name)
    looked(lab, name)  # what does not run counts where a second look finds it, too
    return [line for line in said(lab, name, cursor) if line.startswith(("alarm", "put right", "could not"))]


def test_what_is_ordinary_is_no_alarm(lab: Lab, host: str) -> None:
    assert (
        quiet(
            lab,
            host,
            "systemctl restart chrony rsyslog fail2ban order82-config",
            "logrotate --force /etc/logrotate.conf",
            "systemctl start order82-check.service logrotate.service",
            "systemctl daemon-reload",
            f"systemctl restart {WATCH}",
            "apt-get -qq install -y --reinstall chrony >/dev/null",
        )
        == []
    )


def test_an_apply_that_changes_something_is_none_and_is_what_counts_from_then_on(lab: Lab, host: str) -> None:
    cursor = lab.cursor(host)
    lab.apply(
        "time_sync", host, "-e", '{"time_sync_sources": [{"address": "198.18.0.10"}, {"address": "198.18.0.11"}]}'
    )
    looked(lab, host)
    assert [line for line in said(lab, host, cursor) if line.startswith("alarm")] == []
    applied_long_ago(lab, host)
    until(HANG, lambda: any("an apply changed the manifest" in line for line in said(lab, host, cursor)), "the apply")
    lab.do(host, "sed -i /198.18.0.1/d /etc/chrony/chrony.conf")
    until(HANG, lambda: lab.do(host, "grep -c 198.18.0.11 /etc/chrony/chrony.conf; true").strip() == "1", "the file")
    lab.apply("time_sync", host)
    looked(lab, host)
    alarms = [line for line in said(lab, host, cursor) if line.startswith("alarm: ")]
    assert len(alarms) == 1 and "/etc/chrony/chrony.conf: content differs" in alarms[0], alarms
    assert "198.18.0.11" not in lab.do(host, "grep ^server /etc/chrony/chrony.conf")


def test_who_ends_the_watch_is_on_record_and_it_comes_back(lab: Lab, host: str) -> None:
    cursor = lab.cursor(host)
    lab.do(host, f"systemctl mask --runtime {WATCH}; systemctl stop {WATCH}; : >/etc/chrony/chrony.conf")
    words = changed("measure_watch", f"{WATCH}: is stopped")
    lab.arrived("measure_state", host, words)
    lab.do(host, "systemctl start order82-watch-back.service")
    until(HANG, lambda: lab.do(host, f"systemctl is-active {WATCH}", ok=(0, 3)).strip() == "active", "the watch")
    until(HANG, lambda: lab.do(host, "test -s /etc/chrony/chrony.conf && echo y; true"), "what was changed meanwhile")
    until(
        HANG, lambda: any(line.startswith("alarm over: measure_watch") for line in said(lab, host, cursor)), "its end"
    )


def test_a_watch_that_is_killed_comes_back_and_says_so(lab: Lab, host: str) -> None:
    until(HANG, lambda: lab.do(host, "test -e /var/lib/order82/watch.json && echo y; true"), "its words")
    cursor = lab.cursor(host)
    lab.do(host, f"systemctl kill --signal=KILL {WATCH}")
    until(
        HANG,
        lambda: any("ended without a word, and systemd started it again" in line for line in said(lab, host, cursor)),
        "its words",
    )


def test_an_account_changes_nothing_of_it(lab: Lab, host: str) -> None:
    """Its words are no alarm of the host, and it neither stops the watch nor pretends an apply."""
    lab.do(host, "runuser -u nobody -- logger -t order82 'alarm: time_sync was changed: by nobody'")
    lab.arrived("system", host, "by nobody")
    for command in (
        f"systemctl stop {WATCH}",
        "touch /run/order82/applying",
        "sh -c 'echo {} >/var/lib/order82/watch.json'",
        "order82 watch back",
    ):
        assert lab.host(host).run(f"runuser -u nobody -- {command}").rc != 0, command


def test_a_package_that_is_removed_comes_back(lab: Lab) -> None:
    with lab.unannounced("web"):
        applied_long_ago(lab, "web")
        lab.do("web", "apt-get -qq remove -y logrotate >/dev/null")
        lab.arrived("measure_state", "web", changed("log_forwarder", "logrotate is not installed"))
        until(HANG, lambda: lab.do("web", "test -x /usr/sbin/logrotate && echo y; true"), "the package")
        until(HANG, lambda: lab.do("web", "systemctl is-active logrotate.timer", ok=(0, 3)).strip() == "active", "it")
    lab.green("web")


def test_it_costs_little(lab: Lab, host: str) -> None:
    pid = lab.do(host, f"systemctl show -P MainPID {WATCH}").strip()
    before = int(lab.do(host, f"systemctl show -P CPUUsageNSec {WATCH}"))
    lab.do(host, "sleep 30")
    used = (int(lab.do(host, f"systemctl show -P CPUUsageNSec {WATCH}")) - before) / 30e9
    memory = int(lab.do(host, f"awk '/^Pss:/ {{s += $2}} END {{print s}}' /proc/{pid}/smaps_rollup"))
    print(host, f"{100 * used:.2f} % of a processor, {memory} kB")
    assert memory < 40_000
    assert used < 0.01
