#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action C(live_login), which does all of its work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: live_login
short_description: Log in to a host once over SSH, as an account that may do nothing
description:
  - Comes over the way by which Ansible comes (host, port, options of C(ssh)), but as the account C(order82-probe) of
    role C(log_forwarder), in a connection of its own, with a certificate that is signed for this login alone.
  - Nothing runs on the host. What it gives back is what the controller itself knows of the login, so that the check
    C(log_collector.logins) can look for it in the records of the collectors.
  - A host that refuses the login, or hangs, is no error of the task; C(why) says so.
  - A host to which Ansible does not come by the connection C(ssh) is left out.
version_added: 0.1.0
author: The order82.baseline authors (@order82)
options:
  seen_as:
    description: The address from which the host sees the controller, where something on the way translates it.
    type: str
    default: ''
attributes:
  check_mode:
    description: Runs the same in check mode, as it changes nothing but the record of logins.
    support: full
  diff_mode:
    description: There is nothing that could differ.
    support: none
"""

EXAMPLES = r"""
- name: Log in to every host once
  order82.baseline.live_login:
  register: logged_in
"""

RETURN = r"""
login:
  description: What the controller knows of the login.
  returned: always
  type: dict
  contains:
    by_ssh:
      description: Whether Ansible comes to this host over SSH; if not, there is nothing else.
      type: bool
    account:
      description: The account.
      type: str
    identity:
      description: The identity in the certificate, a random number which the host's sshd records.
      type: str
    began:
      description: When it began, by the controller's clock (RFC 3339, UTC).
      type: str
    address:
      description: The controller's own address in this connection; empty where only a proxy knows it.
      type: str
    port:
      description: The controller's own port; 0 where only a proxy knows it.
      type: int
    seen_as:
      description: As given.
      type: str
    why:
      description: Why it did not get in, one sentence of the program C(ssh); empty if it did.
      type: str
    refused:
      description: Whether the host itself refused it.
      type: bool
"""
