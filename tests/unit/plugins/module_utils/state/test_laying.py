# SPDX-License-Identifier: GPL-3.0-or-later
"""A measure is laid down: compared, found good as a whole, replaced in one step, and nothing is half-written."""

from __future__ import annotations

import grp
import json
import os
import pwd
import socket
import stat
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.state import laying
from ansible_collections.order82.baseline.plugins.module_utils.state.host import Host
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import without_contents

SECRET = "gate-ajar-7"


def rights(path):
    """Owner, group and mode of what lies at a path."""
    now = path.lstat()
    return pwd.getpwuid(now.st_uid)[0], grp.getgrgid(now.st_gid)[0], oct(stat.S_IMODE(now.st_mode))


def looking(state):
    """What a look at the host says, which gets no texts."""
    return laying.look(json.loads(json.dumps(without_contents(state))), Host())["differs"]


# What is compared, and what is written


def test_what_is_missing_is_laid_down_with_its_rights(place):
    folder, file = place.etc / "probe", place.etc / "probe" / "one.conf"
    state = place.state(
        folders=[{"path": str(folder), "owner": "nobody", "group": "nogroup", "mode": "0750"}],
        files=[{"path": str(file), "text": "one\n", "group": "nogroup", "mode": "0640"}],
    )
    answer = place.laid(state)
    assert answer["did"] == [f"{folder}: is missing", f"{file}: is missing"]
    assert rights(folder) == ("nobody", "nogroup", "0o750")
    assert rights(file) == ("root", "nogroup", "0o640")
    assert file.read_text() == "one\n"


def test_laid_down_again_nothing_changes(place):
    state = place.state(
        folders=[str(place.etc / "probe")],
        files=[
            {"path": str(place.etc / "probe/one"), "text": "one\n"},
            {"path": str(place.etc / "along/two"), "text": "two\n"},
        ],
    )
    place.laid(state)
    before = place.tree()
    answer = place.laid(state)
    assert (answer["changed"], answer["did"], answer["diff"]) == (False, [], [])
    assert place.tree() == before


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (lambda path: path.write_text("two\n"), "content differs"),
        (lambda path: path.write_text("one\n\n"), "content differs"),
        (lambda path: path.write_text(""), "content differs"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.chmod(0o666), "mode 0666 and not 0644"),
        (lambda path: os.chown(path, 65534, 65534), "owner nobody and not root, group nogroup and not root"),
        (lambda path: os.chown(path, 4000000, 0), "owner 4000000 and not root"),
    ],
)
def test_drift_of_a_file_is_named_and_mended(place, drift, said):
    path = place.etc / "one"
    state = place.state(files=[{"path": str(path), "text": "one\n"}])
    place.laid(state)
    drift(path)
    tried = place.lay(state, check=True)
    answer = place.laid(state)
    assert tried["did"] == answer["did"] == [f"{path}: {said}"]
    assert path.read_text() == "one\n"
    assert rights(path) == ("root", "root", "0o644")
    assert not place.laid(state)["changed"]


@pytest.mark.parametrize(
    "drift",
    [
        lambda path: path.chmod(0o777),
        lambda path: path.chmod(0o700),
        lambda path: os.chown(path, 65534, 65534),
        lambda path: os.chown(path, 0, 65534),
        lambda path: (os.chown(path, 65534, 65534), path.chmod(0o777)),
    ],
)
def test_drift_of_a_folders_rights_is_named_and_mended(place, drift):
    """Also one with which others could write there, though files lie in it."""
    path = place.etc / "probe"
    state = place.state(folders=[str(path)], files=[{"path": str(path / "one"), "text": "one\n"}])
    place.laid(state)
    drift(path)
    tried = place.lay(state, check=True)
    answer = place.laid(state)
    assert tried["did"] == answer["did"]
    assert [one.startswith(f"{path}: ") for one in answer["did"]] == [True]
    assert rights(path) == ("root", "root", "0o755")


