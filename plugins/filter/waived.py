# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what the site accepts on one host."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ..plugin_utils.documents import DataError
from ..plugin_utils.waivers import waived_on


def waived(waivers, host, groups) -> dict:
    """Give the accepted failures of a host; see waived.yml."""
    try:
        return waived_on(str(host), waivers, groups)
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry."""

    def filters(self):
        """The filters of this file by name."""
        return {"waived": waived}
