# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: what the authority on the controller has given out, and by which address a collector knows a sender."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleFilterError

from ..plugin_utils import authority
from ..plugin_utils.documents import DataError
from ..plugin_utils.origins import origins as known_by


def given_out(folder, host, names, usages) -> dict:
    """Say what a host's certificate is, and whether it is right; see given_out.yml."""
    try:
        return authority.given_out(Path(folder), authority.Says(host, tuple(names), tuple(usages)))
    except (DataError, OSError) as error:
        raise AnsibleFilterError(str(error)) from error


def admitted(hosts, folder) -> dict:
    """Say by which certificate each host is admitted; see admitted.yml."""
    try:
        return authority.admitted(Path(folder), hosts)
    except (DataError, OSError) as error:
        raise AnsibleFilterError(str(error)) from error


def origins(hosts) -> dict:
    """Give each host an address of its own; see origins.yml."""
    try:
        return known_by(hosts)
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry."""

    def filters(self):
        """The filters of this file by name."""
        return {"given_out": given_out, "admitted": admitted, "origins": origins}
