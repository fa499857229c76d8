#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thin: the looking is done by the observers, the values come from the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_info
short_description: Observe on a host what the checks of its roles are about
description:
  - Looks at everything that the checks of a host ask for, in one call, and reports facts without a verdict.
    The filter P(order82.baseline.judge#filter) turns them into outcomes.
  - In a playbook the action plugin of the same name runs first, on the controller. It finds the host's roles in the
    table of the site, loads their checks, gives every Jinja expression in them its value for this host, and sends
    all of them in one call.
  - Nothing is ever changed on the host.
version_added: 0.1.0
author:
  - The order82.baseline authors
options:
  checks:
    description:
      - The checks to observe, with all values in place. The action plugin fills it in, so leave it out in a playbook.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The check's id.
        type: str
        required: true
      observe:
        description: One observer, with its arguments.
        type: dict
        required: true
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
      description: The observer's facts by name, or nothing if it could not look.
      type: dict
    error:
      description: Why it could not look, in one sentence, or nothing.
      type: str
    at:
      description: When it looked, by the host's own clock (RFC 3339, UTC).
      type: str
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
import math
import threading
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.order82.baseline.plugins.module_utils.observers import ObservationError, observe

WORKERS = 8
"""So many observers look at the same time: most of them wait for a command to answer."""


def look(checks):
    """Observe for every check; what several checks ask for alike is looked at once.

    :param list checks: dicts with id and observe.
    :return: list of dicts with check, observed, error, at, in the same order. One observer's failure loses no facts of
        the others.
    """
    keys = [json.dumps(check["observe"], sort_keys=True) for check in checks]
    asked = dict(zip(keys, (check["observe"] for check in checks)))
    seen = {}
    waiting = list(asked)

    def work():
        while True:
            try:
                key = waiting.pop()
            except IndexError:
                return
            seen[key] = _look_once(asked[key])

    workers = [threading.Thread(target=work) for _number in range(min(WORKERS, len(waiting)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [dict(seen[key], check=check["id"]) for key, check in zip(keys, checks)]


def _look_once(asked):
    observed = error = None
    if len(asked) != 1:
        error = "asked for %d observers at once; it takes exactly one" % len(asked)
    else:
        [(name, arguments)] = asked.items()
        try:
            observed = plain(observe(name, arguments or {}))
        except ObservationError as reason:
            error = plain(str(reason))
        except Exception as reason:  # noqa: BLE001  whatever one stumbles over, the others' facts must get home
            error = plain("observer '%s' broke: %s: %s" % (name, type(reason).__name__, reason))
    return {"observed": observed, "error": error, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def plain(value):
    """Turn what an observer found into what JSON can carry: a hostile file name must not cost the host its report.

    :return: dict, list, str (valid Unicode), int, float (finite), bool or None.
    """
    if isinstance(value, dict):
        return {plain(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def main():
    """Run as a module."""
    module = AnsibleModule(
        argument_spec={
            "checks": {"type": "list", "elements": "dict", "default": [],
                       "options": {"id": {"type": "str", "required": True},
                                   "observe": {"type": "dict", "required": True}}},
            "site": {"type": "path"},
            "extra_checks": {"type": "path"},
            "only": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, observations=look(module.params["checks"]))


if __name__ == "__main__":
    main()
