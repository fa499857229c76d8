#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thin: the looking is done by the observers, the values come from the action plugin of the same name.

Where pipelining is on, the action plugin runs the same code without Ansible's wrapper for modules.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_info
short_description: Observe on a host what the checks of its roles are about
description:
  - Looks at everything that the checks of a host ask for, in one call, and reports facts without a verdict.
    M(order82.baseline.report) turns them into outcomes.
  - In a playbook the action plugin of the same name runs first, on the controller. It finds the host's roles in the
    table of the site, loads their checks, gives every Jinja expression in them its value for this host, and sends
    all of them in one call.
  - Nothing is ever changed on the host.
version_added: 0.1.0
author: The order82.baseline authors (@order82)
options:
  checks:
    description:
      - The checks to observe, with all values in place, as a list of dicts with C(id) and C(observe) (one observer
        with its arguments). The action plugin fills it in, so leave it out in a playbook.
    type: json
    default: '[]'
  site:
    description:
      - The playbook that says which hosts get which roles. Only the action plugin reads it.
      - By default C(playbooks/site.yml) of this collection.
    type: path
  extra_checks:
    description:
      - A file with checks of the site's own, in the format of a role's C(checks.yml), with ids that start with
        V(site.). They are for every host. Only the action plugin reads it.
    type: path
  only:
    description:
      - Observe only the checks with these ids. Only the action plugin reads it.
    type: list
    elements: str
  resolve_only:
    description:
      - Ask no host, and give back what would be asked, for who asks in another way. Only the action plugin reads it.
    type: bool
    default: false
  answer_seconds:
    description:
      - So many seconds the host has for its answer, from the connection on; then it is an error of its checks. Only
        the action plugin reads it.
      - By default a minute more than the observer may take that may take longest.
    type: int
  answer_bytes:
    description:
      - So many bytes the host may print; more is an error of its checks. Only the action plugin reads it.
    type: int
    default: 4194304
attributes:
  check_mode:
    description: Runs the same in check mode, as it changes nothing.
    support: full
  diff_mode:
    description: There is nothing that could differ.
    support: none
requirements:
  - Python 3.9 or newer on the host
"""

EXAMPLES = r"""
- name: Observe what the checks of every host ask for
  order82.baseline.check_info:
  register: observed

- name: Look at one check only
  order82.baseline.check_info:
    only: [time_sync.offset]
"""

RETURN = r"""
observations:
  description: What was seen, one entry per check that was asked for.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: The check's id.
      type: str
    observed:
      description: The observer's facts by name, or nothing if it could not look. Text in it is without controls.
      type: dict
    error:
      description: Why it could not look, or why its answer is none, in one sentence; or nothing.
      type: str
    at:
      description: When it looked, by the host's own clock (RFC 3339, UTC).
      type: str
asked:
  description: The checks as O(checks) takes them, with all values in place.
  returned: if O(resolve_only=true)
  type: list
  elements: dict
resolved:
  description:
    - The checks of this host. The action plugin adds them, also where the host was not reached. Beside the id an entry
      has what is not as the check was written; a check that needed no values is its id alone.
  returned: always, from a playbook
  type: list
  elements: dict
  contains:
    id:
      description: The check's id.
      type: str
    applies:
      description: Whether the check's condition holds for this host; V(true) if left out.
      type: bool
    problem:
      description: Why a value could not be had. Such a check is not observed.
      type: str
    arguments:
      description: The observer's arguments.
      type: dict
    expect:
      description: The comparisons by fact.
      type: dict
    by_hand:
      description: The command with which a person would see the same.
      type: str
started:
  description: When the action plugin began, by the controller's clock (RFC 3339, UTC).
  returned: always, from a playbook
  type: str
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.order82.baseline.plugins.module_utils.looking import look
from ansible_collections.order82.baseline.plugins.module_utils.observers import (
    alarms,
    anchors,
    antivirus,
    audit,
    backup,
    bans,
    certificates,
    clock,
    contents,
    crowding,
    databases,
    files,
    filling,
    firewall,
    forwarding,
    history,
    intrusion,
    journal,
    laid_down,
    live_logins,
    logins,
    network,
    origin,
    readers,
    record_clock,
    record_store,
    repositories,
    rotation,
    seals,
    self_checks,
    services,
    shares,
    standby,
    stops,
    subscribers,
    translation,
    translation_index,
)

PACKED = (
    alarms,
    anchors,
    antivirus,
    audit,
    backup,
    bans,
    certificates,
    clock,
    contents,
    crowding,
    databases,
    files,
    filling,
    firewall,
    forwarding,
    history,
    intrusion,
    journal,
    laid_down,
    live_logins,
    logins,
    network,
    origin,
    readers,
    record_clock,
    record_store,
    repositories,
    rotation,
    seals,
    self_checks,
    services,
    shares,
    standby,
    stops,
    subscribers,
    translation,
    translation_index,
)
"""Ansible sends what it finds imported here; the observers themselves are imported when they are asked for."""


def main():
    """Run as a module."""
    module = AnsibleModule(
        argument_spec={
            "checks": {"type": "json", "default": "[]"},
            "site": {"type": "path"},
            "extra_checks": {"type": "path"},
            "only": {"type": "list", "elements": "str"},
            "resolve_only": {"type": "bool", "default": False},
            "answer_seconds": {"type": "int"},
            "answer_bytes": {"type": "int", "default": 4194304},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, observations=look(json.loads(module.params["checks"])))


if __name__ == "__main__":
    main()
