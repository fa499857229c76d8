# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for checks from the roles' defaults, as the action plugin gives them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[3] / "roles"
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
    loader = DataLoader()
    defaults = {}
    for path in sorted(ROLES.glob("*/defaults/main.yml")):
        defaults |= loader.load_from_file(str(path), trusted_as_template=True) or {}

    def make(variables):
        engine = Templar(loader=loader, variables={**HOST, **defaults, **variables})
        return (
            lambda text: engine.template(trust_as_template(text)),
            lambda text: engine.evaluate_conditional(trust_as_template(text)),
            AnsibleError,
        )

    return make
