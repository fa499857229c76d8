# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: who may reach a host."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ..plugin_utils import firewall_rules as rules
from ..plugin_utils.documents import DataError


def firewall_rules(allowed, *, groups, mine, addresses) -> list:
    """What a host lets in; see firewall_rules.yml."""
    try:
        found = rules.rules(allowed, mine, rules.Inventory(groups, addresses))
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error
    return [rule._asdict() for rule in found]


def by_ip_version(networks) -> dict:
    """Networks by version; see by_ip_version.yml."""
    try:
        ipv4, ipv6 = rules.networks(networks, "the list of networks")
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error
    return {"ipv4": ipv4, "ipv6": ipv6}


def within(address, networks) -> bool:
    """Whether an address lies in one of these networks; see within.yml."""
    try:
        return rules.within(address, networks)
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry."""

    def filters(self):
        """The filters of this file by name."""
        return {"firewall_rules": firewall_rules, "by_ip_version": by_ip_version, "within": within}
