# SPDX-License-Identifier: GPL-3.0-or-later
"""From what Ansible hands over (variables, and the results of check_info by host) to a case for the judge."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import collection
from .judge import Case
from .outcomes import HostRun, Seen
from .site_table import match_hosts, roles_by_host
from .unit import read_unit
from .visible import one_line
from .waivers import read_waivers

INSPECTED = "all:!unmanaged"
"""The hosts that playbooks/inspect.yml is about, if it is not limited."""
_MESSAGE = 1000  # so many characters of why a host gave no answer


def make_case(
    observed: Mapping[str, Mapping],
    unit: object,
    groups: Mapping[str, Sequence[str]],
    *,
    waivers: object = None,
    extra_checks: Path | None = None,
    site: Path | None = None,
    finished: datetime.datetime | None = None,
) -> Case:
    """Load what the collection says, check what the site says, and put both beside what was seen.

    :param observed: the result of check_info for every host that was inspected.
    :param unit: the variable order82_unit.
    :param groups: Ansible's variable groups.
    :param waivers: the variable order82_waivers.
    :param extra_checks: the file that was given to check_info.
    :param site: the playbook that says which hosts get which roles; by default the collection's own.
    :param finished: when the inspection ended; now by default.
    :raises DataError: something that a person wrote can't be used.
    """
    law = collection.law()
    checks = collection.all_checks(extra_checks)
    known = [check.id for mine in checks.values() for check in mine]
    finished = finished or datetime.datetime.now(datetime.UTC)
    runs = {str(host): read_run(result) for host, result in observed.items()}
    started = [_moment(result.get("started")) for result in observed.values() if isinstance(result, Mapping)]
    roles = roles_by_host(collection.site_table(site) if site else collection.site_table(), groups)
    overlays = collection.overlays()
    return Case(
        law,
        read_unit(unit, law, [overlay.id for overlay in overlays]),
        checks,
        {host: roles[host] for host in match_hosts(INSPECTED, groups)},
        runs,
        read_waivers(waivers, known, groups),
        collection.version(),
        min((moment for moment in started if moment), default=finished),
        finished,
        overlays,
    )


def read_run(result: object) -> HostRun:
    """Read one host's result of check_info, which let nothing through but what was asked for (host_answer).

    What it does not hold counts as not seen, never as good.
    """
    if not isinstance(result, Mapping):
        return HostRun("broken", "no result came back", {}, {})
    resolved = {
        str(one["id"]): _native({key: value for key, value in one.items() if key != "id"})
        for one in result.get("resolved") or ()
    }
    message = one_line(str(result.get("msg") or ""), _MESSAGE)
    if result.get("unreachable"):
        return HostRun("unreachable", message or "no reason was given", resolved, {})
    if result.get("failed"):
        return HostRun("broken", message or "no reason was given", resolved, {})
    if "observations" not in result:
        return HostRun("broken", "no result came back", resolved, {})
    seen = {one["check"]: Seen(one["observed"], one["error"], one["at"]) for one in _native(result["observations"])}
    return HostRun("seen", "", resolved, seen)


def _moment(text: object) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _native(value: object) -> object:
    """Plain dicts, lists and scalars: Ansible's own kinds of them stay behind."""
    if isinstance(value, Mapping):
        return {str(key): _native(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_native(one) for one in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
