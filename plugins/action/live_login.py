# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs in to a host once as an account that may do nothing, over the way by which Ansible comes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils import host_values, live_login, settings
from ..plugin_utils.documents import DataError


class ActionModule(ActionBase):
    """It does not use Ansible's own connection, which may be shared and open already."""

    _VALID_ARGS = frozenset(("seen_as",))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Log in, and out again.

        :return: C(login), what the controller knows of it, also where it did not get in.
        """
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec={"seen_as": {"type": "str", "default": ""}})
        try:
            settings.refuse_facts_as_variables()
        except DataError as error:
            raise AnsibleActionFail(str(error)) from error
        return {"changed": False, "login": self._login(arguments["seen_as"], task_vars)}

    def _login(self, seen_as: str, task_vars: Mapping) -> dict[str, object]:
        if self._connection.transport != "ssh":
            return live_login.not_by_ssh()
        values = host_values.HostValues(["order82"], task_vars, self._templar).engine("")
        key = Path(str(values.template("{{ order82_pki_dir }}", {})), "login")
        return live_login.log_in(self._words(), self._option("host"), key, seen_as)

    def _words(self) -> list[str]:
        """The program and its options as the connection C(ssh) would use them, less those of the account."""
        words = [self._option("ssh_executable")]
        for name in ("ssh_args", "ssh_common_args", "ssh_extra_args"):
            words += shlex.split(self._option(name))
        words += ["-p", self._option("port")] if self._option("port") else []
        return words + ([] if self._connection.get_option("host_key_checking") else ["-oStrictHostKeyChecking=no"])

    def _option(self, name: str) -> str:
        value = self._connection.get_option(name)
        return "" if value is None else str(value)