def test_file_is_replaced_in_one_step(place):
    """Who has the old one open reads it to its end; the name never leads to anything in between."""
    path = place.etc / "one"
    place.laid(place.state(files=[{"path": str(path), "text": "old\n"}]))
    with path.open() as reader:
        place.laid(place.state(files=[{"path": str(path), "text": "new and longer\n"}]))
        assert reader.read() == "old\n"
    assert path.read_text() == "new and longer\n"
    assert os.listdir(place.etc) == ["one"]


def test_second_name_of_a_file_keeps_its_text(place):
    """A hard link that somebody made to a file of theirs is not written through."""
    theirs = place.etc / "theirs"
    theirs.write_text("theirs\n")
    os.link(theirs, place.etc / "one")
    place.laid(place.state(files=[{"path": str(place.etc / "one"), "text": "ours\n", "mode": "0600"}]))
    assert theirs.read_text() == "theirs\n"
    assert rights(theirs)[2] == "0o644"


def test_what_somebody_else_makes_is_only_given_its_rights(place):
    path = place.etc / "host.key"
    state = place.state(files=[{"path": str(path), "made": True, "mode": "0640"}])
    assert not place.laid(state)["changed"]
    path.write_text(SECRET)
    path.chmod(0o644)
    answer = place.laid(state)
    assert answer["did"] == [f"{path}: mode 0644 and not 0640"]
    assert rights(path)[2] == "0o640"
    assert path.read_text() == SECRET
    assert SECRET not in json.dumps(answer)


# Found good before the first is replaced


def valid(path, text="fine\n", **more):
    """A file that bash must be able to read."""
    return {"path": str(path), "text": text, "validate": ["bash", "-n", "%s"], **more}


def test_nothing_is_replaced_if_one_of_several_is_not_valid(place):
    old = [valid(place.etc / name, f"echo {name}\n") for name in ("a", "b", "c")]
    place.laid(place.state(files=old))
    new = [valid(place.etc / name, f"echo new {name}\n") for name in ("a", "b")]
    said = place.refused(place.state(files=[*new, valid(place.etc / "c", "if then\n")]))
    assert said.startswith(f"probe: {place.etc / 'c'} is not valid ('bash -n {place.etc / 'c'}' ended with code 2: ")
    assert place.manifest()["owed"] == []


def test_state_says_what_a_refusal_means(place):
    bad = valid(place.etc / "c", "if then\n", otherwise="Give it another  gate.")
    assert place.refused(place.state(files=[bad])).startswith("probe: Give it another gate. (")


def test_a_file_is_validated_with_the_new_texts_of_the_others(place):
    both = {"path": str(place.etc / "two"), "text": "2\n", "validate": ["cmp", str(place.etc / "one"), "%s"]}
    place.laid(place.state(files=[{"path": str(place.etc / "one"), "text": "2\n"}, both]))
    said = place.refused(place.state(files=[{"path": str(place.etc / "one"), "text": "3\n"}, dict(both, text="4\n")]))
    assert "two is not valid" in said


def test_program_that_is_to_validate_is_not_there(place):
    said = place.refused(
        place.state(files=[{"path": str(place.etc / "a"), "text": "", "validate": ["no-such-program", "%s"]}])
    )
    assert "there is no program 'no-such-program' here: install it" in said


def test_folders_made_for_files_go_again_if_one_is_not_valid(place):
    place.refused(place.state(files=[valid(place.etc / "deep/er/c", "if then\n")]))
    assert os.listdir(place.etc) == []


# No room, no right


@pytest.fixture
def small(place):
    """A file system of 64 KiB."""
    folder = place.etc / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk_leaves_all_as_it_was(place, small):
    first, big = {"path": str(place.etc / "first"), "text": "1\n"}, {"path": str(small / "big"), "text": "1\n"}
    place.laid(place.state(files=[first, big]))
    said = place.manifest()
    before = place.snapshot(place.etc)
    answer = place.lay(place.state(files=[dict(first, text="2\n"), dict(big, text="2" * 100_000)]))
    assert answer["msg"] == f"probe: {small / 'big'} can't be written: No space left on device"
    assert place.snapshot(place.etc) == before
    assert place.manifest() == said


