# SPDX-License-Identifier: GPL-3.0-or-later
"""The test file of all virus scanners comes in by every way, and nobody gets it out again."""

from __future__ import annotations

import datetime
import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import line

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken
from .outside import COLLECTORS, WEB

# Never whole in a file of this checkout.
WRITE_TEST_FILE = r"printf '%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-' 'ANTIVIRUS-TEST-FILE!$H+H*'"
MIRROR = "/srv/mirror-of-signatures/site.hdb"


def is_quarantined(lab: Lab, host: str, path: str) -> dict:
    """It is gone, and both collectors know it; give back what the quarantine knows."""
    until(HANG, lambda: not lab.host(host).file(path).exists, f"{path} is taken away")
    lab.arrived("security_event", host, f'quarantined: {{"path": "{path}"')
    [found] = [one for one in json.loads(lab.do(host, "order82 antivirus list --json")) if one["path"] == path]
    return found


def test_an_upload_through_the_web_server(lab: Lab, mark: str) -> None:
    lab.do("outside", f"{WRITE_TEST_FILE} | curl -sS -T - http://{WEB}/upload/{mark}.com")
    found = is_quarantined(lab, "web", f"/srv/www/upload/{mark}.com")
    assert (found["owner"], found["size"]) == ("www-data", 68)
    # Both collectors knew it within five seconds after it was written.
    for [text] in lab.arrived("security_event", "web", f'quarantined: {{"path": "{found["path"]}"').values():
        stored = datetime.datetime.fromisoformat(line.parse(text).stored["at"])
        assert stored.timestamp() - found["mtime_ns"] / 1e9 < 5
    assert "404" in lab.do("outside", f"curl -s -o /dev/null -w '%{{http_code}}' http://{WEB}/upload/{mark}.com")


def test_a_copy_over_ssh(lab: Lab, mark: str, tmp_path: Path) -> None:
    lab.do("outside", f"{WRITE_TEST_FILE} >/root/{mark}")
    content = lab.host("outside").file(f"/root/{mark}").content
    (tmp_path / mark).write_bytes(content)
    subprocess.run(["scp", "-q", "-F", lab.ssh_config, tmp_path / mark, f"web:{mark}"], check=True)
    assert is_quarantined(lab, "web", f"/home/ops/{mark}")["owner"] == "ops"


def test_a_copy_on_the_host_and_a_new_folder(lab: Lab, mark: str) -> None:
    lab.do(
        "web",
        f"mkdir /root/{mark}; {WRITE_TEST_FILE} >/root/{mark}/file; cp -r /root/{mark} /srv/www/{mark}; rm -r /root/{mark}",
    )
    is_quarantined(lab, "web", f"/srv/www/{mark}/file")


def test_what_is_behind_a_large_file(lab: Lab, mark: str) -> None:
    """More than the watch looks at of itself (OnAccessMaxFileSize, 5 MiB), and less than clamd does."""
    lab.do(
        "web",
        f"mkdir /root/{mark}; cd /root/{mark}; {WRITE_TEST_FILE} >file; head -c 6M /dev/urandom >large; "
        f"python3 -m zipfile -c archive large file; mv archive /srv/www/{mark}; rm -r /root/{mark}",
    )
    assert is_quarantined(lab, "web", f"/srv/www/{mark}")["size"] > 6 << 20


def test_it_cant_be_read_while_it_is_there(lab: Lab, mark: str) -> None:
    with lab.still("web", "order82-antivirus"):
        lab.do("web", f"{WRITE_TEST_FILE} >/srv/www/{mark}.txt")
        for _again in range(2):
            assert "500" in lab.do("outside", f"curl -s -o /dev/null -w '%{{http_code}}' http://{WEB}/{mark}.txt")
        assert "not permitted" in lab.host("web").run(f"cat /srv/www/{mark}.txt").stderr
    is_quarantined(lab, "web", f"/srv/www/{mark}.txt")  # what came while it was off is not forgotten


