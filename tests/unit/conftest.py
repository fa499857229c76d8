# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible itself, for tests that compare with it.

Its loader must be there before anything of the collection is imported: filters are found through it.
"""

from __future__ import annotations

import pytest
from ansible.plugins.loader import init_plugin_loader
from hypothesis import settings

init_plugin_loader()
settings.register_profile("quick")  # for `./baseline test --quick`


@pytest.fixture(scope="session")
def state_engine():
    """A function from a host's variables, and the folder of its site, to what gives a role's state its values."""
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415 - after its plugins are found
    from ansible.template import Templar  # noqa: PLC0415
    from ansible_collections.order82.baseline.plugins.plugin_utils import host_values  # noqa: PLC0415

    loader = DataLoader()
    return lambda variables, base: host_values.HostValues((), variables, Templar(loader=loader, variables={})).engine(
        base
    )
