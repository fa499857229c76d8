# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import manifest


def node(path, kind="file"):
    found = os.lstat(path)
    return {
        "path": str(path),
        "type": kind,
        "uid": found.st_uid,
        "gid": found.st_gid,
        "mode": found.st_mode & 0o777,
        "ctime": manifest.written(found.st_ctime_ns),
        "size": found.st_size,
        "mtime": manifest.written(found.st_mtime_ns),
    }


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_795_816_846_780_314_713, "2026-11-27T22:00:46.780314713Z"),
        (1_795_816_846_780_000_000, "2026-11-27T22:00:46.78Z"),
        (1_795_816_846_000_000_000, "2026-11-27T22:00:46Z"),
    ],
)
def test_times_are_written_as_restic_does(nanoseconds, text):
    assert manifest.written(nanoseconds) == text


def test_a_file_has_the_hash_of_what_was_backed_up(tmp_path):
    path = tmp_path / "page"
    path.write_text("an ordinary page")
    [entry] = manifest.of_files([node(path)])
    assert entry["sha256"] == hashlib.sha256(b"an ordinary page").hexdigest()


def test_nobody_says_what_was_backed_up_of_a_file_that_changed_since(tmp_path):
    path = tmp_path / "page"
    path.write_text("before")
    before = node(path)
    path.write_text("behind")
    os.utime(path, ns=(0, 0))
    assert manifest.of_files([before])[0]["sha256"] is None
    path.unlink()
    assert manifest.of_files([before])[0]["sha256"] is None


def test_a_record_file_that_grew_still_begins_with_what_was_backed_up(tmp_path):
    path = tmp_path / "host.log"
    path.write_text("one\n")
    before = node(path)
    with path.open("a") as file:
        file.write("two\n")
    assert manifest.of_files([before])[0]["sha256"] is None
    assert manifest.of_files([before], grows=True)[0]["sha256"] == hashlib.sha256(b"one\n").hexdigest()


def test_a_later_backup_reads_only_what_changed(tmp_path, monkeypatch):
    pages, kept = [tmp_path / "left", tmp_path / "rewritten"], str(tmp_path / "kept" / "web.json")
    for page in pages:
        page.write_text("before")
    monkeypatch.setattr(manifest, "_TICK_NS", -1)
    first = manifest.Hashes(kept)
    manifest.of_files([node(page) for page in pages], hashes=first)
    first.keep()
    times = os.stat(pages[1])
    pages[1].write_text("behind")
    os.utime(pages[1], ns=(times.st_atime_ns, times.st_mtime_ns))
    read = []
    monkeypatch.setattr(manifest, "sha256", lambda file, size: read.append(file.fileno()) or "read")
    entries = manifest.of_files([node(page) for page in pages], hashes=manifest.Hashes(kept))
    assert [entry["sha256"] for entry in entries] == [hashlib.sha256(b"before").hexdigest(), "read"]
    assert len(read) == 1


def test_a_file_that_has_just_changed_is_read_again(tmp_path, monkeypatch):
    page, kept = tmp_path / "page", str(tmp_path / "kept" / "web.json")
    page.write_text("before")
    first = manifest.Hashes(kept)
    manifest.of_files([node(page)], hashes=first)
    first.keep()
    monkeypatch.setattr(manifest, "sha256", lambda _file, _size: "read")
    assert manifest.of_files([node(page)], hashes=manifest.Hashes(kept))[0]["sha256"] == "read"


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_hashes_that_were_half_written_are_read_again(tmp_path, text):
    page, kept = tmp_path / "page", tmp_path / "web.json"
    page.write_text("an ordinary page")
    kept.write_text(text)
    [entry] = manifest.of_files([node(page)], hashes=manifest.Hashes(str(kept)))
    assert entry["sha256"] == hashlib.sha256(b"an ordinary page").hexdigest()


def test_what_comes_back_is_compared(tmp_path):
    entries = []
    for name in ("same", "other", "short", "gone"):
        (tmp_path / "was").mkdir(exist_ok=True)
        path = tmp_path / "was" / name
        path.write_text("content")
        os.utime(path, ns=(1, 1))
        [entry] = manifest.of_files([node(path)])
        entries.append({**entry, "path": "/" + name})
    (tmp_path / "same").write_text("content")
    (tmp_path / "other").write_text("CONTENT")
    (tmp_path / "short").write_text("con")
    for name in ("same", "other", "short"):
        os.utime(tmp_path / name, ns=(1, 1))
    wrong, compared = manifest.differences(entries, str(tmp_path))
    assert wrong == ["/other has another content", "/short has 3 bytes and not 7", "/gone was not restored"]
    assert compared == 2


@pytest.mark.parametrize(
    ("otherwise", "said"),
    [
        (lambda path: os.chmod(path, 0o4640), "has the mode 4640 and not 0640"),
        pytest.param(
            lambda path: os.chown(path, 7, 8),
            f"belongs to 7:8 and not to {os.getuid()}:{os.getgid()}",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away"),
        ),
        (
            lambda path: os.utime(path, ns=(1, 2_000_000_000)),
            "is of 1970-01-01T00:00:02Z and not of 1970-01-01T00:00:01Z",
        ),
        (lambda path: os.setxattr(path, "user.note", b"y"), "has other extended attributes"),
        (lambda path: os.removexattr(path, "user.note"), "has other extended attributes"),
    ],
)
def test_all_that_a_backup_claims_to_keep_is_compared(tmp_path, otherwise, said):
    path = tmp_path / "page"
    path.write_text("a page")
    path.chmod(0o640)
    os.setxattr(path, "user.note", b"x")
    os.utime(path, ns=(1, 1_000_000_000))
    [entry] = manifest.of_files([node(path)])
    assert manifest.differences([entry], "/") == ([], 1)
    otherwise(path)
    assert manifest.differences([entry], "/")[0] == [f"{path} {said}"]
    # An earlier version's manifest says nothing of it.
    earlier = {key: entry[key] for key in ("path", "type", "owner", "group", "size", "sha256")}
    assert manifest.differences([earlier], "/") == ([], 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sets such attributes")
def test_a_capability_is_compared_and_what_the_kernel_keeps_for_itself_is_not(tmp_path):
    path = tmp_path / "ping"
    path.write_text("a program")
    [entry] = manifest.of_files([node(path)])
    os.setxattr(path, "trusted.note", b"x")
    assert manifest.differences([entry], "/") == ([], 1)
    os.setxattr(path, "security.capability", bytes.fromhex("0100000200040000" + "00" * 12))
    assert manifest.differences([entry], "/")[0] == [f"{path} has other extended attributes"]


def test_nobody_says_which_attributes_were_backed_up_of_a_file_that_changed_since(tmp_path):
    path = tmp_path / "page"
    path.write_text("a page")
    before = node(path)
    os.setxattr(path, "user.note", b"x")
    assert manifest.of_files([before])[0]["attributes"] is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/srv/\u5408\u540c", "/srv/\u5408\u540c"),
        (os.fsdecode("/srv/\u5408".encode("gbk")), "/srv/\\xba\\xcf"),
        ("/srv/a\n<2>alarm: forged", "/srv/a\\n<2>alarm: forged"),
    ],
)
def test_a_name_in_a_sentence_is_text_in_one_line(name, said):
    assert manifest.shown(name) == said


def test_a_mode_of_nothing_is_left_out_by_restic(tmp_path):
    assert manifest.permissions({}) == 0
    assert manifest.permissions({"mode": 4194797}) == 0o2755
