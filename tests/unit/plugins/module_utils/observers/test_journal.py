# SPDX-License-Identifier: GPL-3.0-or-later
"""journald's configuration as systemd puts it together, with the files of Debian 12 (252) and 13 (257)."""

from __future__ import annotations

import datetime
import shutil
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import journal

MAIN = "[Journal]\n#Storage=auto\n#MaxRetentionSec=0\n#ForwardToSyslog={}\n#MaxLevelStore=debug\n"
SYSLOG = "# Undo upstream commit 46b131574fdd7d77 for now.\n[Journal]\nForwardToSyslog=yes\n"
OURS = "# Ansible managed\n[Journal]\nStorage=persistent\nSystemMaxUse=1G\nRateLimitBurst=0\nSystemMaxFiles=0\nSplitMode=none\n"
DAY, GB, MB = 86400, 1 << 30, 1 << 20
NOW = 1_790_000_000.0


@pytest.fixture(params=["debian12", "debian13"])
def root(request, tmp_path):
    """The root of a file system with the files of one Debian, and ours."""
    for folder in ("etc", "run", "usr/local/lib", "usr/lib"):
        (tmp_path / folder / "systemd/journald.conf.d").mkdir(parents=True)
    old = request.param == "debian12"
    (tmp_path / "etc/systemd/journald.conf").write_text(MAIN.format("yes" if old else "no"))
    if not old:
        (tmp_path / "usr/lib/systemd/journald.conf.d/syslog.conf").write_text(SYSLOG)
    (tmp_path / "etc/systemd/journald.conf.d/order82.conf").write_text(OURS)
    return tmp_path


def found(root, kernel=""):
    paths = journal.files(str(root))
    said = journal.losses(journal.settings(paths, kernel), journal.hands_nothing_on(paths))
    return [one.replace(str(root), "") for one in said]


def test_all_is_kept_with_our_file(root):
    assert found(root) == []
    assert found(root, "quiet systemd.journald.max_level_console=info") == []


@pytest.mark.parametrize("folder", ["etc", "run", "usr/local/lib", "usr/lib"])
@pytest.mark.parametrize(
    "setting",
    [
        "Storage=volatile",
        "MaxLevelStore=crit",
        "MaxLevelSyslog=err",
        "ForwardToSyslog=no",
        "SystemMaxFiles=100",
        "SplitMode=uid",
    ],
)
def test_another_drop_in_is_named_wherever_it_lies(root, folder, setting):
    path = f"{folder}/systemd/journald.conf.d/zz.conf"
    (root / path).write_text(f"[Journal]\n{setting}\n")
    assert found(root) == [f"{setting} (/{path})"]


@pytest.mark.parametrize("value", ["debug", "7"])
def test_what_keeps_everything_is_no_loss(root, value):
    text = f"[Journal]\nMaxLevelStore={value}\nForwardToSyslog=1\nSystemMaxFiles=0\n"
    (root / "run/systemd/journald.conf.d/zz.conf").write_text(text)
    assert found(root) == []


def test_what_systemd_does_not_read_is_not_in_force(root):
    folder = root / "etc/systemd/journald.conf.d"
    (folder / "zz.conf").write_text(
        "Storage=none\n[Other]\nStorage=none\n[Journal]\n#Storage=none\n; MaxLevelStore=crit\n"
    )
    (folder / "zz.conf.bak").write_text("[Journal]\nStorage=none\n")
    (folder / "aa.conf").write_text("[Journal]\nStorage=none\n")  # ours comes after it
    assert found(root) == []


def test_files_of_accounts_are_named_where_nobody_says_anything_of_them(root):
    (root / "etc/systemd/journald.conf.d/order82.conf").write_text(OURS.replace("SplitMode=none\n", ""))
    [said] = found(root)
    assert said.startswith("SplitMode is not set")


def test_a_line_that_goes_on_is_read_as_one(root):
    (root / "run/systemd/journald.conf.d/zz.conf").write_text("[Journal]\nMaxLevelStore=\\\n  crit\n")
    assert found(root) == ["MaxLevelStore=crit (/run/systemd/journald.conf.d/zz.conf)"]


def test_of_one_name_only_the_first_folders_file_counts(root):
    (root / "run/systemd/journald.conf.d/order82.conf").write_text(
        "[Journal]\nStorage=none\nSystemMaxFiles=0\nSplitMode=none\n"
    )
    assert found(root) == []
    (root / "etc/systemd/journald.conf.d/order82.conf").unlink()
    assert found(root) == ["Storage=none (/run/systemd/journald.conf.d/order82.conf)"]


