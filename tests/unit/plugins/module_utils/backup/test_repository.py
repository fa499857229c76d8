# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import guarding, repository
from ansible_collections.order82.baseline.plugins.module_utils.backup.settings import SettingsError

DAY = 86400


def snapshots(count, name="web", part="data"):
    return [
        {"id": "%s-%s-%d" % (name, part, number), "tags": ["set=" + name, "part=" + part]} for number in range(count)
    ]


def test_only_what_came_before_the_retention_goes():
    listed = snapshots(6)
    received = {one["id"]: number * DAY for number, one in enumerate(listed)}
    assert repository.past(listed, received, 2 * DAY) == ["web-data-0", "web-data-1"]
    assert repository.past(listed, received, -1) == []


def test_the_newest_stay_however_old_they_are():
    listed = snapshots(5) + snapshots(2, "mail")
    received = {one["id"]: number for number, one in enumerate(listed)}
    assert repository.past(listed, received, 100 * DAY) == ["web-data-0", "web-data-1"]


def test_the_time_that_a_snapshot_names_itself_counts_for_nothing():
    listed = snapshots(5)
    for one in listed:
        one["time"] = "1999-01-01T00:00:00Z"
    assert repository.past(listed, dict.fromkeys((one["id"] for one in listed), 90 * DAY), 30 * DAY) == []


def test_no_more_go_at_once_than_a_command_line_can_name():
    listed = snapshots(repository.AT_ONCE + 10)
    assert len(repository.past(listed, dict.fromkeys((one["id"] for one in listed), 0), DAY)) == repository.AT_ONCE


def test_one_that_came_this_minute_is_not_old():
    assert repository.past(snapshots(5), {}, 1) == []


def test_retention_below_the_floor_is_refused(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"folder": "/srv/backup", "hosts": [], "retention_days": 59, "free_percent_alarm": 15}))
    with pytest.raises(SettingsError, match="at least 60"):
        repository.load(str(path))


def test_who_would_leave_files_that_the_server_cant_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(repository.os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(SettingsError, match="systemctl start order82-repository-tend"):
        repository.tend(repository.Settings(str(tmp_path), (), 60, 15), read_data=False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder with the repository of a host with five snapshots, all of which came long ago."""
    base = tmp_path_factory.mktemp("filled")
    for name in ("passwords", "kept", "data"):
        (base / name).mkdir()
    (base / "passwords" / "web").write_text("a password\n")
    folder = base / "kept" / "web"

    def restic(*words: str) -> None:
        environment = os.environ | {
            "RESTIC_REPOSITORY": str(folder),
            "RESTIC_PASSWORD_FILE": str(base / "passwords" / "web"),
            "HOME": str(base),
        }
        subprocess.run(["restic", "--quiet", "--no-cache", *words], env=environment, check=True)

    restic("init")
    for number in range(repository.KEEP + 2):
        (base / "data" / "page").write_text(f"{number}" * 1000)
        restic("backup", "--host", "web", "--tag", "set=pages,part=data", str(base / "data"))
    for path in (folder / "snapshots").iterdir():
        os.utime(path, (0, 0))
    return base


@pytest.fixture
def kept(filled, tmp_path, monkeypatch):
    """Such a repository for one test, and the settings of its keeper."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(repository, "PASSWORDS", str(tmp_path / "passwords"))
    monkeypatch.setattr(repository, "STATE", str(tmp_path / "state.json"))
    monkeypatch.setattr(guarding, "LOCK", str(tmp_path / "lock"))
    return tmp_path / "kept" / "web", repository.Settings(str(tmp_path / "kept"), ("web",), 60, 0)


def test_what_is_past_retention_goes_where_the_rest_is_whole(kept):
    folder, settings = kept
    state = repository.tend(settings, read_data=True)
    assert state["hosts"]["web"] == {"snapshots": repository.KEEP, "forgotten": 2, "wrong": ""}
    assert len(list((folder / "snapshots").iterdir())) == repository.KEEP
    assert state["alarms"] == []


def test_nothing_goes_where_something_is_broken(kept):
    """What would go may be all from which it can be mended."""
    folder, settings = kept
    pack: Path = max(
        (path for path in (folder / "data").rglob("*") if path.is_file()), key=lambda one: one.stat().st_size
    )
    content = bytearray(pack.read_bytes())
    content[10] ^= 0xFF
    pack.chmod(0o600)
    pack.write_bytes(content)
    before = sorted(path.name for path in folder.rglob("*") if path.is_file() and "locks" not in path.parts)
    state = repository.tend(settings, read_data=True)
    assert state["hosts"]["web"]["wrong"].startswith("'restic check'")
    assert state["hosts"]["web"]["forgotten"] == 0
    assert sorted(path.name for path in folder.rglob("*") if path.is_file() and "locks" not in path.parts) == before
    assert len(state["alarms"]) == 1