def test_an_ordinary_file_comes_and_goes(lab: Lab, mark: str) -> None:
    lab.do("outside", f"echo {mark} | curl -sS -T - http://{WEB}/upload/{mark}.txt")
    assert lab.do("outside", f"curl -sS http://{WEB}/upload/{mark}.txt") == f"{mark}\n"
    lab.do("web", f"rm /srv/www/upload/{mark}.txt")
    for collector in COLLECTORS:
        assert not lab.records(collector, "security_event", "web", f"{mark}.txt")


def test_a_scan_finds_what_nobody_watched_and_leaves_the_record_store_alone(lab: Lab, mark: str) -> None:
    for path in (f"/home/ops/{mark}", f"/srv/records/{mark}"):
        lab.do("collector1", f"{WRITE_TEST_FILE} >{path}")
    cursor = lab.cursor("collector1")
    setting = "/run/systemd/system/order82-antivirus-scan.service.d/test.conf"
    lab.do(
        "collector1",
        f"mkdir -p $(dirname {setting}); printf '[Service]\\nExecStart=/usr/bin/clamdscan --fdpass --infected "
        f"--no-summary /srv/records/{mark}\\n' >{setting}; systemctl daemon-reload; systemctl start order82-antivirus-scan",
        ok=(0, 1),
    )
    try:
        said = lab.journal("collector1", cursor, "-u order82-antivirus-scan")
        assert [one for one in said if one.startswith(f"/home/ops/{mark}: ")], said
        try:
            is_quarantined(lab, "collector1", f"/home/ops/{mark}")
        except AssertionError as error:
            pytest.fail(f"{error}: {lab.do('collector1', 'journalctl -u order82-antivirus -n 5 -o short-precise')}")
        until(
            HANG,
            lambda: lab.records(
                "collector2", "security_event", "collector1", f'left in place: {{"path": "/srv/records/{mark}'
            ),
            mark,
        )
        assert lab.host("collector1").file(f"/srv/records/{mark}").exists
    finally:
        lab.do("collector1", f"rm -r /srv/records/{mark} $(dirname {setting}); systemctl daemon-reload")


@pytest.fixture
def forbidden_again(lab: Lab) -> Iterator[None]:
    """What was given back is a virus again."""
    yield
    lab.do("web", "rm -f /var/lib/clamav/order82.sfp; clamdscan --reload")
    until(HANG, lambda: lab.host("web").run("order82 antivirus test").rc == 0, "the signatures")


def test_what_is_given_back_is_as_it_was_and_stays(lab: Lab, mark: str, forbidden_again: None) -> None:
    path = f"/srv/www/{mark}.bin"
    lab.do(
        "web",
        f"{WRITE_TEST_FILE} >/root/{mark}; chown www-data:games /root/{mark}; chmod 0640 /root/{mark}; touch -d 2026-01-02T03:04:05Z /root/{mark}; mv /root/{mark} {path}",
    )
    found = is_quarantined(lab, "web", path)
    lab.do("web", f"echo another >{path}")
    refused = lab.host("web").run(f"order82 antivirus give-back {found['id']}")
    assert refused.rc == 2
    assert "is there by now" in refused.stderr
    assert lab.do("web", f"cat {path}; rm {path}") == "another\n"
    lab.do("web", f"order82 antivirus give-back {found['id']}")
    assert lab.do("web", f"stat -c '%U %G %a %Y %s' {path}") == "www-data games 640 1767323045 68\n"
    lab.do(
        "web", f"clamdscan --fdpass --no-summary {path}"
    )  # nothing is found in it any more, so nothing takes it away
    assert "EICAR" in lab.do("web", f"cat {path}; rm {path}")
    assert found["id"] not in lab.do("web", "order82 antivirus list")
    again = lab.host("web").run(f"order82 antivirus give-back {found['id']}")
    assert again.rc == 2
    assert "nothing in quarantine" in again.stderr
    lab.arrived("security_event", "web", f'given back from quarantine: {{"path": "{path}"')


