# SPDX-License-Identifier: GPL-3.0-or-later
"""On the controller: which checks a host has, with which values; then one module call, whatever their number."""

from __future__ import annotations

import contextvars
import datetime
import functools
import gc
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.errors import AnsibleActionFail

from ..module_utils.observers import OBSERVERS
from ..module_utils.state import manifest
from ..plugin_utils import collection, host_values
from ..plugin_utils.bounds import Bounds
from ..plugin_utils.checks import SITE_ROLE, Check, is_laid_down
from ..plugin_utils.documents import DataError
from ..plugin_utils.host_call import HostAction, HostError, UnreachableError
from ..plugin_utils.host_program import OBSERVE, packed_code
from ..plugin_utils.judge import timestamp
from ..plugin_utils.resolve import resolve
from ..plugin_utils.site_table import roles_by_host
from ..plugin_utils.state_values import Engine, resolve_state, without_contents

ANSWER_BYTES = 4 * 2**20
"""So much a host may print: 600 times what one of the lab does; a collector of ten thousand hosts half a megabyte."""
GRACE_SECONDS = 60
"""So long a host may take beside the observer that may take longest: to be reached, and to start Python."""

# Ansible imports this once and then forks a process for every host and task. What is read here is read once for all of
# them, and what exists now is left alone by the garbage collection of each (gc.freeze is made for this).
collection.read_ahead(collection.role_checks, collection.site_table, collection.states, collection.version)
host_values.read_ahead()
packed_code(OBSERVE.parts)
gc.freeze()


class ActionModule(HostAction):
    """Reads no more of the host than its variables, until the one call."""

    _VALID_ARGS = frozenset(("site", "extra_checks", "only", "resolve_only", "answer_seconds", "answer_bytes"))
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
                "answer_seconds": {"type": "int"},
                "answer_bytes": {"type": "int", "default": ANSWER_BYTES},
            }
        )
        try:
            roles, checks = self._checks(arguments, task_vars)
        except DataError as error:
            raise AnsibleActionFail(str(error)) from error
        values = host_values.HostValues(roles, task_vars, self._templar, lambda: collection.checks_of(roles))
        engine = values.engine(str(task_vars.get("inventory_dir") or ""))
        template = functools.cache(lambda text: engine.template(text, {}))
        condition = functools.cache(lambda text: engine.condition(text, {}))
        resolved = [resolve(check, template, condition, engine.errors) for check in checks]
        asked = [
            {"id": one.id, "observe": {check.observer: one.arguments}}
            for check, one in zip(checks, resolved, strict=True)
            if one.applies and one.problem is None
        ]
        self._bounds = Bounds(arguments["answer_seconds"] or GRACE_SECONDS + _longest(asked), arguments["answer_bytes"])
        compared = {
            one.id: check.role
            for check, one in zip(checks, resolved, strict=True)
            if is_laid_down(check) and one.applies and one.problem is None
        }
        # A host takes as long to answer as this takes, so both go on at the same time.
        with ThreadPoolExecutor(max_workers=1) as pool:
            rendering = pool.submit(contextvars.copy_context().run, _states, compared, engine)
            result = {"changed": False} if arguments["resolve_only"] else self._ask(asked, task_vars)
            states, problems = rendering.result()
        if arguments["resolve_only"]:
            result["asked"] = [_with_state(one, states) for one in asked]
        elif "observations" in result:
            result = self._ask_again(result, asked, states, task_vars)
        result["resolved"] = [
            one._replace(problem=problems.get(one.id, one.problem)).differences(check)
            for check, one in zip(checks, resolved, strict=True)
        ]
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

    def _ask_again(self, result: dict, asked: list[dict], states: Mapping[str, dict], task_vars: Mapping) -> dict:
        """A host has compared itself with what it says that it is. Where it is to be another, it is told what."""
        seen = {one["check"]: one for one in result["observations"]}
        others = [
            _with_state(one, states)
            for one in asked
            if one["id"] in states and not _was_compared_with(states[one["id"]], seen.get(one["id"]))
        ]
        if others:
            result = self._ask(others, task_vars)
            if "observations" in result:
                seen.update((one["check"], one) for one in result["observations"])
                result["observations"] = list(seen.values())
        return result

    def _ask(self, asked: list[dict], task_vars: Mapping) -> dict:
        """Nothing of what the host says is a key of the result."""
        try:
            seen = self.ask(OBSERVE, asked, task_vars, self._bounds) if asked else []
        except UnreachableError as error:
            return {"unreachable": True, "msg": str(error)}
        except HostError as error:
            return {"failed": True, "msg": str(error)}
        return {"changed": False, "observations": seen}


def _longest(asked: list[dict]) -> float:
    """How long the observer may take that may take longest (seconds)."""
    return max((OBSERVERS[name].seconds for one in asked for name in one["observe"]), default=0)


def _states(compared: Mapping[str, str], engine: Engine) -> tuple[dict[str, dict], dict[str, str]]:
    """Render what roles would lay down now: for the host, not for the report, which it would fill.

    :param compared: the role by check.
    :return: the states by check; and of those that can't be had why, as a sentence.
    """
    states, problems = {}, {}
    for check, role in compared.items():
        try:
            states[check] = resolve_state(collection.states()[role], engine, present=True, refuse=False)
        except DataError as error:
            problems[check] = str(error)
    return states, problems


def _with_state(one: dict, states: Mapping[str, dict]) -> dict:
    if one["id"] not in states:
        return one
    state = without_contents(states[one["id"]], texts=True)
    return {**one, "observe": {"laid_down": {**one["observe"]["laid_down"], "state": state}}}


def _was_compared_with(state: Mapping, seen: Mapping | None) -> bool:
    return bool(seen and seen["observed"]) and seen["observed"].get("compared_with") == manifest.digest(state)
