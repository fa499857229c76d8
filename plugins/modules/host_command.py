#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_command
short_description: Install the command C(order82) on a host
version_added: 0.1.0
description:
  - Packs the collection's own code for hosts into one executable file (a Python zipapp, PEP 441) and installs it.
  - It is the code that the modules of this collection run, so that a timer on a host and an inspection cannot differ.
  - The file depends on nothing but that code; a second run changes nothing.
options:
  dest:
    description: Where the command lies on the host.
    type: path
    required: true
author: The order82.baseline authors (@order82)
attributes:
  check_mode:
    support: full
    description: Says what would change and changes nothing.
  diff_mode:
    support: partial
    details: The file is binary; only the fact that it differs is shown.
    description: Shows what would change.
"""

EXAMPLES = r"""
- name: Install the command order82
  order82.baseline.host_command:
    dest: /usr/bin/order82
"""

RETURN = r"""
dest:
  description: Where the command lies.
  type: str
  returned: success
  sample: /usr/bin/order82
"""
