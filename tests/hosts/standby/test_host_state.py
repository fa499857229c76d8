# SPDX-License-Identifier: GPL-3.0-or-later
"""A measure with units of systemd, laid down on hosts of both releases: broken off anywhere, owed restarts are made."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.host_program import LAY_DOWN, host_program
from ansible_collections.order82.baseline.plugins.plugin_utils.state import load_state
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import Engine, resolve_state

from ..conftest import CHECKOUT, Lab

HOSTS = ("outside", "subscriber1")
"""Debian 12 and Debian 13, with nothing of ours: systemd has few units to read again each time. Any lab would do; all
wait for that of `site`."""

PLAIN = Engine(lambda text, _item: text, lambda _text, _item: True, lambda _path, _item: "", str, ValueError)
ETC, UNITS = "/etc/order82probe", "/etc/systemd/system"
READS = """\
[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=order82probe
RuntimeDirectoryPreserve=yes
ExecStart=/bin/sh -c 'echo unit-{0} $DROP $EXTRA $(cat /etc/order82probe/conf) $(ls /etc/order82probe/d) > /run/order82probe/read'

[Install]
WantedBy=multi-user.target
"""
DAEMON = """\
[Service]
RuntimeDirectory=order82probe
RuntimeDirectoryPreserve=yes
Type=exec
ExecStartPre=/bin/cp /etc/order82probe/settings /run/order82probe/loaded
ExecStart=/bin/sleep infinity
ExecReload=/bin/cp /etc/order82probe/settings /run/order82probe/loaded
"""
JOB = "[Service]\nType=oneshot\nExecStart=/bin/echo {0}\n"
ONCE = "[Service]\nType=oneshot\nExecStart=/bin/cp /etc/order82probe/conf /run/order82probe/once\n"
STAYS = "[Service]\nExecStart=/bin/sleep infinity\n"


def unit(name: str, text: str) -> dict:
    return {"path": f"{UNITS}/order82probe{name}", "text": text}


def state(folder: Path, present: bool = True, **sections) -> dict:
    """What the controller makes of a state.yml with these sections."""
    path = folder / "state.yml"
    path.write_text(json.dumps(sections))
    return resolve_state(load_state(path, "order82probe"), PLAIN, present)


def version(number: int) -> dict:
    """The sections of a measure: in the second version texts differ, and a drop-in and a unit are gone."""
    first = number == 40
    return {
        "folders": [{"path": ETC, "mode": "0750" if first else "0755"}, f"{ETC}/d"],
        "files": [
            {"path": f"{ETC}/conf", "text": f"conf-{number}\n", "validate": ["grep", "-q", "conf", "%s"]},
            {"path": f"{ETC}/settings", "text": f"settings-{number}\n", "secret": True},
            unit(".service", READS.format(number)),
            unit(".service.d/value.conf", f"[Service]\nEnvironment=DROP=drop-{number}\n"),
            *([unit(".service.d/extra.conf", "[Service]\nEnvironment=EXTRA=extra\n")] if first else []),
            unit("-daemon.service", DAEMON),
            unit("-job.service", JOB.format(number)),
            unit("-once.service", ONCE),
            *([unit("-gone.service", STAYS)] if first else []),
        ],
        "nothing_else_in": [f"{ETC}/d/*"],
        "units": [
            {"unit": "order82probe.service", "restart_for": [f"{ETC}/conf", f"{ETC}/d/*"]},
            {"unit": "order82probe-daemon.service", "enabled": None, "reload_for": [f"{ETC}/settings"]},
            {"unit": "order82probe-once.service", "enabled": None, "running": None, "start_for": [f"{ETC}/conf"]},
            *([{"unit": "order82probe-gone.service", "enabled": None}] if first else []),
        ],
    }


def on_host(lab: Lab, host: str, function: str, *arguments: object) -> object:
    """Call a function of state_on_host.py on a host, beside the code that a role's state is laid down by."""
    sources = {
        "broken_off": (CHECKOUT / "tests" / "broken_off.py").read_text(),
        "state_on_host": (Path(__file__).parent / "state_on_host.py").read_text(),
    }
    loads, _its, _question = host_program(LAY_DOWN, None).decode().partition("_ASKED = ")
    program = f"""
import json, sys, types
exec({loads!r})
for name, source in {sources!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
print("\\n" + json.dumps(getattr(sys.modules["state_on_host"], {function!r})(*json.loads({json.dumps(arguments)!r}))))
"""
    command = ["ssh", "-F", str(lab.ssh_config), host, "sudo python3 -I -"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(params=HOSTS)
def host(lab: Lab, request):
    yield request.param
    on_host(lab, request.param, "clean")


def test_every_owed_restart_is_made_wherever_it_is_broken_off(lab: Lab, tmp_path: Path) -> None:
    """At some thirty places of three steps: one half of them on Debian 12, and the other on Debian 13, at the same time."""
    steps = [state(tmp_path, **version(40)), state(tmp_path, **version(41)), state(tmp_path, False, **version(41))]
    try:
        with ThreadPoolExecutor(max_workers=len(HOSTS)) as pool:
            for said in pool.map(lambda host, first: on_host(lab, host, "crash_loop", steps, first, 2), HOSTS, (1, 2)):
                assert said["wrong"] == []
                assert min(said["killed"]) > 10, "each step was killed at many places"
    finally:
        for host in HOSTS:
            on_host(lab, host, "clean")


def applied(lab: Lab, host: str, steps: list[dict], before: str = "") -> list[tuple[dict, dict, dict]]:
    """Lay states down; each check mode said what the apply did, and laid down again nothing changed.

    :return: for each what check mode said, what the apply said, and what was found.
    """
    found = []
    for tried, done, tried_again, again, now in on_host(lab, host, "apply", steps, before):
        assert "failed" not in done, done["msg"]
        assert tried["changed"] == done["changed"], (tried["did"], done["did"])
        assert (tried_again["did"], again["did"]) == ([], [])
        found.append((tried, done, now))
    return found


def test_check_mode_says_what_an_apply_does(lab: Lab, host: str, tmp_path: Path) -> None:
    """On a host that has nothing of the measure, on one that has another version, and for taking it away."""
    steps = [state(tmp_path, **version(40)), state(tmp_path, **version(41)), state(tmp_path, False, **version(41))]
    first, second, last = applied(lab, host, steps)
    assert first[2]["read"] == {
        "read": "unit-40 drop-40 extra conf-40\n",
        "loaded": "settings-40\n",
        "once": "conf-40\n",
    }
    assert second[2]["read"] == {"read": "unit-41 drop-41 conf-41\n", "loaded": "settings-41\n", "once": "conf-41\n"}
    said = second[1]["did"]
    assert f"removed {UNITS}/order82probe.service.d/extra.conf" in said
    assert "stopped order82probe-gone.service" in said
    assert [one for one in said if one.startswith(("restarted", "reloaded", "started", "ran"))] == [
        "restarted order82probe.service",
        "reloaded order82probe-daemon.service",
        "ran order82probe-once.service",
    ]
    assert last[2]["tree"] == {}


def test_drop_in_that_is_gone_is_in_force_no_more(lab: Lab, host: str, tmp_path: Path) -> None:
    """Nothing else changes: its service is restarted all the same."""
    first = version(40)
    second = dict(first, files=[one for one in first["files"] if not one["path"].endswith("extra.conf")])
    _first, (_tried, done, now) = applied(lab, host, [state(tmp_path, **first), state(tmp_path, **second)])
    assert done["did"] == [f"removed {UNITS}/order82probe.service.d/extra.conf", "restarted order82probe.service"]
    assert now["read"]["read"] == "unit-40 drop-40 conf-40\n"


FOREIGN = "/run/systemd/system/order82probe-daemon.service.d"


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (
            f"mkdir -p {FOREIGN}; printf '[Service]\\nEnvironment=A=b\\n' > {FOREIGN}/x.conf; systemctl daemon-reload",
            "set /run/systemd/system/order82probe-daemon.service.d/x.conf aside",
        ),
        ("systemctl freeze order82probe-daemon.service", "thawed"),
        ("systemctl stop order82probe-daemon.service", "started order82probe-daemon.service"),
        ("systemctl kill -s KILL order82probe-daemon.service; sleep 1", "started order82probe-daemon.service"),
        ("systemctl disable order82probe.service", "enabled order82probe.service"),
        (f"echo '#' >> {UNITS}/order82probe.service", "restarted order82probe.service"),
        (f"touch {UNITS}/order82probe.service", "had systemd read its unit files again"),
        # Somebody took it away by hand, and systemd has not been told.
        (
            f"mkdir -p {FOREIGN}; touch {FOREIGN}/x.conf; systemctl daemon-reload; rm {FOREIGN}/x.conf",
            "had systemd read its unit files again",
        ),
    ],
)
def test_drift_of_a_unit_is_mended(lab: Lab, host: str, tmp_path: Path, drift: str, said: str) -> None:
    first, second = applied(lab, host, [state(tmp_path, **version(40))] * 2, drift)
    assert [one for one in second[1]["did"] if said in one], second[1]["did"]
    assert second[2]["units"] == first[2]["units"]
    assert {path: now for path, now in second[2]["tree"].items() if path != FOREIGN} == first[2]["tree"]


