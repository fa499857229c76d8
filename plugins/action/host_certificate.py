# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives out and withdraws the certificates of hosts, on the controller. No host is touched, nothing is forked."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils import authority
from ..plugin_utils.documents import DataError


class ActionModule(ActionBase):
    """The host's name is the inventory's; of what the host hands in only the public key is taken."""

    _VALID_ARGS = frozenset(("authority", "request", "names", "usages", "days", "state"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Sign, or withdraw.

        :return: C(changed).
        """
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "authority": {"type": "path", "required": True},
                "request": {"type": "str"},
                "names": {"type": "list", "elements": "str"},
                "usages": {"type": "list", "elements": "str", "choices": list(authority.USAGES)},
                "days": {"type": "int"},
                "state": {"type": "str", "choices": ["present", "withdrawn"], "default": "present"},
            },
            required_if=[("state", "present", ("request", "names", "usages", "days"))],
        )
        folder, host = Path(arguments["authority"]), task_vars["inventory_hostname"]
        try:
            if arguments["state"] == "withdrawn":
                return {"changed": authority.withdraw(folder, host, only_look=self._task.check_mode)}
            if not self._task.check_mode:
                says = authority.Says(host, tuple(arguments["names"]), tuple(arguments["usages"]))
                authority.sign(folder, says, arguments["request"], arguments["days"])
        except (DataError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error
        return {"changed": True}
