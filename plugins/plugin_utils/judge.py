# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: observations + checks + waivers + law -> result.json (its schema: docs/result.schema.json)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import declared
from .checks import SITE_ROLE, Check
from .law import Law
from .outcomes import OUTCOMES, HostRun, both, judge_check
from .overlays import Overlay, judge_overlay
from .provisions import QUIET, Evidence, judge_provision
from .unit import Unit
from .waivers import Waiver

ALARMS = {
    "fail": both("不通过", "fails"),
    "error": both("无法判断", "can't be judged"),
    "not_run": both("未执行", "did not run"),
}
"""The outcomes of a check that make an inspection end with an exit code other than 0, and how a sentence says them."""


class Case(NamedTuple):
    """Everything that the judge knows.

    C(checks): by role, for every role of the collection, and a site's own under SITE_ROLE.
    C(roles): the roles of every host that an inspection without a limit is about, from the site table.
    C(runs): what came back, for every host that this inspection was about.
    C(collection): the collection's version.
    """

    law: Law
    unit: Unit
    checks: Mapping[str, Sequence[Check]]
    roles: Mapping[str, Sequence[str]]
    runs: Mapping[str, HostRun]
    waivers: Sequence[Waiver]
    collection: str
    started: datetime.datetime
    finished: datetime.datetime
    overlays: Sequence[Overlay] = ()


def judge(case: Case) -> dict:
    """Give every check on every host, and every provision, its outcome.

    :return: the content of result.json: plain dicts, lists, text, numbers, booleans and None.
    """
    carried = {host: _carried(case, host) for host in {**case.roles, **case.runs}}
    by_host = {host: _host_results(case, host, carried[host]) for host in case.runs}
    results = [result for mine in by_host.values() for result in mine]
    provisions = _provisions(case, carried, results)
    left_out = [host for host, roles in carried.items() if roles and host not in case.runs]
    return {
        "started": timestamp(case.started),
        "finished": timestamp(case.finished),
        "collection": case.collection,
        "law": {"order": case.law.order, "title": case.law.title, "files": case.law.files},
        "unit": {"name": case.unit.name, "types": list(case.unit.types), "services": list(case.unit.services)},
        "limit": {"inspected": list(case.runs), "left_out": left_out} if left_out else None,
        "hosts": [
            {
                "name": host,
                "roles": list(carried[host]),
                "state": run.state,
                "message": run.message or None,
                "outcomes": _counts(by_host[host]),
            }
            for host, run in case.runs.items()
        ],
        "provisions": provisions,
        "overlays": [judge_overlay(overlay, case.unit, results, carried) for overlay in case.overlays],
        "results": results,
        "waivers": _waivers(case, results),
        "summary": _summary(case, provisions, by_host, left_out),
    }