def test_no_room_for_the_manifest_leaves_all_as_it_was(place, small, monkeypatch):
    place.kept = small
    kept = small / "manifest"
    monkeypatch.setattr("ansible_collections.order82.baseline.plugins.module_utils.state.manifest.FOLDER", str(kept))
    path = place.etc / "one"
    place.laid(place.state(files=[{"path": str(path), "text": "1\n"}]))
    before = place.tree()
    answer = place.lay(place.state(files=[{"path": str(path), "text": "2" * 60_000}]))
    assert answer["msg"] == f"probe: {kept / 'probe.json'} can't be written: No space left on device"
    assert place.tree() == before


@pytest.fixture
def read_only(place):
    """A file system that can't be written."""
    folder = place.etc / "fixed"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,mode=0755", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", ["one", "new/one"])
def test_read_only_file_system(place, read_only, name):
    first = {"path": str(place.etc / "first"), "text": "1\n"}
    answer = place.lay(place.state(files=[first, {"path": str(read_only / name), "text": "1\n"}]))
    lacking = read_only / name if name == "one" else read_only / "new"
    assert f"{lacking} can't be " in answer["msg"]
    assert answer["msg"].endswith(": Read-only file system")
    assert os.listdir(place.etc) == ["fixed"]
    assert os.listdir(read_only) == []


def test_folder_that_can_not_be_made(place, read_only):
    answer = place.lay(place.state(folders=[str(read_only / "new")]))
    assert answer["msg"] == f"probe: {read_only / 'new'} can't be made: Read-only file system"


def test_folder_that_takes_no_new_file(place):
    """chattr +i, with which somebody has root keep off."""
    fixed = place.etc / "fixed"
    fixed.mkdir()
    subprocess.run(["chattr", "+i", fixed], check=True)
    try:
        before = place.tree()
        answer = place.lay(
            place.state(files=[{"path": str(place.etc / "a"), "text": ""}, {"path": str(fixed / "b"), "text": ""}])
        )
        assert answer["msg"] == f"probe: {fixed / 'b'} can't be written: Operation not permitted"
        assert place.snapshot(place.etc) == {
            path: now for path, now in before.items() if path.startswith(str(place.etc))
        }
    finally:
        subprocess.run(["chattr", "-i", fixed], check=True)


def test_file_that_can_not_be_replaced_is_named(place):
    path = place.etc / "fixed"
    path.write_text("theirs\n")
    subprocess.run(["chattr", "+i", path], check=True)
    try:
        answer = place.lay(place.state(files=[{"path": str(path), "text": "ours\n"}]))
        assert answer["msg"] == f"probe: {path} can't be replaced: Operation not permitted"
        assert os.listdir(place.etc) == ["fixed"]
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
    place.laid(place.state(files=[{"path": str(path), "text": "ours\n"}]))
    assert path.read_text() == "ours\n"


# What somebody else put there


def fifo(path, _place):
    os.mkfifo(path)


def device(path, _place):
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))


def sock(path, _place):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def folder(path, _place):
    path.mkdir()


@pytest.mark.parametrize("kind", [fifo, device, sock, folder])
def test_what_is_no_file_stays(place, kind):
    kind(place.etc / "one", place)
    said = place.refused(place.state(files=[{"path": str(place.etc / "one"), "text": "1\n"}]))
    assert said == f"probe: {place.etc / 'one'} is no file: move away what lies there"


@pytest.mark.parametrize("target", ["victim", "nowhere", "/etc/passwd"])
def test_symlink_where_a_file_should_be_is_not_followed(place, target):
    (place.etc / "victim").write_text("victim\n")
    (place.etc / "one").symlink_to(target)
    said = place.refused(place.state(files=[{"path": str(place.etc / "one"), "text": "1\n"}]))
    assert said == f"probe: {place.etc / 'one'} is a symlink where a file should be: remove it"
    assert (place.etc / "victim").read_text() == "victim\n"


