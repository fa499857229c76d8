# SPDX-License-Identifier: GPL-3.0-or-later
"""On the controller: which checks a host has, with which values; then one module call, whatever their number."""

from __future__ import annotations

import datetime
import functools
import gc
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

from ..plugin_utils import collection, host_values
from ..plugin_utils.checks import SITE_ROLE, Check, is_laid_down
from ..plugin_utils.documents import DataError
from ..plugin_utils.host_call import HostError, ask_host
from ..plugin_utils.host_program import OBSERVE, packed_code
from ..plugin_utils.judge import timestamp
from ..plugin_utils.resolve import Resolved, resolve
from ..plugin_utils.site_table import roles_by_host
from ..plugin_utils.state_values import resolve_state, without_contents

MODULE = "order82.baseline.check_info"

# Ansible imports this once and then forks a process for every host and task. What is read here is read once for all of
# them, and what exists now is left alone by the garbage collection of each (gc.freeze is made for this).
collection.read_ahead()
host_values.read_ahead()
packed_code()
gc.freeze()


class ActionModule(ActionBase):
    """Reads no more of the host than its variables, until the one call."""

    _VALID_ARGS = frozenset(("site", "extra_checks", "only", "resolve_only"))
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Find the host's checks, give them their values, observe.

        :return: the module's result, with C(resolved) and C(started), also where the host was not reached.
        """
        started = datetime.datetime.now(datetime.UTC)
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "site": {"type": "path"},
                "extra_checks": {"type": "path"},
                "only": {"type": "list", "elements": "str"},
                "resolve_only": {"type": "bool", "default": False},
            }
        )
        try:
            roles, checks = self._checks(arguments, task_vars)
        except DataError as error:
            raise AnsibleActionFail(str(error)) from error
        resolved = self._resolve(roles, checks, task_vars)
        resolved, states = self._with_states(checks, resolved, task_vars)
        asked = [
            {"id": one.id, "observe": {check.observer: states.get(one.id, one.arguments)}}
            for check, one in zip(checks, resolved, strict=True)
            if one.applies and one.problem is None
        ]
        result = {"changed": False, "asked": asked} if arguments["resolve_only"] else self._observe(asked, task_vars)
        result.pop("invocation", None)  # the checks again, and twice as long
        result["resolved"] = [one.differences(check) for check, one in zip(checks, resolved, strict=True)]
        result["started"] = timestamp(started)
        return result

    def _checks(self, arguments: Mapping, task_vars: Mapping) -> tuple[list[str], list[Check]]:
        site, extra = arguments["site"], arguments["extra_checks"]
        table = collection.site_table(Path(site)) if site else collection.site_table()
        # The inventory as this host sees it: with its own groups only, the table costs the same in a large inventory.
        host = task_vars["inventory_hostname"]
        [roles] = roles_by_host(table, {name: [host] for name in ("all", *task_vars["group_names"])}).values()
        known = collection.all_checks(Path(extra) if extra else None)
        checks = [check for role in (*roles, SITE_ROLE) for check in known.get(role, ())]
        if arguments["only"] is None:
            return roles, checks
        names = {check.id for check in checks}
        for name in arguments["only"]:
            if name not in names:
                raise DataError(
                    f"only: there is no check '{name}' for this host; its checks are: "
                    f"{', '.join(sorted(names)) or 'none'}"
                )
        return roles, [check for check in checks if check.id in arguments["only"]]

    def _resolve(self, roles: list[str], checks: list[Check], task_vars: Mapping) -> list[Resolved]:
        """Only text of our own files is trusted as a template here, and the same text is worked out once."""
        said = host_values.said_by(roles, {})
        templar = self._templar.copy_with_new_env(available_variables=ChainMap(dict(task_vars), said))
        template = functools.cache(lambda text: templar.template(trust_as_template(text)))
        condition = functools.cache(lambda text: templar.evaluate_conditional(trust_as_template(text)))
        return [resolve(check, template, condition, AnsibleError) for check in checks]

    def _with_states(self, checks: list[Check], resolved: list[Resolved], task_vars: Mapping) -> tuple[list, dict]:
        """Render what each role would lay down now: for the host, not for the report, which it would fill."""
        wanted = [
            check.role for check, one in zip(checks, resolved, strict=True) if is_laid_down(check) and one.applies
        ]
        values = host_values.HostValues(wanted, task_vars, self._templar)
        engine = values.engine(str(task_vars.get("inventory_dir") or ""))
        states, answers = {}, []
        for check, one in zip(checks, resolved, strict=True):
            answers.append(one)
            if is_laid_down(check) and one.applies:
                try:
                    state = resolve_state(collection.states()[check.role], engine, present=True, refuse=False)
                    states[check.id] = {"state": without_contents(state, texts=True)}
                except DataError as error:
                    answers[-1] = one._replace(problem=str(error))
        return answers, states

    def _observe(self, asked: list[dict], task_vars: Mapping) -> dict:
        if not asked:
            return {"changed": False, "observations": []}
        try:
            answer = ask_host(self, OBSERVE, asked, task_vars)
            if answer is None:
                return self._execute_module(module_name=MODULE, module_args={"checks": asked}, task_vars=task_vars)
        except HostError as error:
            return {"failed": True, "msg": str(error)}
        except AnsibleConnectionFailure as error:
            return {"unreachable": True, "msg": str(error)}
        return {"changed": False, "observations": answer}