def timestamp(moment: datetime.datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _carried(case: Case, host: str) -> list[str]:
    """The roles of a host. A site's own checks are for every host."""
    return [*case.roles.get(host, ()), *([SITE_ROLE] if case.checks.get(SITE_ROLE) else [])]


def _host_results(case: Case, host: str, roles: Sequence[str]) -> list[dict]:
    waivers = {waiver.check: waiver for waiver in case.waivers if host in waiver.hosts}
    today = case.finished.astimezone(datetime.UTC).date()
    return [
        judge_check(check, host, case.runs[host], waivers.get(check.id), today)
        for role in roles
        for check in case.checks.get(role, ())
    ]


def _provisions(case: Case, carried: Mapping[str, Sequence[str]], results: Sequence[dict]) -> list[dict]:
    by_provision: dict[str, list[dict]] = {name: [] for name in case.law.provisions}
    for result in results:
        for name in result["provisions"]:
            by_provision[name].append(result)
    judged = []
    for name, provision in case.law.provisions.items():
        proving = {role: [check.id for check in checks if name in check.proves] for role, checks in case.checks.items()}
        roles = [role for role, checks in proving.items() if checks]
        carriers = [host for host, has in carried.items() if not set(roles).isdisjoint(has)]
        checks = [check for role in roles for check in proving[role]]
        complete = all(host in case.runs for host in carriers)
        evidence = Evidence(
            checks,
            roles,
            carriers,
            *_measures(case, name, roles, carried),
            by_provision[name],
            lacking=_lacking(case, name, by_provision[name]) if complete else (),
            undeclared=declared.faults(provision, case.unit, carried),
            declares=declared.in_words(provision, case.unit),
        )
        judged.append(judge_provision(provision, case.law, case.unit, evidence, case.runs))
    return judged


def _measures(
    case: Case, name: str, roles: Sequence[str], carried: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Of the measures that a provision names: those that no host carries, and those that no check could prove.

    A site's own check may stand for one that it does by another product.
    """
    own = [check for check in case.checks.get(SITE_ROLE, ()) if name in check.proves]
    stood_for = {measure for check in own for measure in check.stands_for}
    left = [measure for measure in case.law.provisions[name].measures if measure not in stood_for]
    idle = [measure for measure in left if measure in roles and not any(measure in has for has in carried.values())]
    return idle, [measure for measure in left if measure not in roles]


def _lacking(case: Case, name: str, results: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    """The parts of a provision that bind the unit and that no check shows, since none of theirs applies on any host.

    :param results: of its checks, of all hosts: with a limit nobody can say that there is no such host.
    """
    applied = {str(one["check"]) for one in results if one["outcome"] != "not_applicable"}
    stood_for = {part for check in case.checks.get(SITE_ROLE, ()) if check.id in applied for part in check.stands_for}
    return [
        part.text
        for part in case.law.provisions[name].parts
        if (not part.types or set(part.types) & set(case.unit.types))
        and not set(part.unless) & set(case.unit.services)
        and part.id not in stood_for
        and not applied & set(part.checks)
    ]


def _waivers(case: Case, results: Sequence[dict]) -> list[dict]:
    used = {
        (result["check"], result["host"])
        for result in results
        if result["waiver"] and result["waiver"]["state"] == "active"
    }
    today = case.finished.astimezone(datetime.UTC).date()
    return [
        {
            "check": waiver.check,
            "hosts": list(waiver.hosts),
            "reason": waiver.reason,
            "owner": waiver.owner,
            "expires": waiver.expires.isoformat(),
            "state": "expired"
            if waiver.expired(today)
            else "active"
            if any((waiver.check, host) in used for host in waiver.hosts)
            else "unused",
        }
        for waiver in case.waivers
    ]


def _summary(
    case: Case, provisions: Sequence[dict], by_host: Mapping[str, Sequence[dict]], left_out: Sequence[str]
) -> dict:
    """Count, and say in one sentence each what keeps the inspection from being in order."""
    results = [result for mine in by_host.values() for result in mine]
    alarms = [sentence for host, run in case.runs.items() for sentence in _host_alarms(host, run, by_host[host])]
    alarms += [
        _sentence(provision["id"], provision["outcome"], provision["reason"])
        for provision in provisions
        if provision["outcome"] in ALARMS and provision["because"] not in ("checks", *QUIET)
    ]
    if all(result["outcome"] == "not_applicable" for result in results):
        alarms.append(both("没有执行任何检查：什么也没有检查到。", "No check ran at all: nothing was inspected."))
    return {
        "ok": not alarms,
        "alarms": alarms,
        "provisions": _counts(provisions),
        "checks": _counts(results),
        "no_check_yet": [provision["id"] for provision in provisions if provision["because"] == "no_check_yet"],
        "hosts_not_reached": [host for host, run in case.runs.items() if run.state == "unreachable"],
        "hosts_left_out": list(left_out),
    }


def _host_alarms(host: str, run: HostRun, results: Sequence[dict]) -> list[dict[str, str]]:
    """One sentence per check, but one for all where the host gave no answer."""
    if run.state == "unreachable":
        return [both(f"未能连接 {host}：{run.message}", f"{host} was not reached: {run.message}")]
    if run.state == "broken":
        return [both(f"未能检查 {host}：{run.message}", f"{host} could not be observed: {run.message}")]
    return [
        _sentence(f"{host} {result['check']}", result["outcome"], result["message"])
        for result in results
        if result["outcome"] in ALARMS
    ]


def _sentence(what: str, outcome: str, why: Mapping[str, str]) -> dict[str, str]:
    words = ALARMS[outcome]
    return both(f"{what} {words['zh']}：{why['zh']}", f"{what} {words['en']}: {why['en']}")


def _counts(judged: Sequence[Mapping[str, object]]) -> dict[str, int]:
    found = [one["outcome"] for one in judged]
    return {outcome: found.count(outcome) for outcome in OUTCOMES}
