# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings beside Order No. 82: law/overlays/*.yml. They change nothing of the order, its outcome or the exit code."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..module_utils.observers import OBSERVERS
from .checks import Check, read_expect
from .documents import (
    LANGUAGES,
    ROOT,
    DataError,
    both_languages,
    brief,
    names,
    parse_yaml,
    read_text,
    refuse_keys,
    refuse_value,
    shown,
    words,
)
from .law import Law
from .outcomes import both, compared, expectations, worst
from .unit import Unit

SEEN = ("text", "quoted", "reported")
"""How a finding's Chinese words were had: read in a copy of the source; as somebody quotes them; only reported."""


class Finding(NamedTuple):
    """One thing that the source asks for. Either hosts are looked at (C(checks), C(mend)) or people show it (C(show)).

    C(place): where in the source it stands.
    C(asks): what it asks for.
    C(seen): one of SEEN.
    C(beside): provisions of the order that ask for something alike.
    C(checks): for each check of a role, what is expected of the facts that it brought home; of one that has no
    comparison nothing is expected, and it is shown.
    """

    id: str
    place: dict[str, str]
    asks: dict[str, str]
    seen: str
    beside: tuple[str, ...]
    checks: dict[str, dict[str, dict[str, object]]]
    mend: dict[str, str] | None
    show: dict[str, str] | None


class Overlay(NamedTuple):
    """Another rule beside the order. C(seen): what of its text was seen, and what was not. C(sha256): of its file."""

    id: str
    title: dict[str, str]
    in_force: datetime.date
    seen: dict[str, str]
    sources: tuple[dict[str, str], ...]
    findings: tuple[Finding, ...]
    sha256: str


def load_overlays(
    law: Law, role_checks: Mapping[str, Sequence[Check]], folder: Path = ROOT / "law" / "overlays"
) -> list[Overlay]:
    """Read and check all of them, by name.

    :raises DataError: an entry is not understood; names file and entry.
    """
    checks = {check.id: check for mine in role_checks.values() for check in mine}
    return [_overlay(path, law, checks) for path in sorted(folder.glob("*.yml"))]


def judge_overlay(
    overlay: Overlay, unit: Unit, results: Sequence[Mapping], carried: Mapping[str, Sequence[str]]
) -> dict:
    """Say how it stands with each finding, from what the checks of the order brought home; no host is asked more.

    :param results: the entries of C(results) in result.json.
    :param carried: the roles of each host of the inventory.
    :return: an entry of C(overlays) in result.json.
    """
    off = unit.overlays_off.get(overlay.id)
    by_check: dict[tuple[str, str], Mapping] = {(one["check"], one["host"]): one for one in results}
    return {
        "id": overlay.id,
        "title": overlay.title,
        "in_force": overlay.in_force.isoformat(),
        "seen": overlay.seen,
        "sources": list(overlay.sources),
        "sha256": overlay.sha256,
        "off": off,
        "findings": [] if off else [_judged(finding, by_check, carried) for finding in overlay.findings],
    }


def _judged(
    finding: Finding, by_check: Mapping[tuple[str, str], Mapping], carried: Mapping[str, Sequence[str]]
) -> dict:
    seen: list[dict] = []
    idle, left_out = [], []
    for check, facts in finding.checks.items():
        carriers = [host for host, roles in carried.items() if check.partition(".")[0] in roles]
        idle += [] if carriers else [check]
        left_out += [host for host in carriers if (check, host) not in by_check and host not in left_out]
        seen += [_seen(by_check[check, host], facts) for host in carriers if (check, host) in by_check]
    seen = [one for one in seen if one["outcome"] != "not_applicable"]
    outcome, reason = _outcome(finding, seen, idle, left_out)
    return {
        "id": finding.id,
        "place": finding.place,
        "asks": finding.asks,
        "seen": finding.seen,
        "beside": list(finding.beside),
        "outcome": outcome,
        "reason": reason,
        "show": finding.show,
        "mend": finding.mend if outcome == "fail" and not idle else None,
        "results": seen,
    }


def _seen(result: Mapping, facts: Mapping[str, Mapping[str, object]]) -> dict:
    """What a check of the order brought home of one host, with what is expected of it here."""
    expected = expectations(facts)
    observed = result["observed"]
    if result["outcome"] == "not_applicable" or observed is None:
        outcome, message = result["outcome"], result["message"]
    else:
        outcome, message = compared(observed, expected)
    return {
        "check": result["check"],
        "host": result["host"],
        "outcome": outcome,
        "observed": None if observed is None else {fact: observed[fact] for fact in facts if fact in observed},
        "expected": expected,
        "at": result["at"],
        "message": message,
    }


