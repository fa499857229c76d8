# SPDX-License-Identifier: GPL-3.0-or-later
"""A strategy of Ansible: Mitogen's `mitogen_linear`, whose processes run on any processor.

Mitogen binds its own process to the first processor and all others of a run to the rest. Of two processors that is one,
and it is the same one for every run beside it.
"""

from __future__ import annotations

from ansible.plugins.loader import filter_loader
from ansible_mitogen import affinity, loaders, strategy

affinity.policy = affinity.Policy()


class StrategyModule(strategy.StrategyMixin, loaders.strategy_loader.get("linear", class_only=True)):
    """What Ansible looks for in this file."""

    def run(self, *args: object, **named: object) -> object:
        """Load the filters first: Ansible forks a process for each task and host, and each would load them anew."""
        for name in ("ansible.builtin.default", "order82.baseline.by_ip_version"):
            filter_loader.get(name)
        return super().run(*args, **named)
