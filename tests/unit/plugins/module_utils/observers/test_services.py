# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that ends whenever it was started does not run, at whatever moment one looks."""

from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import services


class Systemd:
    """A clock, and services: those in `ends` run for two seconds, and are started again five seconds later."""

    def __init__(self, **started):
        self.now = 1000.0
        self.started = started
        self.ends = set()

    def show(self, argv):
        return "\n".join(self._block(unit) for unit in argv[argv.index("--") + 1 :])

    def _block(self, unit):
        since, restarts, active = self.started[unit], 0, True
        if unit in self.ends:
            rounds, gone = divmod(self.now - since, 7)
            since, restarts, active = since + 7 * rounds, int(rounds), gone < 2
        return (
            f"LoadState=loaded\nActiveState={'active' if active else 'activating'}\nSubState=running\n"
            f"UnitFileState=enabled\nActiveEnterTimestampMonotonic={since * 1e6:.0f}\nNRestarts={restarts}\nResult=success\n"
        )

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def systemd(monkeypatch):
    manager = Systemd(good=10.0, looping=900.0)
    monkeypatch.setattr(services, "command", manager.show)
    monkeypatch.setattr(services.time, "sleep", manager.sleep)
    monkeypatch.setattr(services.time, "monotonic", lambda: manager.now)
    return manager


@pytest.mark.parametrize("later", range(7))
def test_a_loop_of_restarts_is_inactive_at_any_moment(systemd, later):
    systemd.ends = {"looping"}
    systemd.now += later
    assert services.see_units(["good", "looping"])["inactive"] == ["looping"]
    assert services.see_unit("looping")["active"] is False


def test_nobody_waits_for_a_service_that_was_not_restarted(systemd):
    systemd.started["good"] = systemd.now
    assert services.see_units(["good", "looping"])["inactive"] == []
    assert systemd.now == 1000


def test_a_restart_that_held_is_a_running_service(systemd, monkeypatch):
    shown = systemd.show
    monkeypatch.setattr(services, "command", lambda argv: shown(argv).replace("NRestarts=0", "NRestarts=1"))
    systemd.started["good"] = systemd.now - 4
    assert services.see_unit("good")["active"] is True
    assert systemd.now == pytest.approx(1006)