def test_file_where_a_folder_should_be_stays(place):
    (place.etc / "probe").write_text("theirs\n")
    for state in (
        place.state(folders=[str(place.etc / "probe")]),
        place.state(files=[{"path": str(place.etc / "probe/one"), "text": "1\n"}]),
    ):
        assert place.refused(state) == f"probe: {place.etc / 'probe'} is no folder: move away what lies there"


def test_symlink_on_the_way_is_followed_only_if_it_is_roots(place):
    (place.base / "real").mkdir()
    way = place.etc / "way"
    way.symlink_to(place.base / "real")
    state = place.state(files=[{"path": str(way / "one"), "text": "1\n"}])
    place.laid(state)
    assert (place.base / "real/one").read_text() == "1\n"
    os.chown(way, place.OTHER, place.OTHER, follow_symlinks=False)
    assert place.refused(state) == f"probe: {way} is a symlink of nobody: remove it, or have root make it"


def test_folder_may_be_roots_own_link_and_no_others(place):
    (place.base / "disk").mkdir()
    link = place.etc / "store"
    link.symlink_to(place.base / "disk")
    state = place.state(
        folders=[{"path": str(link), "owner": "nobody", "mode": "0700"}],
        files=[{"path": str(link / "one"), "text": "1\n"}],
    )
    place.laid(state)
    assert link.is_symlink()
    assert rights(place.base / "disk") == ("nobody", "root", "0o700")
    assert not place.laid(state)["changed"]
    os.chown(link, place.OTHER, place.OTHER, follow_symlinks=False)
    assert "is no folder: move away what lies there" in place.refused(state)


def test_links_in_a_circle(place):
    (place.etc / "a").symlink_to("b")
    (place.etc / "b").symlink_to("a")
    said = place.refused(place.state(files=[{"path": str(place.etc / "a/one"), "text": "1\n"}]))
    assert "leads round in a circle of symlinks: remove them" in said


def test_folder_of_another_account_is_not_written_in(place):
    (place.etc / "theirs").mkdir()
    os.chown(place.etc / "theirs", place.OTHER, place.OTHER)
    said = place.refused(place.state(files=[{"path": str(place.etc / "theirs/one"), "text": "1\n"}]))
    assert said == f"probe: {place.etc / 'theirs'} belongs to nobody and not to root: give it back to root (chown)"
    said = place.refused(place.state(files=[{"path": str(place.etc / "theirs/deeper/one"), "text": "1\n"}]))
    assert "belongs to nobody" in said


def test_account_that_is_in_no_list_is_named_by_its_number(place):
    (place.etc / "theirs").mkdir()
    os.chown(place.etc / "theirs", 4000000, 0)
    assert "belongs to the user 4000000" in place.refused(
        place.state(files=[{"path": str(place.etc / "theirs/one"), "text": "1\n"}])
    )


@pytest.mark.parametrize(("group", "mode"), [(65534, 0o775), (0, 0o757), (0, 0o1777)])
def test_folder_that_others_can_write_is_not_written_in(place, group, mode):
    (place.etc / "open").mkdir()
    os.chown(place.etc / "open", 0, group)
    (place.etc / "open").chmod(mode)
    said = place.refused(place.state(files=[{"path": str(place.etc / "open/one"), "text": "1\n"}]))
    assert said == f"probe: {place.etc / 'open'} can be written by others than root: take that away (chmod go-w)"


