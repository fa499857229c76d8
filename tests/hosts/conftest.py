# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a lab, as their tests see them: from outside, over SSH, as an administrator would."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import re
import shlex
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import testinfra
import yaml

from .asking import Asking
from .drift import Drift, differences, red, unlike

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = "order82-test-was-here"
READ = "zstd -dcfq"
"""Files of records, whether their days are open or sealed: `READ .../HOST.log*`."""
ANNOUNCE = "order82 maintenance begin --by tests --reason 'tests break measures on purpose' --minutes 10080"
"""Else what a test breaks is put right under its hands."""
HANG = 180
"""Seconds after which a test no longer waits for what comes soon.

Nobody measures by it: what is said of speed, the records' own times say.
"""


class Lab:
    """The lab of a molecule scenario; `ORDER82_SCENARIO` names it where molecule does not."""

    def __init__(self) -> None:
        self.scenario = os.environ.get("MOLECULE_SCENARIO_NAME") or os.environ["ORDER82_SCENARIO"]
        self.inventory = CHECKOUT / "molecule" / self.scenario / "inventory"
        variables = yaml.safe_load((self.inventory / "hosts.yml").read_text())["all"]["vars"]
        self.unproved: list[str] = variables.get("lab_unproved", [])
        self.ssh_config = CHECKOUT / ".cache" / "lab" / variables["lab_name"] / "ssh_config"
        self._hosts: dict[str, Any] = {}
        self._doubtful: set[str] = set(
            self.managed()
        )  # to these something was done, or was red, since they were last green
        self._asking = Asking(self.inventory, self.ssh_config, self.play)
        self._apart = False
        self.elsewhen = False  # a clock was put: not all can be green any more

    def logins(self) -> dict[str, Mapping[str, Any]]:
        """What is known of the last logins that were looked for on the collectors, by host."""
        return self._asking.logins

    def host(self, name: str) -> Any:
        """A host, on which commands run as root."""
        self._doubtful |= {name} & set(self.managed())
        if name not in self._hosts:
            self._hosts[name] = testinfra.get_host(f"ssh://{name}", ssh_config=str(self.ssh_config), sudo=True)
        return self._hosts[name]

    def managed(self) -> list[str]:
        """The hosts on which the collection is applied."""
        return sorted(set(self._groups["_meta"]["hostvars"]) - set(self._groups["unmanaged"]["hosts"]))

    def collectors(self) -> list[str]:
        """The hosts that keep the records of all."""
        return sorted(self._groups["collectors"]["hosts"])

    @functools.cached_property
    def _groups(self) -> dict[str, Any]:
        words = ["ansible-inventory", "-i", str(self.inventory), "--list"]
        return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    def do(self, name: str, command: str, ok: tuple[int, ...] = (0,)) -> str:
        """Run a shell command as root and give back what it printed.

        :raises AssertionError: another exit code than those in `ok`; the message has both outputs.
        """
        done = self.host(name).run(command)
        assert done.rc in ok, f"{name}: {command}\nended with {done.rc}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def baseline(self, *words: str) -> None:
        """Run ./baseline lab WORDS on this lab."""
        self._doubtful = set(self.managed())
        command = [str(CHECKOUT / "baseline"), "lab", words[0], "-i", str(self.inventory), *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def restart(self, name: str) -> None:
        """Restart a host, as by its power button, and wait until it has booted."""
        container = f"order82-{self.ssh_config.parent.name}-{name}"
        command = [str(CHECKOUT / "baseline"), "lab", "podman", "--", "restart", container]
        subprocess.run(command, check=True, capture_output=True)

        def booted() -> bool:
            try:
                return self.host(name).run("systemctl is-system-running").stdout.strip() in {"running", "degraded"}
            except RuntimeError:  # nobody to log in at yet
                return False

        until(90, booted, f"the boot of {name}")

    @contextlib.contextmanager
    def still(self, name: str, *units: str) -> Iterator[None]:
        """Meanwhile these units do nothing that would mend or disturb; those that ran, or waited, go on afterwards.

        A timer's service that is under way comes to its end first.
        """
        ran = self.do(
            name, f"for unit in {' '.join(units)}; do systemctl --quiet is-active $unit && echo $unit; done; true"
        )
        timers = [unit for unit in units if unit.endswith(".timer")]
        services = " ".join(unit.replace(".timer", ".service") for unit in timers)
        self.do(
            name,
            (f"systemctl stop {' '.join(timers)}; " if timers else "")
            + f"for unit in {services}; do while [ $(systemctl is-active $unit) = activating ]; do sleep 0.1; done; done; "
            f"systemctl stop {' '.join(units)}",
        )
        try:
            yield
        finally:
            self.do(name, f"systemctl start {ran.replace(chr(10), ' ')}" if ran.strip() else "true")

    @contextlib.contextmanager
    def unannounced(self, *names: str) -> Iterator[None]:
        """Meanwhile nobody said that these hosts' measures would be broken: the watch over them does its work."""
        for name in names:
            self.do(name, "order82 maintenance end")
        try:
            yield
        finally:
            for name in names:
                self.do(name, ANNOUNCE)

    def hold(self, name: str, unit: str, at: str = "true") -> None:
        """Start a service that ends by itself and stop it in its tracks: it is under way until it is ended.

        :param at: a shell condition on that host, true at the point at which it is to stand. Where the service was at its end
            before that was seen, it is started again.
        """
        state = f"$(systemctl is-active {unit})"
        stopped = f"systemctl kill --signal=STOP {unit} && [ {state} = activating ] && {at}"
        self.do(
            name,
            f"systemctl reset-failed {unit} 2>/dev/null; end=$(($(date +%s) + {HANG})); "
            f"until {stopped}; do systemctl kill --signal=CONT {unit} 2>/dev/null; "
            f"[ $(date +%s) -lt $end ] || exit 1; [ {state} = activating ] || systemctl start --no-block {unit}; "
            "sleep 0.05; done",
        )

    def cursor(self, name: str) -> str:
        """Where a host's journal is now: at a word of ours."""
        return (
            self.do(name, f"logger -t {HERE} {HERE}; journalctl --sync; journalctl -q -n 1 -t {HERE} --show-cursor")
            .rpartition("cursor: ")[2]
            .strip()
        )

    def journal(self, name: str, cursor: str, words: str) -> list[str]:
        """The messages since then that journalctl selects by these words.

        With --after-cursor and a selection, journalctl 252 leaves out the first message where the cursor's own is none of them.
        """
        command = f"journalctl --sync; journalctl -q -o cat --cursor={shlex.quote(cursor)} {words}"
        return [line for line in self.do(name, command, ok=(0, 1)).splitlines() if line != HERE]

    def play(self, playbook: str, *words: str, ok: tuple[int, ...] = (0,)) -> str:
        """Run a playbook of the checkout on this lab and give back what it printed."""
        self._doubtful = set(self.managed())
        return self._play(playbook, words, ok)

    def _play(self, playbook: str, words: Iterable[str], ok: tuple[int, ...]) -> str:
        done = subprocess.run(
            ["ansible-playbook", playbook, "-i", str(self.inventory), *words],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode in ok, f"{playbook} ended with {done.returncode}\n{done.stdout[-6000:]}"
        return done.stdout

    def apply(self, role: str, hosts: str, *words: str, ok: tuple[int, ...] = (0,)) -> str:
        """Apply one role of the collection, which is faster than the whole site, and give back what was printed.

        The shared parts (role order82) are in place since the site was applied, and are not seen to again. So what is done,
        is done to these hosts; the others are asked with all at the module's end.
        """
        named = set(hosts.split(":"))
        if named <= set(self.managed()):
            self._doubtful |= named
            self._apart = True
        else:  # a group
            self._doubtful = set(self.managed())
        play = {
            "hosts": hosts,
            "gather_facts": True,
            "gather_subset": ["!all", "!min", "distribution", "virtual", "platform"],
            "become": True,
            "force_handlers": True,
            "vars": {"_order82_seen_to": True},
        }
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([play | {"roles": [f"order82.baseline.{role}"]}], file)
            file.flush()
            return self._play(file.name, words, ok)

    def remove(self, *measures: str, hosts: str = "", yes: bool = True, ok: tuple[int, ...] = (0,)) -> str:
        """Take these measures away, or all, as a person does, and give back what was printed."""
        self._doubtful = set(self.managed())
        words = ["-i", str(self.inventory), *(["--limit", hosts] if hosts else []), *(["--yes"] if yes else [])]
        done = subprocess.run(
            [str(CHECKOUT / "baseline"), "remove", *measures, *words],
            env=os.environ | {"ANSIBLE_FORCE_COLOR": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode in ok, f"{measures} ended with {done.returncode}\n{done.stdout[-6000:]}"
        return done.stdout

    def inspect(self, reports: Path, *words: str) -> dict[str, Any]:
        """Inspect the lab as a person does, by Ansible, and give back the result as the report has it."""
        self.play("playbooks/inspect.yml", "-e", f"order82_reports={reports}", *words, ok=(0, 2))
        return json.loads((reports / "latest" / "result.json").read_text())

    def look(
        self,
        hosts: Iterable[str] = (),
        words: tuple[str, ...] = (),
        again: Mapping[str, set[str]] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Inspect these hosts, or all, without Ansible and its report: the same result in a second or two.

        :param again: checks by host of which alone they are asked: a second time.
        """
        begun = time.monotonic()
        result = self._asking.result(sorted(hosts) or self.managed(), words, again)
        self._took = time.monotonic() - begun
        self._doubtful |= set(red(result))
        return result

    def sees(self, drift: Drift, within: float = HANG) -> dict[str, Any]:
        """Look until exactly the drift's checks are red, and once more: it stays so. Give back what was seen.

        Of the hosts that have no part in it counts what they said last; they are all asked at the module's end.

        :raises AssertionError: it was not so within so many seconds; the message has the last differences.
        """
        end = time.monotonic() + within
        hosts = {*drift.breaks, *drift.red} & set(self.managed())
        others = {host: set() for host in set(self.managed()) - hosts if self._asking.knows(host)}
        known = {host for host in hosts if self._asking.knows(host)}
        result = self.look(hosts, again={host: drift.red.get(host, set()) for host in known})
        self._apart = True
        while True:
            wrong = differences(result, drift)
            if not wrong:
                result = self.look(again=others)
                wrong = differences(result, drift, whole=True)
                if not wrong:
                    return result
            assert time.monotonic() < end, f"not so within {within} s:\n" + "\n".join(wrong)
            result = self._later(unlike(result, drift))

    def green(self, *hosts: str, within: float = HANG) -> None:
        """Look until every check on these hosts is passed, or on all on which it may not be. Some look at the last minutes.

        :raises AssertionError: it was not so within so many seconds; the message has what was red at last.
        """
        end = time.monotonic() + within
        found: dict[str, set[str]] = {}
        while doubtful := (set(hosts) or set(self.managed())) & self._doubtful:
            result = self._later(found) if found else self.look(doubtful)
            found, amended = red(result), bool(found)
            self._doubtful -= set() if amended else doubtful - set(found)
            assert not found or time.monotonic() < end, f"not green within {within} s: {found}\n" + "\n".join(
                f"{one['host']} {one['check']}: {one['message']['en']} {one['observed']}"
                for one in result["results"]
                if one["check"] in found.get(one["host"], ())
            )

    def mended(self, drift: Drift, within: float = HANG) -> None:
        """Look until what the drift made red is passed; whether all else is, its hosts are asked with all at the module's end.

        :raises AssertionError: it was not so within so many seconds.
        """
        end, left = time.monotonic() + within, {host: set(checks) for host, checks in drift.red.items()}
        while left:
            now = red(self.look(left, again=left))
            left = {
                host: checks & now.get(host, set()) for host, checks in left.items() if checks & now.get(host, set())
            }
            assert not left or time.monotonic() < end, f"not green within {within} s: {left}"
            if left:
                self._pause()
        self._doubtful -= {*drift.breaks, *drift.red}
        self._apart = True

    def whole(self) -> None:
        """Look at all hosts, where since the last time some were looked at alone: nothing else was broken.

        :raises AssertionError: a host is red to which nobody did anything.
        """
        if self._apart and not self.elsewhen:
            self._apart = False
            self.look()
            self.green()

    def _later(self, checks: Mapping[str, set[str]]) -> dict[str, Any]:
        """Look a moment later, at these alone."""
        self._pause()
        return self.look(checks, again=checks)

    def _pause(self) -> None:
        """Who waits and looks should not keep the machine busy."""
        time.sleep(max(0.5, 2 * self._took))

    def records(self, collector: str, record_class: str, host: str, containing: str) -> list[str]:
        """The lines of a class and host on a collector that contain a text, of all days, the oldest first."""
        files = f"/srv/records/{record_class}/*/{host}.log*"
        return self.do(collector, f"{READ} {files} | grep -aF -e '{containing}'", ok=(0, 1)).splitlines()

    def numbers(self, collector: str, host: str, mark: str) -> int:
        """How many distinct numbers of a host a collector has, of all days: C(number N of MARK)."""
        numbers = f"LC_ALL=C grep -ao 'number [0-9]* of {mark}' | LC_ALL=C sort -u | wc -l"
        return int(self.do(collector, f"{READ} /srv/records/system/*/{host}.log* | {numbers}"))

    def arrived(self, record_class: str, host: str, containing: str, within: float = HANG) -> dict[str, list[str]]:
        """Wait until every collector has such a record, and give back each one's lines."""
        return {
            collector: until(
                within,
                lambda at=collector: self.records(at, record_class, host, containing),
                f"{containing!r} of {host} in class {record_class} on {collector}",
            )
            for collector in self.collectors()
        }

    def order82(self, collector: str, *words: str) -> Any:
        """What `order82 WORDS --json` prints on a collector."""
        return json.loads(self.do(collector, f"order82 {' '.join(words)} --json"))


def changed(said: str) -> dict[str, str]:
    """How many tasks changed something, by host where any did, as a playbook's last lines have it.

    :raises AssertionError: there are no such lines.
    """
    recap = re.findall(r"^(\S+) +: .*changed=(\d+)", said, re.MULTILINE)
    assert recap, said[-2000:]
    return {host: number for host, number in recap if number != "0"}


def until(seconds: float, found: Callable[[], Any], what: str) -> Any:
    """Ask again until there is an answer, and give it back. Where an answer takes long, it is
    waited twice as long for the next: who asks should not keep the machine busy.

    :raises AssertionError: none came within `seconds`.
    """
    end = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(max(0.3, 2 * (time.monotonic() - asked)))


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="session", autouse=True)
def _announced(lab: Lab) -> Iterator[None]:
    """The watch over measures runs on, and says of what tests do that it was announced."""
    for name in lab.managed():
        lab.do(name, f"systemctl --quiet is-active order82-watch.service && {ANNOUNCE}; true")
    yield
    for name in lab.managed():
        lab.do(name, "systemctl --quiet is-active order82-watch.service && order82 maintenance end; true")


@pytest.fixture(scope="module", autouse=True)
def _nothing_else_is_broken(lab: Lab) -> Iterator[None]:
    yield
    lab.whole()


@pytest.fixture
def mark() -> str:
    """A text that no earlier record contains."""
    return f"mark-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def day() -> str:
    """The day (UTC) in which this test takes place: one that is about to end is let go, so that it does not end in between."""
    now = datetime.datetime.now(datetime.UTC)
    left = 86400 - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    if left < HANG:
        time.sleep(left + 1)
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes measures away comes last, whatever else is collected and in which order: all else needs them."""
    items.sort(key=lambda item: item.path.name == "test_removal.py")
