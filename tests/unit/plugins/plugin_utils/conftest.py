# SPDX-License-Identifier: GPL-3.0-or-later
"""What most tests of the controller side need: the real law, and small checks."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.plugin_utils import checks as checks_module
from ansible_collections.order82.baseline.plugins.plugin_utils import collection

ENTRY = {
    "id": "alpha.key",
    "proves": ["art13"],
    "observe": {"file": {"path": "/etc/key"}},
    "expect": {"mode": {"equals": "0640"}},
    "severity": "high",
    "why": {"zh": "私钥", "en": "The key"},
    "by_hand": "stat /etc/key",
}


@pytest.fixture(scope="session")
def law():
    """The law as it lies in law/."""
    return collection.law()


@pytest.fixture
def entry():
    """An entry of a checks.yml, to be changed."""
    return dict(ENTRY)


@pytest.fixture
def write_checks(tmp_path):
    """A function that writes roles/<role>/checks.yml from entries, and gives back the folder of roles."""

    def write(role, *entries):
        path = tmp_path / "roles" / role / "checks.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(list(entries), allow_unicode=True), encoding="utf-8")
        return tmp_path / "roles"

    return write


@pytest.fixture
def make_check(law, tmp_path):
    """A function from changes to ENTRY to a loaded check."""

    def make(**changes):
        entry = {**ENTRY, **changes}
        path = tmp_path / f"{entry['id']}.yml"
        path.write_text(yaml.safe_dump([entry], allow_unicode=True), encoding="utf-8")
        [check] = checks_module.load_checks(path, entry["id"].partition(".")[0], law)
        return check

    return make
