# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a provision: from who is bound, who carries it out, and how its checks went."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from .law import Law, Provision
from .outcomes import both, worst
from .unit import Unit, binding

BECAUSE = ("checks", "manual", "not_bound", "nobody", "undeclared", "no_check_yet", "nothing_ran", "left_out")
"""What decided a provision's outcome."""

QUIET = ("no_check_yet", "left_out")
"""What reads C(not_run) without being an alarm: the collection, or the person who typed --limit, left it out."""


class Evidence(NamedTuple):
    """What there is to judge a provision by.

    C(checks): the ids of the collection's checks that prove it.
    C(roles): the roles that these belong to.
    C(carriers): the hosts of the inventory whose roles have such checks.
    C(idle): the measures that it names and no host carries, though there are checks for them.
    C(unproved): the measures that it names and for which there is no check.
    C(results): the entries of result.json for it.
    C(undeclared): what is missing of what the unit must declare; C(declares): what it declares, for the report.
    C(lacking): its parts that bind the unit and that no check shows on any host, in words.
    """

    checks: Sequence[str]
    roles: Sequence[str]
    carriers: Sequence[str]
    idle: Sequence[str]
    unproved: Sequence[str]
    results: Sequence[Mapping[str, object]]
    undeclared: Sequence[Mapping[str, str]] = ()
    declares: Mapping[str, str] = MappingProxyType({"zh": "", "en": ""})
    lacking: Sequence[Mapping[str, str]] = ()


def judge_provision(provision: Provision, law: Law, unit: Unit, evidence: Evidence, inspected: Container[str]) -> dict:
    """Say how it stands with one provision.

    :param inspected: the hosts that this inspection was about.
    :return: an entry of C(provisions) in result.json.
    """
    outcome, because, reason = _outcome(provision, law, unit, evidence, inspected)
    applies = because != "not_bound"
    return {
        "id": provision.id,
        "kind": provision.kind,
        "binds": list(provision.binds),
        "zh": provision.zh,
        "en": provision.en,
        "outcome": outcome,
        "because": because,
        "reason": reason,
        "show": provision.show if applies else None,
        "roles": list(evidence.roles) if applies else [],
        "checks": list(evidence.checks) if applies else [],
        "hosts": list(evidence.carriers) if applies else [],
    }


def _outcome(provision: Provision, law: Law, unit: Unit, evidence: Evidence, inspected: Container[str]) -> tuple:
    bound = binding(provision, unit, law)
    if not bound.applies:
        return "not_applicable", "not_bound", bound.reason
    ran = [result for result in evidence.results if result["outcome"] != "not_applicable"]
    outcomes = {str(result["outcome"]) for result in ran}
    if provision.show:
        return _manual(outcomes)
    if not evidence.checks:
        return (
            "not_run",
            "no_check_yet",
            both(
                "本规定适用，但本项目尚无检查项能够证明其落实。",
                "It applies, and the collection has no check yet that could prove it.",
            ),
        )
    nobody = _nobody(evidence)
    if nobody:
        return "fail", "nobody", nobody
    if evidence.undeclared:
        zh = "；".join(one["zh"] for one in evidence.undeclared)
        en = "; ".join(one["en"] for one in evidence.undeclared)
        return "fail", "undeclared", both(f"本单位的声明不完整：{zh}。", f"What the unit declares is not whole: {en}.")
    left_out = [host for host in evidence.carriers if host not in inspected]
    busy = {result["host"] for result in ran}
    idle = [host for host in evidence.carriers if host in inspected and host not in busy]
    decided = worst(outcomes | ({"not_run"} if idle or left_out else set()))
    if decided == "pass" and evidence.unproved:
        return (
            "not_run",
            "no_check_yet",
            both(
                f"本规定要求多项措施，其中尚无检查项：{', '.join(evidence.unproved)}；已有的检查全部通过。",
                "It asks for several measures, and the collection has no check yet for this part: "
                f"{', '.join(evidence.unproved)}; what it has passes.",
            ),
        )
    if decided in outcomes:
        reason = _by_checks(decided, ran, left_out)
        said = evidence.declares if decided == "pass" else both("", "")
        return decided, "checks", both(reason["zh"] + said["zh"], reason["en"] + said["en"])
    if idle:
        return (
            "not_run",
            "nothing_ran",
            both(
                f"下列主机应承担本规定，但没有一项检查的条件成立：{', '.join(idle)}。",
                f"No check ran on these hosts that carry it out (no check's condition holds): {', '.join(idle)}.",
            ),
        )
    return (
        "not_run",
        "left_out",
        both(
            f"本次检查只限部分主机，下列主机未检查：{', '.join(left_out)}。",
            f"This inspection was limited; these hosts were not looked at: {', '.join(left_out)}.",
        ),
    )


def _nobody(evidence: Evidence) -> dict[str, str] | None:
    """Say of what no host carries out: all of it, one of the measures, or one of the parts."""
    if not evidence.carriers:
        return both(
            f"本规定适用，但没有任何主机承担：清单中没有主机应用角色 {', '.join(evidence.roles)}。",
            "It applies, and nobody does this: no host of the inventory carries the role "
            f"{' or '.join(evidence.roles)}.",
        )
    if evidence.idle:
        return both(
            f"本规定要求多项措施，其中没有任何主机承担：{', '.join(evidence.idle)}。",
            f"It asks for several measures, and nobody does this part: no host of the inventory carries the role "
            f"{', '.join(evidence.idle)}.",
        )
    if evidence.lacking:
        return both(
            f"本规定要求多项措施，其中没有任何主机承担：{'；'.join(part['zh'] for part in evidence.lacking)}。",
            "It asks for several measures, and nobody does this part: "
            f"{'; '.join(part['en'] for part in evidence.lacking)}.",
        )
    return None


def _manual(outcomes: set[str]) -> tuple:
    """What no machine can see is never passed; the checks there are can only make it worse."""
    decided = worst(outcomes | {"manual"})
    if decided == "manual":
        return (
            "manual",
            "manual",
            both("机器无法判断，须由人出示材料。", "No machine can see it: a person shows the evidence."),
        )
    return (
        decided,
        "checks",
        both(
            "须由人出示材料；此外，机器能查的部分未通过。",
            "A person shows the evidence; beside that, what a machine can see is not in order.",
        ),
    )


def _by_checks(decided: str, ran: Sequence[Mapping[str, object]], left_out: Sequence[str]) -> dict[str, str]:
    mine = [result for result in ran if result["outcome"] == decided]
    hosts = list(dict.fromkeys(str(result["host"]) for result in mine))
    checks = list(dict.fromkeys(str(result["check"]) for result in mine))
    if decided == "pass":
        return both(
            f"已执行的检查全部通过：{len(checks)} 项检查，{len(hosts)} 台主机。",
            f"Passed by all that ran: {len(checks)} checks on {len(hosts)} hosts.",
        )
    verb = {
        "fail": both("不通过", "not passed"),
        "error": both("无法判断", "not to be judged"),
        "not_run": both("未执行", "not run"),
        "waived": both("已豁免", "waived"),
    }[decided]
    rest = (
        both(f"；未检查的主机：{', '.join(left_out)}", f"; not looked at: {', '.join(left_out)}")
        if left_out
        else both("", "")
    )
    return both(
        f"{', '.join(checks)} 在 {', '.join(hosts)} 上{verb['zh']}{rest['zh']}。",
        f"{', '.join(checks)}: {verb['en']} on {', '.join(hosts)}{rest['en']}.",
    )