def test_drop_in_for_all_services_of_the_machine_stays_and_changes_nothing(lab: Lab, host: str, tmp_path: Path) -> None:
    """A site has its reasons for one; the check names it, an apply leaves it, and neither goes round in circles."""
    folder = "/run/systemd/system/service.d"
    drift = f"mkdir -p {folder}; printf '[Service]\\nEnvironment=ALL=x\\n' > {folder}/order82probe.conf; systemctl daemon-reload"
    try:
        _first, second = applied(lab, host, [state(tmp_path, **version(40))] * 2, drift)
        assert second[1]["did"] == []
    finally:
        lab.do(
            host,
            f"rm -f {folder}/order82probe.conf; rmdir --ignore-fail-on-non-empty {folder}; systemctl daemon-reload",
        )


def test_unit_that_is_to_be_masked_stays_so(lab: Lab, host: str, tmp_path: Path) -> None:
    packaged = "/usr/lib/systemd/system/order82probe-gone.service"
    lab.do(host, f"printf '[Service]\\nExecStart=/bin/sleep infinity\\n' > {packaged}; systemctl daemon-reload")
    try:
        lab.do(host, "systemctl start order82probe-gone.service")
        masked = {"unit": "order82probe-gone.service", "package": "systemd", "masked": True}
        first = version(41)
        second = dict(
            first,
            units=[masked, dict(first["units"][0], restart_for=["order82probe-gone.service"]), *first["units"][1:]],
        )
        _first, (_tried, done, now), (_tried, undone, _now) = applied(
            lab, host, [state(tmp_path, **one) for one in (first, second, first)]
        )
        assert done["did"] == ["masked order82probe-gone.service", "restarted order82probe.service"]
        assert undone["did"] == ["unmasked order82probe-gone.service"]
        assert now["tree"][f"{UNITS}/order82probe-gone.service"][3] == ""
    finally:
        lab.do(host, f"systemctl stop order82probe-gone.service; rm {packaged}; systemctl daemon-reload")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[Service]\nType=exec\nExecStart=/bin/sh -c 'echo the gate is shut >&2; exit 3'\n", "the gate is shut"),
        (
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo the gate is shut >&2; exit 3'\n",
            "the gate is shut",
        ),
        # Systemd calls it started, and starts it again for ever.
        (
            "[Service]\nType=exec\nExecStart=/bin/sh -c 'echo the gate is shut >&2; exit 3'\nRestart=always\nRestartSec=1\n",
            "the gate is shut",
        ),
        ("[Unit]\nConditionPathExists=/nowhere\n[Service]\nExecStart=/bin/sleep infinity\n", "ondition"),
    ],
)
def test_unit_that_does_not_start_says_why_and_what_was_done_before(
    lab: Lab, host: str, tmp_path: Path, text: str, said: str
) -> None:
    broken = version(41)
    files = [unit("-gone.service", text) if "-gone" in one["path"] else one for one in version(40)["files"]]
    broken |= {"files": files, "units": [*broken["units"], {"unit": "order82probe-gone.service", "enabled": None}]}
    [[_tried, done, _tried_again, again, _now]] = on_host(lab, host, "apply", [state(tmp_path, **broken)])
    assert done["failed"] and again["failed"]
    assert done["msg"].startswith("order82probe: order82probe-gone.service does not ")
    assert said in done["msg"]
    assert "; started order82probe.service; started order82probe-daemon.service; " in done["msg"]
    mended = state(tmp_path, **version(40))
    assert "failed" not in on_host(lab, host, "lay", mended)


@pytest.mark.parametrize(
    "text",
    [
        # What it wants is there when systemd starts it for the second time.
        "ExecStart=/bin/sh -c 'test -e {0}/there || {{ touch {0}/there; exit 1; }}; exec sleep infinity'\n",
        # One that is killed by its own, as a forwarder whose collector does not admit it.
        "ExecStart=/bin/sh -c 'kill -KILL $$$$'\nSuccessExitStatus=SIGKILL\n",
    ],
)
def test_service_that_may_come_back_is_no_reason_to_stop(lab: Lab, host: str, tmp_path: Path, text: str) -> None:
    service = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=exec\nRestart=always\nRestartSec=1\n"
    files = [
        unit("-gone.service", service + text.format("/run/order82probe")) if "-gone" in one["path"] else one
        for one in version(40)["files"]
    ]
    done = on_host(lab, host, "lay", state(tmp_path, **dict(version(40), files=files)))
    assert "failed" not in done, done["msg"]
    assert "started order82probe-gone.service" in done["did"]
