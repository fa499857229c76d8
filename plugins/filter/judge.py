# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: from observations to outcomes."""

from __future__ import annotations

DOCUMENTATION = r"""
name: judge
short_description: Judge what an inspection has seen
description:
  - Takes what M(order82.baseline.check_info) reported for each host, and gives every check and every provision of the
    law one outcome. It reads the law, the checks and the table of the site, and never touches a host.
version_added: 0.1.0
author: The order82.baseline authors (@order82)
positional: _input
options:
  _input:
    description: Ansible's variable C(hostvars), or any mapping of host names to variables.
    type: dict
    required: true
  hosts:
    description: The hosts that were inspected, usually C(ansible_play_hosts_all).
    type: list
    elements: str
    required: true
  observed:
    description: The name of the variable in which each host's result of M(order82.baseline.check_info) was registered.
    type: str
    required: true
  unit:
    description: Who is bound, with the keys C(name), C(types) and C(services); usually the variable C(order82_unit).
    type: dict
    required: true
  groups:
    description: Ansible's variable C(groups).
    type: dict
    required: true
  waivers:
    description:
      - Accepted exceptions; usually the variable C(order82_waivers). A list of mappings with C(check), C(hosts),
        C(reason), C(owner) and C(expires) (the last day on which it holds, as YYYY-MM-DD).
    type: list
    elements: dict
    default: []
  extra_checks:
    description: The file that was given to M(order82.baseline.check_info), if there was one.
    type: path
  site:
    description: The playbook that says which hosts get which roles; by default C(playbooks/site.yml) of the collection.
    type: path
"""

EXAMPLES = r"""
- name: Show the outcome of every provision
  ansible.builtin.debug:
    msg: "{{ (judged | from_json).provisions | items2dict(key_name='id', value_name='outcome') }}"
  vars:
    judged: "{{ hostvars | order82.baseline.judge(hosts=ansible_play_hosts_all, observed='seen', unit=order82_unit,
                                                  groups=groups) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - The text of C(result.json), whose schema is C(docs/result.schema.json) of this collection. It is text so that
      Ansible need not go through every value in it.
  type: str
"""

from pathlib import Path

from ansible.errors import AnsibleFilterError

from ..plugin_utils.documents import DataError


def judge(hostvars, *, hosts, observed, unit, groups, waivers=None, extra_checks=None, site=None) -> str:
    """Judge an inspection.

    :raises AnsibleFilterError: something that a person wrote can't be used; the sentence says what and where.
    """
    # Each of Ansible's workers loads all files of filters for any of them: 0.3 s that only an inspection needs.
    from ..plugin_utils.inspection import make_case
    from ..plugin_utils.judge import judge as judge_case
    from ..plugin_utils.render_json import render_json

    # Results of modules hold no templates, and raw_get spares Ansible the search for them.
    variables = getattr(hostvars, "raw_get", hostvars.get)
    results = {host: (variables(host) or {}).get(observed) for host in hosts}
    try:
        return render_json(
            judge_case(
                make_case(
                    results,
                    unit,
                    groups,
                    waivers=waivers,
                    extra_checks=Path(extra_checks) if extra_checks else None,
                    site=Path(site) if site else None,
                )
            )
        )
    except DataError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry."""

    def filters(self):
        """The filters of this file by name."""
        return {"judge": judge}
