# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a repository has what was backed up: it is only asked for its list where the last run's backups are young."""

from __future__ import annotations

import datetime
import http.server
import json
import threading

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import finding, restic, running
from ansible_collections.order82.baseline.plugins.module_utils.backup.settings import Set, Settings
from ansible_collections.order82.baseline.plugins.module_utils.observers import OBSERVERS, backup

DATA, MANIFEST = "92077cae" + "0" * 56, "92b04be6" + "1" * 56


class Repository(http.server.BaseHTTPRequestHandler):
    """Answers as rest-server 0.13 (Debian 13) does."""

    snapshots: list[dict]

    def do_GET(self):
        right = self.path == "/web/snapshots/" and self.headers["Authorization"] == "Basic d2ViOnNlY3JldA=="
        version_2 = self.headers["Accept"] == "application/vnd.x.restic.rest.v2"
        self.send_response(200 if right and version_2 else 403)
        self.end_headers()
        self.wfile.write(json.dumps(self.snapshots).encode())

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def north(tmp_path, monkeypatch):
    """A repository with the backup of two hours ago; what restic would find is in C(restic)."""
    Repository.snapshots = [{"name": DATA, "size": 155}, {"name": MANIFEST, "size": 160}, {"name": "x", "size": 9}]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repository)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address, password = tmp_path / "north.repository", tmp_path / "password"
    address.write_text(f"rest:http://web:secret@127.0.0.1:{server.server_port}/web/")
    password.write_text("x")
    for path in (address, password):
        path.chmod(0o600)
    sets = {"pages": Set("pages", "files")}
    settings = Settings("web", sets, {"north": str(address)}, {"north": "a"}, str(password), None, "")
    monkeypatch.setattr(backup, "_settings", lambda: settings)
    monkeypatch.setattr(running, "FAILED", str(tmp_path / "failed-%s.json"))
    monkeypatch.setattr(running, "MADE", str(tmp_path / "made.json"))
    made(hours=2)
    yield server
    server.shutdown()
    server.server_close()


def ago(hours):
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours)


def made(hours, digits=64):
    at = ago(hours).isoformat(timespec="seconds").replace("+00:00", "Z")
    ids = {"snapshot": DATA[:digits], "manifest": MANIFEST[:digits]}
    running.remember("run", [{"set": "pages", "repository": "north", **ids, "at": at}])


@pytest.fixture
def asked(monkeypatch):
    """The repositories that were opened; each of them then has a backup of five hours ago."""
    names = []

    def backups(place):
        names.append(place.name)
        return [finding.Backup("pages", ago(hours), "d", "m") for hours in (30, 5)]

    monkeypatch.setattr(finding, "backups", backups)
    return names


def look():
    return OBSERVERS["backups"].look(max_age_hours=26)


@pytest.mark.parametrize("digits", [64, 8])  # of restic in Debian 13 and 12
def test_a_repository_that_still_has_a_young_backup_is_not_opened(north, asked, digits):
    made(hours=2, digits=digits)
    seen = look()
    assert (seen["age_hours"], seen["old"], seen["unusable"]) == ({"pages in north": 2.0}, [], [])
    assert asked == []


@pytest.mark.parametrize(
    "snapshots",
    [
        [{"name": DATA, "size": 155}],
        [{"name": DATA, "size": 155}, {"name": MANIFEST, "size": 0}],
        [{"nonsense": 1}],
        {"nonsense": 1},
    ],
)
def test_one_that_does_not_is(north, asked, snapshots):
    Repository.snapshots = snapshots
    assert look()["age_hours"] == {"pages in north": 5.0}
    assert asked == ["north"]


def test_one_whose_last_backup_is_old_is_opened(north, asked):
    made(hours=27)
    assert look()["age_hours"] == {"pages in north": 5.0}
    assert asked == ["north"]


def test_nothing_is_taken_for_granted_where_no_run_is_known(north, asked, tmp_path):
    (tmp_path / "made.json").unlink()
    assert look()["age_hours"] == {"pages in north": 5.0}


def test_one_that_is_gone_is_named(north, monkeypatch):
    def gone(_place):
        raise restic.ResticError("the repository north can't be used")

    monkeypatch.setattr(finding, "backups", gone)
    north.shutdown()
    north.server_close()
    seen = look()
    assert (seen["unusable"], seen["age_hours"], seen["old"]) == (["the repository north can't be used"], {}, [])
