# SPDX-License-Identifier: GPL-3.0-or-later
"""On the controller: which checks a host has, with which values; then one module call, whatever their number."""

from __future__ import annotations

import datetime
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

from ..plugin_utils.checks import ROLES, SITE_ROLE, Check, load_checks, load_roles
from ..plugin_utils.documents import DataError
from ..plugin_utils.judge import timestamp
from ..plugin_utils.law import load_law
from ..plugin_utils.resolve import Resolved, resolve
from ..plugin_utils.site_table import SITE, load_site, roles_by_host

MODULE = "order82.baseline.check_info"


class ActionModule(ActionBase):
    """Reads no more of the host than its variables, until the one call."""

    _VALID_ARGS = frozenset(("site", "extra_checks", "only"))
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Find the host's checks, give them their values, observe.

        :return: the module's result, with C(resolved) and C(started), also where the host was not reached.
        """
        started = datetime.datetime.now(datetime.UTC)
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec={
            "site": {"type": "path", "default": str(SITE)},
            "extra_checks": {"type": "path"},
            "only": {"type": "list", "elements": "str"}})
        try:
            roles, checks = self._checks(arguments, task_vars)
        except DataError as error:
            raise AnsibleActionFail(str(error)) from error
        resolved = self._resolve(roles, checks, task_vars)
        asked = [{"id": one.id, "observe": {check.observer: one.arguments}}
                 for check, one in zip(checks, resolved, strict=True) if one.applies and one.problem is None]
        result = self._observe(asked, task_vars)
        result.pop("invocation", None)  # the checks again, and twice as long
        result["resolved"] = [one._asdict() for one in resolved]
        result["started"] = timestamp(started)
        return result

    def _checks(self, arguments: Mapping, task_vars: Mapping) -> tuple[list[str], list[Check]]:
        law = load_law()
        table = roles_by_host(load_site(Path(arguments["site"])), task_vars["groups"])
        roles = table.get(task_vars["inventory_hostname"], [])
        checks = [check for mine in load_roles(law, only=roles).values() for check in mine]
        if arguments["extra_checks"]:
            checks += load_checks(Path(arguments["extra_checks"]), SITE_ROLE, law)
        if arguments["only"] is None:
            return roles, checks
        known = {check.id for check in checks}
        for name in arguments["only"]:
            if name not in known:
                raise DataError(f"only: there is no check '{name}' for this host; its checks are: "
                                f"{', '.join(sorted(known)) or 'none'}")
        return roles, [check for check in checks if check.id in arguments["only"]]

    def _resolve(self, roles: list[str], checks: list[Check], task_vars: Mapping) -> list[Resolved]:
        defaults: dict[str, object] = {}
        for role in roles:
            path = ROLES / role / "defaults" / "main.yml"
            if path.is_file():
                defaults.update(self._loader.load_from_file(str(path), trusted_as_template=True) or {})
        templar = self._templar.copy_with_new_env(available_variables=ChainMap(dict(task_vars), defaults))
        return [resolve(check, lambda value: templar.template(_trusted(value)),
                        lambda condition: templar.evaluate_conditional(trust_as_template(condition)), AnsibleError)
                for check in checks]

    def _observe(self, asked: list[dict], task_vars: Mapping) -> dict:
        if not asked:
            return {"changed": False, "observations": []}
        try:
            return self._execute_module(module_name=MODULE, module_args={"checks": asked}, task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            return {"unreachable": True, "msg": str(error)}


def _trusted(value: object) -> object:
    """Mark the text of our own files as templates; text from hosts never comes this way."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, Mapping):
        return {key: _trusted(one) for key, one in value.items()}
    return [_trusted(one) for one in value] if isinstance(value, list) else value