def test_folder_of_an_account_as_the_state_says(place):
    """What the account puts there in a file's place is not followed either."""
    theirs = place.etc / "theirs"
    state = place.state(
        folders=[
            {"path": str(theirs), "owner": "nobody", "mode": "0700"},
            {"path": str(theirs / "deep"), "mode": "0755"},
        ],
        files=[{"path": str(theirs / "one"), "text": "1\n"}, {"path": str(theirs / "deep/two"), "text": "2\n"}],
    )
    place.laid(state)
    assert not place.laid(state)["changed"]
    (theirs / "one").unlink()
    (theirs / "one").symlink_to("/etc/shadow")
    assert "is a symlink where a file should be" in place.refused(state)
    (theirs / "one").unlink()
    (theirs / "deep/two").unlink()
    (theirs / "deep").rmdir()
    (theirs / "deep").symlink_to("/etc")
    assert f"{theirs / 'deep'} is a symlink of root: remove it" in place.refused(state)  # it moved root's there
    assert not os.path.exists("/etc/two")


def test_owner_that_is_not_there_is_named(place):
    answer = place.lay(place.state(files=[{"path": str(place.etc / "one"), "text": "1\n", "owner": "order82-nobody"}]))
    assert answer["msg"] == f"probe: {place.etc / 'one'} can't be laid down: there is no account order82-nobody here"
    assert os.listdir(place.etc) == []


# Secrets, and what is shown


def test_secret_is_shown_nowhere(place):
    path, seen = place.etc / "password", []
    state = place.state(files=[{"path": str(path), "text": f"{SECRET}\n", "secret": True, "mode": "0600"}])
    seen += [place.lay(state, check=True), place.laid(state)]
    path.write_text("another-secret\n")
    seen += [place.lay(state, check=True), place.laid(state)]
    path.chmod(0o644)
    seen += [place.lay(state, check=True), place.laid(state)]
    assert [len(one["diff"]) for one in seen] == [1] * 6
    said = json.dumps(seen)
    assert SECRET not in said
    assert "another-secret" not in said
    kept = b"".join(one.read_bytes() for one in place.kept.rglob("*") if one.is_file())
    assert b"password" in kept
    assert SECRET.encode() not in kept
    assert "content" not in place.manifest()["state"]["files"][0]


def test_secret_is_not_in_what_a_program_says_of_it(place):
    secret = {"path": str(place.etc / "password"), "text": f"( {SECRET} ) ( {SECRET}\n", "secret": True}
    answer = place.lay(place.state(files=[dict(secret, validate=["bash", "-n", "%s"])]))
    assert f"{place.etc / 'password'} is not valid" in answer["msg"]
    assert SECRET not in json.dumps(answer)
    assert SECRET not in json.dumps(
        place.lay(place.state(files=[dict(secret, validate=["bash", "-n", "%s"])]), check=True)
    )


def test_difference_is_shown_as_it_is(place):
    path = place.etc / "one"
    place.laid(place.state(files=[{"path": str(path), "text": "a\nb\n"}]))
    [shown] = place.laid(place.state(files=[{"path": str(path), "text": "a\nc\n"}]))["diff"]
    assert shown == {"before_header": str(path), "after_header": str(path), "before": "a\nb\n", "after": "a\nc\n"}


def test_long_texts_are_shown_as_long_on_both_sides(place):
    """Else the end of what is longer would look as if it were new."""
    path = place.etc / "one"
    long = "0123456789\n" * 5000
    place.laid(place.state(files=[{"path": str(path), "text": "a\n" + long}]))
    [shown] = place.laid(place.state(files=[{"path": str(path), "text": "b\n" + long}]))["diff"]
    assert shown["before"][1:] == shown["after"][1:]
    assert len(shown["before"]) < 30_000


def test_what_is_no_text_is_said_to_be_none(place):
    path = place.etc / "one"
    path.write_bytes(b"\xff\xfe")
    [shown] = place.laid(place.state(files=[{"path": str(path), "text": "a\n"}]))["diff"]
    assert "no text" in shown["before"]


def test_file_that_becomes_a_secret_is_kept_no_longer(place):
    entry = {"path": str(place.etc / "one"), "text": f"{SECRET}\n"}
    place.laid(place.state(files=[entry]))
    assert "content" in place.manifest()["state"]["files"][0]
    place.laid(place.state(files=[dict(entry, secret=True)]))
    assert "content" not in place.manifest()["state"]["files"][0]