def _outcome(
    finding: Finding, seen: Sequence[Mapping], idle: Sequence[str], left_out: Sequence[str]
) -> tuple[str, dict[str, str]]:
    if finding.show:
        return "manual", both("机器无法判断，须由人出示材料。", "No machine can see it: a person shows the evidence.")
    if idle:
        return "fail", both(
            f"没有任何主机承担：清单中没有主机执行 {', '.join(idle)}。",
            f"Nobody does this: no host of the inventory carries the role of {', '.join(idle)}.",
        )
    decided = worst({one["outcome"] for one in seen} | ({"not_run"} if left_out else set()))
    if decided is None:
        return "not_applicable", both(
            f"没有主机符合 {', '.join(finding.checks)} 的条件。",
            f"The condition of {', '.join(finding.checks)} holds on no host.",
        )
    mine = [one for one in seen if one["outcome"] == decided]
    if decided == "pass":
        return decided, both(f"均符合：{_places(mine)}。", f"As it must be: {_places(mine)}.")
    if not mine:
        return decided, both(
            f"本次检查只限部分主机，下列主机未检查：{', '.join(left_out)}。",
            f"This inspection was limited; these hosts were not looked at: {', '.join(left_out)}.",
        )
    said: dict[tuple[str, str], list] = {}
    for one in mine:
        said.setdefault((one["message"]["zh"], one["message"]["en"]), []).append(one)
    return decided, both(
        "；".join(f"{_places(those)}：{zh.rstrip('。')}" for (zh, _en), those in said.items()) + "。",
        "; ".join(f"{_places(those)}: {en.rstrip('.')}" for (_zh, en), those in said.items()) + ".",
    )


def _places(seen: Sequence[Mapping]) -> str:
    by_check: dict[str, list[str]] = {}
    for one in seen:
        by_check.setdefault(one["check"], []).append(one["host"])
    return ", ".join(f"{check} ({', '.join(hosts)})" for check, hosts in by_check.items())


def _overlay(path: Path, law: Law, checks: Mapping[str, Check]) -> Overlay:
    where, text = shown(path), read_text(path)
    top = refuse_keys(parse_yaml(text, where), where, ("title", "in_force", "seen", "sources", "findings"))
    if not isinstance(top["in_force"], datetime.date):
        raise DataError(f"{where}: in_force is no date; write it as 2026-01-01")
    findings: dict[str, Finding] = {}
    for number, entry in enumerate(_some(top["findings"], f"{where}, findings"), start=1):
        finding = _finding(entry, law, checks, f"{where}, finding number {number}")
        if finding.id in findings:
            raise DataError(f"{where}, finding '{finding.id}' stands twice; give each finding an id of its own")
        findings[finding.id] = finding
    return Overlay(
        path.stem,
        both_languages(top["title"], f"{where}, title"),
        top["in_force"],
        both_languages(top["seen"], f"{where}, seen"),
        tuple(
            _source(entry, f"{where}, source number {number}")
            for number, entry in enumerate(_some(top["sources"], f"{where}, sources"), start=1)
        ),
        tuple(findings.values()),
        hashlib.sha256(text.encode()).hexdigest(),
    )


def _source(entry: object, where: str) -> dict[str, str]:
    """Where something of the text was seen, and what it was."""
    written = refuse_keys(entry, where, ("at", *LANGUAGES))
    return {key: words(written[key], f"{where}, {key}") for key in ("at", *LANGUAGES)}


def _finding(entry: object, law: Law, checks: Mapping[str, Check], where: str) -> Finding:
    optional = ("beside", "checks", "mend", "show")
    entry = refuse_keys(entry, where, ("id", "place", "asks", "seen"), optional)
    name = words(entry["id"], f"{where}, id")
    where = f"{where} ('{name}')"
    if ("show" in entry) == ("checks" in entry) or ("mend" in entry) != ("checks" in entry):
        raise DataError(f"{where}: write either show, or checks and mend")
    beside = names(entry.get("beside", []), f"{where}, beside")
    for provision in beside:
        refuse_value(provision, f"{where}, beside", "provision", law.provisions)
    return Finding(
        name,
        both_languages(entry["place"], f"{where}, place"),
        both_languages(entry["asks"], f"{where}, asks"),
        refuse_value(entry["seen"], f"{where}, seen", "way to see it", SEEN),
        beside,
        _checks(entry.get("checks"), checks, where),
        both_languages(entry["mend"], f"{where}, mend") if "mend" in entry else None,
        both_languages(entry["show"], f"{where}, show") if "show" in entry else None,
    )


def _checks(written: object, checks: Mapping[str, Check], where: str) -> dict[str, dict[str, dict[str, object]]]:
    if written is None:
        return {}
    if not isinstance(written, Mapping) or not written:
        raise DataError(f"{where}: checks is {brief(written)}; write {{check: {{fact: {{comparison: value}}}}}}")
    found = {}
    for name, facts in written.items():
        here = f"{where}, check '{name}'"
        if name not in checks:
            raise DataError(f"{where}: there is no check '{name}'; copy the id from a role's checks.yml")
        if not isinstance(facts, Mapping):
            raise DataError(f"{here} is {brief(facts)}; write {{fact: {{comparison: value}}}}")
        observer = checks[name].observer
        read_expect({fact: one for fact, one in facts.items() if one != {}}, observer, here)
        for fact, one in facts.items():
            if one == {}:
                refuse_value(fact, here, f"fact of observer '{observer}'", OBSERVERS[observer].facts)
        found[name] = {fact: dict(one) for fact, one in facts.items()}
    return found


def _some(written: object, where: str) -> list:
    if not isinstance(written, list) or not written:
        raise DataError(f"{where} is {brief(written)}; write a list with something in it")
    return written
