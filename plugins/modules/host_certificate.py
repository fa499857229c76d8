#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action C(host_certificate), which does all of its work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_certificate
short_description: Give a host a certificate of the authority on the controller, or withdraw it
description:
  - Signs the public key of a host, with the name that the host has in the inventory and with what else is given here.
    Nothing else of the request gets into the certificate.
  - Refuses a request that is not signed with its own key, that names another host, whose key is of another kind than
    EC P-256, or whose key was withdrawn.
  - Makes the authority where there is none yet. The certificate begins a day before it is signed.
  - Works on the controller only; no host is touched.
version_added: 0.1.0
author: The order82.baseline authors (@order82)
options:
  authority:
    description:
      - Folder with the key and certificate of the authority. The host's certificate is C(hosts/NAME.crt) in it; those
        that were withdrawn are in C(withdrawn).
    type: path
    required: true
  request:
    description: What the host hands in (PKCS#10, PEM).
    type: str
  names:
    description: By which names and addresses others know the host, such as V(DNS:web) and V(IP:192.0.2.1).
    type: list
    elements: str
  usages:
    description: What the certificate is for.
    type: list
    elements: str
    choices: [clientAuth, serverAuth]
  days:
    description: Days from now for which it holds.
    type: int
  state:
    description:
      - With V(present) a new certificate is signed each time; the one before is not among those that were given out any
        more. It needs O(request), O(names), O(usages) and O(days).
      - With V(withdrawn) the host has none from now on, and the key of the one that it had is never signed again.
    type: str
    choices: [present, withdrawn]
    default: present
attributes:
  check_mode:
    description: Says that it would change something, and does not look at the request.
    support: full
  diff_mode:
    description: There is nothing that could differ.
    support: none
"""

EXAMPLES = r"""
- name: Sign the host's certificate
  order82.baseline.host_certificate:
    authority: "{{ order82_pki_dir }}"
    request: "{{ request.csr }}"
    names: ["DNS:{{ inventory_hostname }}"]
    usages: [clientAuth]
    days: 825
"""

RETURN = r""" # """