def test_a_mirror_that_answers_garbage_changes_nothing(lab: Lab) -> None:
    lab.do(
        "outside",
        f"cp {MIRROR} /root/; echo '<html>Sign in to the Internet</html>' >{MIRROR}; touch -d tomorrow {MIRROR}",
    )
    try:
        cursor = lab.cursor("web")
        assert lab.host("web").run("systemctl start order82-antivirus-update").rc != 0
        assert len(lab.journal("web", cursor, "-t order82 -g '^alarm: .* gave no usable signatures'")) == 1
        lab.arrived("measure_state", "web", "gave no usable signatures")
        lab.do("web", "order82 antivirus test")
    finally:
        lab.do("outside", f"cp /root/site.hdb {MIRROR}")
    lab.do("web", "systemctl start order82-antivirus-update")


STOP = "systemctl stop clamav-daemon.socket clamav-daemon.service"
START = "systemctl start clamav-daemon.socket clamav-daemon.service"
DRIFTS = {
    "old signatures, and a scanner that does not run": Drift(
        {
            "web": "touch -d '8 days ago' /var/lib/clamav/site.hdb",
            "gateway": f"{STOP}; systemctl start order82-antivirus-scan || true",
        },
        {"web": "touch /var/lib/clamav/site.hdb", "gateway": f"{START}; systemctl start order82-antivirus-scan"},
        {
            "web": {"antivirus.signatures"},
            "gateway": {f"antivirus.{name}" for name in ("running", "detects", "scans", "as_laid_down")},
        },
    ),
    "nobody watches, and no signatures": Drift(
        {
            "web": "systemctl stop clamav-clamonacc",
            "gateway": "mv /var/lib/clamav/site.hdb /root/; systemctl restart clamav-daemon",
        },
        {
            "web": "systemctl start clamav-clamonacc",
            "gateway": f"mv /root/site.hdb /var/lib/clamav/; {STOP}; {START}",
        },
        {
            "web": {f"antivirus.{name}" for name in ("running", "detects", "as_laid_down")},
            "gateway": {f"antivirus.{name}" for name in ("running", "detects", "signatures", "as_laid_down")},
        },
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_inspection_sees_an_antivirus_that_does_not_work(lab: Lab, drift: Drift) -> None:
    with broken(lab, drift):
        lab.sees(drift)


# Either would start the watch anew before anybody has looked.
TEST_AGAIN = (
    "systemctl start order82-antivirus-test; timeout 30 sh -c 'until order82 antivirus test; do sleep 0.3; done'"
)
UNTESTED = {"antivirus.running", "antivirus.detects", "antivirus.as_laid_down"}
STILL = {"web": ("order82-antivirus-test.timer", "order82-antivirus-unwatched.service")}


READ = "timeout -s KILL 2 cat /srv/www/index.html >/dev/null"
ANSWERS = "order82-antivirus-answers.service"
WHO_WATCHES = "systemctl show -P InvocationID clamav-clamonacc"


def test_a_watch_that_hangs_is_started_anew_before_anybody_is_shut_out(lab: Lab, mark: str) -> None:
    """Before a folder with a FIFO in it clamonacc stands still, and whoever opens a file waits for it: a login shell, too."""
    before = lab.do("web", WHO_WATCHES)
    with lab.still("web", "order82-antivirus-test.timer"):
        # One shell, which has opened all that it needs.
        lab.do(
            "web",
            f"cd /srv; mkdir {mark}; mkfifo {mark}/fifo; mv {mark} www; timeout 30 sh -c 'while {READ}; do sleep 0.2; done'; "
            f"timeout {HANG} sh -c 'until {READ}; do sleep 0.2; done'",
        )
        until(HANG, lambda: lab.do("web", WHO_WATCHES) not in (before, "\n"), "another watch")
        until(HANG, lambda: lab.host("web").service(ANSWERS).is_running, "who sees to it that it answers")
        lab.arrived("measure_state", "web", "lets no file be opened: it is ended and started anew")
        lab.do("web", f"rm -r /srv/www/{mark}; {TEST_AGAIN}")
    lab.green("web")


def test_a_watch_that_hangs_holds_up_no_test(lab: Lab, mark: str) -> None:
    """Where nobody has it started anew meanwhile, the self-test says so in time, and does it."""
    with lab.still("web", "order82-antivirus-test.timer", ANSWERS):
        said = lab.do(
            "web",
            f"cd /srv; mkdir {mark}; mkfifo {mark}/fifo; mv {mark} www; timeout 30 sh -c 'while {READ}; do sleep 0.2; done'; "
            f"order82 antivirus test 2>&1; {TEST_AGAIN}; rm -r www/{mark}",
        )
        assert "no file can be opened in /srv/www" in said
        lab.arrived("measure_state", "web", "does not answer, or not for all: it is ended and started anew")
    lab.green("web")


FLOOD = """
import os, sys
for _again in range(10000):  # two events each, and the kernel keeps 16,384 (fs.inotify.max_queued_events)
    os.mkdir(sys.argv[1] + '-flood')
    os.rmdir(sys.argv[1] + '-flood')
os.makedirs(sys.argv[1] + '/d')
"""
AS_USER = "runuser -u www-data -- "


def test_a_folder_that_the_watch_lost_is_looked_at_and_watched(lab: Lab, mark: str) -> None:
    """An account makes so many folders that of some of them the watch never hears: what lies there anybody could read."""
    folder = f"/srv/www/{mark}"
    before = lab.do("web", WHO_WATCHES)
    lab.do(
        "web",
        f"systemctl kill --signal=STOP clamav-clamonacc; {AS_USER} python3 -c {shlex.quote(FLOOD)} {folder}; "
        f"{AS_USER} sh -c {shlex.quote(f'{WRITE_TEST_FILE} >{folder}/d/first')}; systemctl kill --signal=CONT clamav-clamonacc",
    )
    is_quarantined(lab, "web", f"{folder}/d/first")
    until(HANG, lambda: lab.do("web", WHO_WATCHES) not in (before, "\n"), "another watch")
    lab.arrived("measure_state", "web", "the watch over files has lost a folder: it is started anew")
    lab.do("web", TEST_AGAIN)
    lab.do("web", f"{AS_USER} sh -c {shlex.quote(f'{WRITE_TEST_FILE} >{folder}/d/second')}")
    is_quarantined(lab, "web", f"{folder}/d/second")
    lab.do("web", f"rm -r {folder}")
    lab.green("web")


DEEP = """
import os, sys
os.mkdir(sys.argv[1])
os.chdir(sys.argv[1])
for _each in range(250):
    os.mkdir('x' * 20)
    os.chdir('x' * 20)
"""


def test_a_folder_with_too_long_a_path_costs_no_other_its_watch(lab: Lab, mark: str) -> None:
    """Above 4,096 bytes clamonacc gives up all of the watched folder, when it is started anew."""
    deep = f"/srv/www/{mark}"
    drift = Drift(
        {
            "web": f"{AS_USER} python3 -c {shlex.quote(DEEP)} {deep}; systemctl restart clamav-clamonacc; "
            "timeout 60 sh -c 'until order82 antivirus test; do sleep 0.3; done'"
        },
        {"web": f"rm -r {deep}"},
        {"web": {"antivirus.detects"}},
    )
    with broken(lab, drift):
        lab.sees(drift)
        with lab.still("web", "order82-antivirus"):
            lab.do("web", f"{WRITE_TEST_FILE} >{deep}.txt")
            assert "not permitted" in lab.host("web").run(f"cat {deep}.txt").stderr
        is_quarantined(lab, "web", f"{deep}.txt")


def test_a_mount_below_a_watched_folder_is_watched(lab: Lab) -> None:
    disk = "/srv/www/disk"
    drift = Drift(
        {"web": f"mkdir {disk}; mount -t tmpfs none {disk}; mkdir {disk}/inner"},
        {
            "web": f"{TEST_AGAIN} && {WRITE_TEST_FILE} >{disk}/inner/x; ! cat {disk}/inner/x && umount --lazy {disk} && rmdir {disk}"
        },
        {"web": UNTESTED},
        STILL,
    )
    with broken(lab, drift):
        lab.sees(drift)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ("{antivirus_mirror: ''}", "has no source of signatures"),
        ("{antivirus_watched_paths: [/srv/nowhere]}", "/srv/nowhere is no folder of gateway"),
    ],
)
def test_what_cant_work_is_refused_in_one_sentence(lab: Lab, variables: str, sentence: str) -> None:
    said = " ".join(lab.apply("antivirus", "gateway", "-e", variables, ok=(2,)).split())
    assert sentence in said
    assert "changed=0" in said
