# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for checks from the roles' defaults and variables, as the action plugin gives them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.order82.baseline.plugins.plugin_utils import collection, host_values

HOST = {
    "inventory_hostname": "web",
    "inventory_dir": "/etc/ansible",
    "ansible_host": "10.0.0.20",
    "group_names": ["managed"],
    "groups": {"all": ["web", "collector1", "collector2"], "collectors": ["collector1", "collector2"]},
    "hostvars": {},
}


@pytest.fixture(scope="session")
def templar():
    """A function from variables to what C(resolve) needs: template, condition and their errors."""
    said = host_values.said_by(sorted(collection.states()), {})

    def make(variables):
        engine = Templar(loader=DataLoader(), variables={**HOST, **said, **variables})
        return (
            lambda text: engine.template(trust_as_template(text)),
            lambda text: engine.evaluate_conditional(trust_as_template(text)),
            AnsibleError,
        )

    return make
