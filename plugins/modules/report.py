#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action C(report), which does all of its work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Judge what an inspection has seen, write its report, and fail if something is not in order
description:
  - Takes what M(order82.baseline.check_info) reported for each host of the play, and gives every check and every
    provision of the law one outcome.
  - Writes C(result.json), C(index.html) and C(junit.xml) into a new folder named after the time (UTC), whole or not at
    all, and lets the link C(latest) beside it point there.
  - Works on the controller only; no host is touched. Run it once for all hosts.
  - What other rules ask for (C(law/overlays)) has a part of its own in the report, and decides nothing.
  - Fails after writing if a check is V(fail), V(error) or V(not_run), or if a provision that applies is carried out by
    nobody, with one sentence for each.
version_added: 0.1.0
author: The order82.baseline authors (@order82)
options:
  observed:
    description: The name of the variable in which each host's result of M(order82.baseline.check_info) was registered.
    type: str
    required: true
  unit:
    description:
      - Who is bound, with the keys C(name), C(types) and C(services); usually the variable C(order82_unit).
      - C(overlays_off) maps an overlay that is not to be looked at to the reason.
      - C(important_databases) and C(main_equipment) are what article 7(2) speaks of, and only the unit knows.
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
  directory:
    description:
      - Where the reports are kept; a relative path starts at the folder in which Ansible was started.
      - By default C(reports) in the checkout of the collection or, where it is installed, in the folder in which
        Ansible was started.
    type: path
attributes:
  check_mode:
    description: In check mode nothing is written; it still fails if something is not in order.
    support: full
  diff_mode:
    description: There is nothing that could differ.
    support: none
"""

EXAMPLES = r"""
- name: Judge, write the report, and say what fails
  order82.baseline.report:
    observed: seen
    unit: "{{ order82_unit }}"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
path:
  description: The folder of this report; nothing in check mode.
  returned: always
  type: str
problems:
  description: How many things are not in order. Each is one sentence on standard error, and in C(result.json).
  returned: always
  type: int
"""
