# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Ansible itself without which the hosts of an inventory are not safe from each other."""

from __future__ import annotations

from ansible import constants

from .documents import DataError


def refuse_facts_as_variables() -> None:
    """Refuse to run where what a host says of itself counts as a variable of the inventory.

    :raises DataError: it does; the sentence says where that is set, and how to mend it.
    """
    wanted, origin = constants.config.get_config_value_and_origin("INJECT_FACTS_AS_VARS")
    if wanted:
        raise DataError(
            f"Ansible's inject_facts_as_vars is on ({origin}), so any host could set variables of the inventory, by "
            "which others are configured; write inject_facts_as_vars = False under [defaults] in your ansible.cfg"
        )
