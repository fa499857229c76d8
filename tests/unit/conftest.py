# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible itself, for tests that compare with it."""

from __future__ import annotations

import pytest
from ansible.plugins.loader import init_plugin_loader


@pytest.fixture(scope="session")
def ansible_plugins():
    """Ansible's plugins can be found; it may be asked for that only once in a process."""
    init_plugin_loader()
