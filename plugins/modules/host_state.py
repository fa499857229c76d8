#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thin: the work is done by C(module_utils/state), the values come from the action plugin of the same name.

Where pipelining is on, the action plugin runs the same code without Ansible's wrapper for modules.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_state
short_description: Bring a host into the state that a role describes, in one call
description:
  - Lays down what stands in the role's C(state.yml) (packages, accounts, folders, files, kernel settings, units), or
    takes it away again if the variable C(ROLE_state) is V(absent). The action plugin of the same name renders
    everything on the controller; the host compares and changes only what differs.
  - All files are validated before the first is replaced, and each is replaced in one step. Restarts that are owed are
    written down before that, so that a run that was broken off is made good by the next.
  - What was laid down stands in a manifest on the host (C(/var/lib/order82/manifest/ROLE.json), for root alone).
    What is no longer in the state goes by it, and so does the whole measure.
version_added: 0.1.0
author: The order82.baseline authors (@order82)
options:
  role:
    description:
      - Whose state. By default that of the role in which the task stands. Only the action plugin reads it.
    type: str
  whole_site:
    description:
      - Install the packages of all roles that C(playbooks/site.yml) gives the host in one transaction, and look at
        all of them in the same call. A role that is found as it should be is not called for again in this run, until
        something on the host changes. Only the action plugin reads it.
    type: bool
    default: false
  request:
    description:
      - What is to be done, with all values in place. The action plugin fills it in, so leave it out in a playbook.
    type: json
    default: '{}'
attributes:
  check_mode:
    description: Says what would change, on a host that has nothing of it too, and changes nothing.
    support: full
  diff_mode:
    description: Shows texts before and after; of what is secret only that it differs.
    support: full
requirements:
  - Python 3.9 or newer on the host
"""

EXAMPLES = r"""
- name: Lay down what the role's state.yml says
  order82.baseline.host_state:
"""

RETURN = r"""
did:
  description: What was done or, in check mode, would be; one sentence each.
  returned: always
  type: list
  elements: str
answers:
  description: The exit codes of what the state asks (C(ask)) by name; nothing for a program that is not there.
  returned: if the role is present
  type: dict
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.order82.baseline.plugins.module_utils.state.request import carry_out


def main():
    """Run as a module."""
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str"},
            "whole_site": {"type": "bool", "default": False},
            # One secret text: as a dict, each value in it would be blotted out of the answer, numbers too.
            "request": {"type": "json", "default": "{}", "no_log": True},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, answer=carry_out(json.loads(module.params["request"])))


if __name__ == "__main__":
    main()
