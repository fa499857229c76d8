# SPDX-License-Identifier: GPL-3.0-or-later
"""A measure with units of systemd, laid down on hosts of both releases: broken off anywhere, owed restarts are made."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.host_program import LAY_DOWN, host_program
from ansible_collections.order82.baseline.plugins.plugin_utils.state import load_state
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import Engine, resolve_state

from ..conftest import CHECKOUT, Lab

HOSTS = ("web", "vault")
"""Debian 12 and Debian 13."""

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
    nothing = host_program(LAY_DOWN, {"bring": None, "look": [], "check": True}).decode()
    program = f"""
import json, sys, types
exec({nothing!r})
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


def test_every_owed_restart_is_made_wherever_it_is_broken_off(lab: Lab, host: str, tmp_path: Path) -> None:
    steps = [state(tmp_path, **version(40)), state(tmp_path, **version(41)), state(tmp_path, False, **version(41))]
    said = on_host(lab, host, "crash_loop", steps)
    print(said["killed"])
    assert said["wrong"] == []
    assert min(said["killed"]) > 10, "each step was killed at many places"
