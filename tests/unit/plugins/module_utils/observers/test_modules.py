# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of observers and the modules that have them say the same."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from ansible_collections.order82.baseline.plugins.module_utils import observers
from ansible_collections.order82.baseline.plugins.modules import check_info

FOLDER = Path(observers.__file__).parent


def test_every_module_is_in_the_table():
    assert sorted(observers.MODULES) == sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


@pytest.mark.parametrize("module", observers.MODULES)
def test_every_observer_is_in_the_table(module):
    loaded = importlib.import_module(f"{observers.__name__}.{module}")
    assert set(loaded.OBSERVERS) == set(observers.MODULES[module])
    assert all(observers.OBSERVERS[name] is loaded.OBSERVERS[name] for name in loaded.OBSERVERS)


def test_no_observer_is_in_the_table_twice():
    names = [name for some in observers.MODULES.values() for name in some]
    assert len(names) == len(set(names)) == len(observers.OBSERVERS)


def test_ansible_sends_every_module():
    later = sorted(path.stem for path in FOLDER.glob("_[a-z]*.py") if path.stem != "_registry")
    assert [module.__name__.rpartition(".")[2] for module in check_info.PACKED] == [*later, *observers.MODULES]