# Check mode


@pytest.mark.parametrize("old", ["virgin", "other", "same"])
def test_check_mode_changes_nothing_and_says_what_the_apply_does(place, old):
    state = place.state(
        folders=[str(place.etc / "a"), {"path": str(place.etc / "a/b"), "mode": "0700"}],
        files=[valid(place.etc / "a/b/c", "echo\n"), {"path": str(place.etc / "x/y"), "text": "y\n"}],
        nothing_else_in=[str(place.etc / "x/*")],
    )
    if old == "same":
        place.laid(state)
    if old == "other":
        place.laid(
            place.state(
                folders=[str(place.etc / "a")],
                files=[
                    {"path": str(place.etc / "x/y"), "text": "old\n"},
                    {"path": str(place.etc / "a/gone"), "text": ""},
                ],
            )
        )
        (place.etc / "x/stray").write_text("stray\n")
    before = place.tree()
    tried = place.lay(state, check=True)
    assert place.tree() == before
    done = place.laid(state)
    assert tried["changed"] == done["changed"] == (old != "same")
    assert tried["diff"] == done["diff"]
    assert [one.partition(", to ")[0] for one in done["did"]] == tried["did"]


# The manifest


def test_manifest_is_roots_alone_and_says_what_is_there(place):
    path = place.etc / "along/one"
    place.laid(place.state(files=[{"path": str(path), "text": "1\n"}]))
    kept = place.kept / "manifest"
    assert rights(kept) == ("root", "root", "0o700")
    assert rights(kept / "probe.json") == ("root", "root", "0o600")
    noted = place.manifest()
    assert noted["made"] == [str(place.etc / "along")]
    assert noted["owed"] == []
    [entry] = noted["state"]["files"]
    assert (entry["path"], entry["owner"], entry["mode"], entry["size"]) == (str(path), "root", "0644", 2)


def test_manifest_of_another_state_is_a_difference_and_no_change(place):
    files = [{"path": str(place.etc / "one"), "text": "1\n"}]
    place.laid(place.state(files=files))
    state = place.state(files=files, keep=[str(place.etc / "one")])
    assert looking(state) == ["its manifest tells of another state"]
    assert place.laid(state)["changed"] is False
    assert looking(state) == []
    place.laid(place.state(present=False))
    assert (place.etc / "one").read_text() == "1\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: '{"state": {}, "made": [], "owed": []}',
        lambda text: json.dumps(json.loads(text) | {"owed": ["restart"]}),
        lambda text: json.dumps(json.loads(text) | {"made": [7]}),
        lambda text: json.dumps(json.loads(text) | {"state": json.loads(text)["state"] | {"files": ["x"]}}),
        lambda text: json.dumps(json.loads(text) | {"state": json.loads(text)["state"] | {"keep": "x"}}),
    ],
)
@pytest.mark.parametrize("present", [True, False])
def test_damaged_manifest_is_named_and_nothing_is_touched(place, damage, present):
    sections = {"files": [{"path": str(place.etc / "one"), "text": "1\n"}]}
    place.laid(place.state(**sections))
    path = place.kept / "manifest" / "probe.json"
    path.write_text(damage(path.read_text()))
    (place.etc / "one").write_text("2\n")
    said = place.refused(place.state(present, **sections))
    assert said.startswith(f"probe: {path} is damaged (")
    assert said.endswith("): remove it, then apply the measure")
    path.unlink()
    place.laid(place.state(**sections))
    assert (place.etc / "one").read_text() == "1\n"


def test_manifest_that_is_a_symlink_is_not_followed(place):
    state = place.state(files=[{"path": str(place.etc / "one"), "text": "1\n"}])
    (place.kept / "manifest").mkdir(parents=True, mode=0o700)
    (place.kept / "manifest" / "probe.json").symlink_to(place.etc / "victim")
    assert "is a symlink where a file should be" in place.refused(state)
    assert not (place.etc / "victim").exists()
