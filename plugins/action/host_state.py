# SPDX-License-Identifier: GPL-3.0-or-later
"""On the controller: what a role lays down on this host, with all values; then one call, however many its files."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Mapping, Sequence

from ansible.errors import AnsibleActionFail

from ..plugin_utils import collection, host_values
from ..plugin_utils.bounds import Bounds
from ..plugin_utils.documents import DataError
from ..plugin_utils.host_call import HostAction, HostError, UnreachableError
from ..plugin_utils.host_program import LAY_DOWN, packed_code
from ..plugin_utils.host_zipapp import zipapp
from ..plugin_utils.site_table import roles_by_host
from ..plugin_utils.state import nothing_of, refuse_claims
from ..plugin_utils.state_values import resolve_state, without_contents
from ..plugin_utils.visible import one_line

SURVEY = "_order82_survey"
"""The variable that says what was found of each role when the host was looked at (roles/order82/tasks/once.yml)."""
CHANGED = "order82_changed"
"""The fact that names the run in which something was changed since: what was found does not count any more."""
ANSWER_SECONDS = 4 * 3600
"""So long a host may take to lay down a measure: packages may take half an hour, a unit's first start two hours."""
ANSWER_BYTES = 64 * 2**20
"""So much it may say of it: with --diff the texts of all files of a measure, before and after."""
MESSAGE = 4000
"""So many characters of why it could not be laid down, and of what was done before."""
WORDS = ("present", "absent", "impossible")
"""What a role's state may be; the last only where the role says when it is (audit_trail)."""
RUN = uuid.uuid4().hex
"""Of this run of Ansible, which imports this once. What an earlier one left in a cache of facts is another's."""

# As in check_info: read once, before Ansible forks a process for every host and task.
collection.read_ahead(collection.site_table, collection.states, collection.role_checks)
host_values.read_ahead()
packed_code(LAY_DOWN.parts)
zipapp()
gc.freeze()


class ActionModule(HostAction):
    """Renders here; writes, compares and restarts there."""

    _VALID_ARGS = frozenset(("role", "whole_site"))
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Lay the role down, or take it away; with C(whole_site) look at all others of the host in the same call."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={"role": {"type": "str"}, "whole_site": {"type": "bool", "default": False}}
        )
        role = arguments["role"] or str(task_vars.get("ansible_role_name", "")).rpartition(".")[2]
        try:
            return self._bring_about(role, arguments["whole_site"], task_vars)
        except DataError as error:
            raise AnsibleActionFail(str(error)) from error

    def _bring_about(self, role: str, whole_site: bool, task_vars: Mapping) -> dict:
        known = collection.states()
        if role not in known:
            raise DataError(f"there is no state of a role '{role}'; there are: {', '.join(sorted(known))}")
        survey = task_vars.get(SURVEY) or {}
        holds = survey.get("run") == RUN != task_vars.get("ansible_facts", {}).get(CHANGED)
        if not whole_site and holds and role in survey["roles"]:
            return {"changed": False, "did": [], "answers": survey["roles"][role]}
        theirs = self._roles(task_vars)
        roles = theirs if whole_site else [role]
        states = self._states(roles if role in roles else [*roles, role], theirs, task_vars)
        refuse_claims((f"the state of {one['role']}", file["path"]) for one in states for file in one["files"])
        [mine] = [one for one in states if one["role"] == role]
        present = [one for one in states if one["present"]]
        request = {
            "check": self._task.check_mode,
            "bring": {
                "state": mine,
                "packages": [package for one in present for package in one["packages"]],
                "debconf": [line for one in present for line in one["debconf"]],
                "diversions": [path for one in present for path in one["diversions"]],
            },
            "look": [without_contents(one) for one in states if one is not mine],
        }
        try:
            answer = self.ask(LAY_DOWN, request, task_vars, Bounds(ANSWER_SECONDS, ANSWER_BYTES))
        except UnreachableError as error:
            return {"unreachable": True, "msg": str(error)}
        except HostError as error:
            raise AnsibleActionFail(str(error)) from error
        return self._result(answer)

    def _roles(self, task_vars: Mapping) -> list[str]:
        groups = {name: [task_vars["inventory_hostname"]] for name in ("all", *task_vars["group_names"])}
        [roles] = roles_by_host(collection.site_table(), groups).values()
        return [role for role in roles if role in collection.states()]

    def _states(self, roles: Sequence[str], theirs: Sequence[str], task_vars: Mapping) -> list[dict]:
        """The states of roles on this host.

        :param theirs: all roles that the host has, whose checks are left there.
        """
        known = [*theirs, *(role for role in roles if role not in theirs)]
        values = host_values.HostValues(known, task_vars, self._templar, lambda: collection.checks_of(theirs))
        engine = values.engine(str(task_vars.get("inventory_dir") or ""))
        found = []
        for role in roles:
            state = collection.states()[role]
            wanted = str(engine.template(f"{{{{ {role}_state }}}}", {}))
            if wanted not in WORDS:
                raise DataError(f"{role}_state is '{wanted}'; write {' or '.join(WORDS)}")
            if wanted != "absent":  # a role may have a word for what can't be there; that can be refused, too
                found.append(resolve_state(state, engine, present=wanted == "present"))
                continue
            try:
                found.append(resolve_state(state, engine, present=False, refuse=False))
            except DataError:  # a host that has no values for it (any more): what its manifest says goes
                found.append(resolve_state(nothing_of(state), engine, present=False))
        return found

    def _result(self, answer: Mapping) -> dict:
        result = dict(answer["brought"])
        if "msg" in result:  # lines of its own could look like Ansible's
            result["msg"] = one_line(result["msg"], MESSAGE)
        if not (self._task.diff or self._play_context.diff):
            result.pop("diff", None)
        roles = {role: look["answers"] for role, look in answer["looks"].items() if not look["differs"]}
        result["survey"] = {
            "run": RUN,
            "roles": roles,
            "settled": [role for role, answers in roles.items() if not any(code != 0 for code in answers.values())],
        }
        if result.get("changed"):
            result["ansible_facts"] = {CHANGED: RUN}
        return result