def test_an_empty_value_is_the_default(root):
    (root / "etc/systemd/journald.conf.d/zz.conf").write_text("[Journal]\nStorage=\n")
    assert found(root) == ["Storage is not set"]


def test_what_makes_debian_13_fill_its_text_logs_may_be_gone(root):
    (root / "usr/lib/systemd/journald.conf.d/syslog.conf").unlink(missing_ok=True)
    old = "#ForwardToSyslog=yes" in (root / "etc/systemd/journald.conf").read_text()
    assert found(root) == ([] if old else ["ForwardToSyslog is not set"])


def test_the_kernels_command_line_has_the_last_word(root):
    assert found(root, "quiet systemd.journald.max_level_store=3 systemd.journald.forward_to_syslog=0") == [
        "MaxLevelStore=3 (the kernel's command line)",
        "ForwardToSyslog=0 (the kernel's command line)",
    ]


def test_a_hundred_files_are_a_limit_that_nobody_set(root):
    ours = root / "etc/systemd/journald.conf.d/order82.conf"
    ours.write_text(ours.read_text().replace("SystemMaxFiles=0\n", ""))
    assert found(root) == ["SystemMaxFiles is not set, and 100 files are kept"]


@pytest.mark.parametrize(
    ("given", "used", "disk", "room"),
    [
        ({"SystemMaxUse": "4G", "SystemKeepFree": "1G"}, 1 * GB, (100 * GB, 50 * GB), 4 * GB),
        ({"SystemMaxUse": "4G", "SystemKeepFree": "1G"}, 1 * GB, (10 * GB, 2 * GB), 2 * GB),
        ({"SystemMaxUse": "4G", "SystemKeepFree": "1G"}, 1 * GB, (10 * GB, GB // 2), 1 * GB),
        ({"SystemMaxUse": "4G"}, 1 * GB, (10 * GB, 2 * GB), 1 * GB + 2 * GB - 10 * GB * 15 // 100),
        ({"SystemMaxUse": "8G"}, 0, (1000 * GB, 5 * GB), 1 * GB),
        ({}, 1 * GB, (100 * GB, 50 * GB), 0),
    ],
)
def test_its_room_is_what_it_is_given_and_what_the_disk_has(given, used, disk, room):
    assert journal.room({key: journal.Setting(value, "x") for key, value in given.items()}, used, disk) == room


def reach(oldest, since, used, limit, days=60):
    found = journal.reach(NOW, NOW - oldest * DAY, NOW - since * DAY, days, (used, limit))
    return found["gone_days"], found["lasts_days"], found["lasts_days_known_from"]


@pytest.mark.parametrize(
    ("oldest", "since", "gone"),
    [
        (0.0, 0.0, 0),
        (70, 100, 0),
        (29, 60, 31),  # 100 files, one a day and account, at 361 MB of 1 GB
        (29, 400, 31),  # not more than must be kept
        (29, 29.5, 0),  # the host has no more
        (29, 3, 0),  # what went under the settings before is none of these
        (0.1, 59, 58),  # somebody took all
    ],
)
def test_it_goes_back_as_far_as_the_settings_in_force_and_the_retention_do(oldest, since, gone):
    assert reach(oldest, since, 400 * MB, 4 * GB)[0] == gone


def test_less_than_a_day_says_nothing_of_how_long_it_lasts():
    """25 MB in the first quarter of an hour were 42 days of 1 GB."""
    tomorrow = datetime.datetime.fromtimestamp(NOW + DAY - 900, datetime.UTC).date().isoformat()
    assert reach(900 / DAY, 900 / DAY, 25 * MB, GB)[1:] == (None, tomorrow)


@pytest.mark.parametrize(
    ("oldest", "used", "lasts"),
    [(1.0, 25 * MB, 40), (10, 250 * MB, 40), (10, 0, 0), (-3, 25 * MB, 40)],
)
def test_after_a_day_it_lasts_as_long_as_its_rate_says(oldest, used, lasts):
    """Also where the clock was ahead when the first entry was written."""
    assert reach(oldest, 1, used, GB)[1:] == (lasts, "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="without systemd there is nothing to compare with")
def test_the_files_are_those_that_systemd_itself_names(root):
    (root / "run/systemd/journald.conf.d/order82.conf").write_text("[Journal]\nStorage=none\n")
    (root / "usr/lib/systemd/journald.conf.d/aa.conf").write_text("[Journal]\nCompress=yes\n")
    argv = ["systemd-analyze", "cat-config", f"--root={root}", "systemd/journald.conf"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    named = [line[2:] for line in shown.splitlines() if line.startswith("# /")]
    assert [path.replace(str(root), "") for path in named] == [
        path.replace(str(root), "") for path in journal.files(str(root))
    ]
