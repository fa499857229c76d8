# SPDX-License-Identifier: GPL-3.0-or-later
"""The data goes one way, record -> index -> answer: no room imports from one after it, nor by way of other modules."""

from __future__ import annotations

import ast
import functools
import shutil
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import nat

CODE = Path(nat.__file__).resolve().parents[1]
NAME = "ansible_collections.order82.baseline.plugins.module_utils"
ROOMS = ("record", "index", "answer")


def modules(code):
    """The path of each module by name, such as C(nat.record.settings)."""
    paths = {path.relative_to(code).with_suffix("").parts: path for path in code.rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for parts, path in paths.items()}


@functools.cache
def statements(content):
    """The import statements of a file, wherever they stand; most files are the same in all of these tests."""
    return [node for node in ast.walk(ast.parse(content)) if isinstance(node, ast.Import | ast.ImportFrom)]


def imported(name, path, known):
    """The modules that one imports."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in statements(path.read_bytes()):
        if isinstance(node, ast.Import):
            found.update(alias.name.removeprefix(f"{NAME}.") for alias in node.names)
        else:
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join(filter(None, [*above, node.module])).removeprefix(f"{NAME}.")
            found.update({base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)})
    return {one for one in found if one in known}


def room(name):
    """Which room a module is in: from 0; what all share is before the first, and everything else is in none."""
    area, _dot, rest = name.partition(".")
    first = rest.partition(".")[0]
    if area != "nat" or first == "commands":
        return None
    return ROOMS.index(first) if first in ROOMS else -1


def backwards(code):
    """How modules of a room reach one after it: the names on the way."""
    known = modules(code)
    edges = {name: imported(name, path, known) for name, path in known.items()}
    found = []
    for name in known:
        if room(name) is None:
            continue
        ways = [(name,)]
        seen = {name}
        while ways:
            way = ways.pop()
            for other in edges[way[-1]] - seen:
                seen.add(other)
                if room(other) is not None and room(other) > room(name):
                    found.append(" -> ".join((*way, other)))
                else:
                    ways.append((*way, other))
    return found


def test_no_room_knows_one_after_it():
    names = modules(CODE)
    assert {room(name) for name in names} == {None, -1, 0, 1, 2}
    assert imported("nat.answer.tracer", names["nat.answer.tracer"], names) > {"nat.index.catalogue", "nat.times"}
    assert backwards(CODE) == []


@pytest.mark.parametrize(
    ("where", "line", "way"),
    [
        ("nat/record/recorder.py", "from ..index import build", "nat.record.recorder -> nat.index"),
        ("nat/index/build.py", "from ..answer.tracer import Tracer", "nat.index.build -> nat.answer.tracer"),
        ("nat/index/build.py", "def late():\n    from .. import answer", "nat.index.build -> nat.answer"),
        ("nat/record/netlink.py", f"import {NAME}.nat.answer.tracer", "nat.record.netlink -> nat.answer.tracer"),
        ("nat/plan.py", "from .record import settings", "nat.plan -> nat.record.settings"),
        ("processes.py", "from .nat.index import build", "nat.record.ruleset -> processes -> nat.index.build"),
        ("nat/__init__.py", "from .index import build", "nat -> nat.index.build"),
    ],
)
def test_an_import_backwards_is_seen(tmp_path, where, line, way):
    code = tmp_path / "code"
    shutil.copytree(CODE, code)
    with (code / where).open("a") as file:
        file.write(f"\n{line}\n")
    assert any(one.startswith(way) for one in backwards(code))
