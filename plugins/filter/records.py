# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: who may write which class of records, for the settings of daemons."""

from __future__ import annotations

from ..module_utils.records import sources
from ..plugin_utils import record_rules as rules


def record_rules(gateway) -> str:
    """The rules of a forwarder; see record_rules.yml."""
    return rules.render(bool(gateway))


def journal_match(names) -> str:
    """What journald vouches for of some programs; see journal_match.yml."""
    return " ".join(sources.journal_matches(*names))


def of_gateways(classes) -> list:
    """The classes that only a gateway may write; see of_gateways.yml."""
    reserved = {source.record_class for source in sources.TABLE if source.gateways}
    return [one for one in classes if one in reserved]


class FilterModule:
    """Ansible's entry."""

    def filters(self):
        """The filters of this file by name."""
        return {"record_rules": record_rules, "journal_match": journal_match, "of_gateways": of_gateways}
