# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of the observers, and the modules that look, say the same."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import observers
from ansible_collections.order82.baseline.plugins.module_utils.observers import declared
from ansible_collections.order82.baseline.plugins.modules import check_info

FOLDER = Path(observers.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
AREAS = sorted(path.stem for path in FOLDER.glob("declared/[a-z]*.py"))
LOOKS = [
    found
    for path in FOLDER.glob("declared/*.py")
    for found in re.findall(r'later\("(\w+)", "(\w+)"\)', path.read_text())
]


@pytest.mark.parametrize(("module", "function"), LOOKS)
def test_there_is_what_looks(module, function):
    assert callable(getattr(importlib.import_module(f"{observers.__name__}.{module}"), function))


def test_no_module_is_left_over():
    assert sorted({module for module, _function in LOOKS}) == MODULES


def test_no_observer_is_declared_twice():
    names = [name for area in AREAS for name in importlib.import_module(f"{declared.__name__}.{area}").OBSERVERS]
    assert len(names) == len(set(names)) == len(observers.OBSERVERS)


def test_ansible_sends_every_module():
    assert [module.__name__.rpartition(".")[2] for module in check_info.PACKED] == MODULES
