# SPDX-License-Identifier: GPL-3.0-or-later
"""A day's file reads the same whether it is compressed or not, from its beginning and from any place."""

from __future__ import annotations

import os
import random
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.records import claims, line, reading, store, zst

LINES = [b"%d %s\n" % (number, b"x" * (number % 97)) for number in range(300)]
CONTENT = b"".join(LINES)


def pack(path, frame_bytes=zst.FRAME_BYTES):
    """As the sealing does it: the compressed file in the place of the other."""
    content, made, sizes = path.read_bytes(), [], []
    for begin in range(0, len(content), frame_bytes):
        block = content[begin : begin + frame_bytes]
        made.append(zst.frame(block))
        sizes.append((len(made[-1]), len(block)))
    path.with_name(path.name + ".zst").write_bytes(b"".join(made) + zst.table(sizes))
    path.unlink()


@pytest.fixture(params=["plain", "compressed", "compressed in 30 frames"])
def path(request, tmp_path):
    found = tmp_path / "web.log"
    found.write_bytes(CONTENT)
    if request.param != "plain":
        pack(found, len(CONTENT) // 30 if "30" in request.param else zst.FRAME_BYTES)
    return str(found)


def test_from_its_beginning(path):
    with reading.opened(path) as file:
        assert file.read() == CONTENT
    assert [text.encode() + b"\n" for text in line.read(path)] == LINES
    assert store.files(os.path.dirname(path)) == [path]
    assert reading.size(path) == len(CONTENT)


def test_who_reads_no_more_than_the_beginning_leaves_no_process(path):
    with reading.opened(path) as file:
        assert file.readline() == LINES[0]
    assert next(line.read(path)) == "0 "


def test_from_any_place(path):
    chosen = random.Random(82)
    with reading.DayFile(path) as file:
        for _round in range(100):
            begin, length = chosen.randrange(len(CONTENT) + 9), chosen.randrange(1, 2000)
            assert file.at(begin, length) == CONTENT[begin : begin + length]
        begin = len(b"".join(LINES[:50]))
        assert list(file.lines(begin, file.size)) == [one[:-1] for one in LINES[50:]]
        assert list(file.lines(begin, file.size - 1))[-1] == LINES[-2][:-1]


def test_where_somebody_looked_to_he_goes_on(path, monkeypatch):
    looked = []
    monkeypatch.setattr(claims, "_SIGN", type("Sign", (), {"search": staticmethod(looked.append)}))
    assert claims._look(path, len(b"".join(LINES[:290])), {}) == len(CONTENT)
    assert looked == [one[:-1] for one in LINES[290:]]


def test_anybodys_zstd_reads_it(tmp_path):
    path = tmp_path / "web.log"
    path.write_bytes(CONTENT)
    pack(path, 1000)
    done = subprocess.run(["zstd", "-dcq", str(path) + ".zst"], capture_output=True, check=True)
    assert done.stdout == CONTENT


@pytest.mark.parametrize("damage", ["cut", "a byte", "no table"])
def test_what_is_damaged_is_no_shorter_day(tmp_path, damage):
    path = tmp_path / "web.log"
    path.write_bytes(CONTENT)
    pack(path, 1000)
    packed = path.with_name("web.log.zst")
    content = bytearray(packed.read_bytes())
    if damage == "a byte":
        content[200] ^= 1
    packed.write_bytes(
        content[: len(content) // 2] if damage == "cut" else content[:-3] if damage == "no table" else content
    )
    with pytest.raises(OSError, match=r"zstd|no table"), reading.DayFile(str(path)) as file:
        file.at(0, len(CONTENT))
    if damage != "no table":
        with pytest.raises(OSError, match="ended with"):
            list(line.read(str(path)))


def test_a_pipe_and_a_symlink_are_no_records(tmp_path):
    os.mkfifo(tmp_path / "a.log")
    (tmp_path / "b.log.zst").symlink_to(tmp_path / "a.log")
    for name in ("a.log", "b.log"):
        assert reading.size(str(tmp_path / name)) == 0
        with pytest.raises(OSError), reading.opened(str(tmp_path / name)):
            pass
    assert store.files(str(tmp_path)) == []
