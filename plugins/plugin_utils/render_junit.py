# SPDX-License-Identifier: GPL-3.0-or-later
"""junit.xml: a rendering of result.json for CI servers. It computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .visible import visible

_CODES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;"})
_ELEMENTS = {
    "pass": None,
    "fail": "failure",
    "error": "error",
    "not_run": "error",
    "waived": "skipped",
    "not_applicable": "skipped",
    "manual": "skipped",
}
_QUIET = ("no_check_yet", "left_out")


def render_junit(result: Mapping) -> str:
    """Write one suite per host with a case per check, one with a case per provision, and one per overlay.

    C(fail) is a failure, C(error) and C(not_run) are errors, C(waived), C(not_applicable) and C(manual) are skipped. A
    provision that the collection has no check for yet is skipped too, as it does not change the exit code, and what of
    an overlay does not pass, for the same reason. What a check that passes does not know yet is its output.
    """
    by_host: dict[str, list] = {host["name"]: [] for host in result["hosts"]}
    for one in result["results"]:
        by_host[one["host"]].append(
            (one["check"].partition(".")[0], one["check"], _ELEMENTS[one["outcome"]], one["outcome"], one["message"])
        )
    provisions = [
        (
            "provisions",
            one["id"],
            "skipped" if one["because"] in _QUIET else _ELEMENTS[one["outcome"]],
            one["outcome"],
            one["reason"],
        )
        for one in result["provisions"]
    ]
    # Why a provision passes is no news.
    provisions = [one if one[2] else (*one[:4], None) for one in provisions]
    overlays = [(f"overlay {one['id']}", _overlay(one)) for one in result["overlays"]]
    suites = [
        _suite(name, cases, result["started"])
        for name, cases in (*by_host.items(), ("provisions", provisions), *overlays)
    ]
    name = f"order82.baseline {result['collection']}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="{_text(name)}">\n{"".join(suites)}</testsuites>\n'
    )


def _overlay(overlay: Mapping) -> list[tuple]:
    """What a rule beside the order asks for; the order does not, so nothing of it fails."""
    if overlay["off"]:
        return [(overlay["id"], overlay["id"], "skipped", "off", {"zh": overlay["off"], "en": overlay["off"]})]
    return [
        (
            overlay["id"],
            finding["id"],
            None if finding["outcome"] == "pass" else "skipped",
            f"{finding['outcome']}, not required by Order 82",
            None if finding["outcome"] == "pass" else finding["show"] or finding["reason"],
        )
        for finding in overlay["findings"]
    ]


def _suite(name: str, cases: Sequence[tuple], started: str) -> str:
    elements = [case[2] for case in cases]
    return (
        f'  <testsuite name="{_text(name)}" tests="{len(cases)}" failures="{elements.count("failure")}" '
        f'errors="{elements.count("error")}" skipped="{elements.count("skipped")}" '
        f'timestamp="{_text(started)}">\n{"".join(_case(*case) for case in cases)}  </testsuite>\n'
    )


def _case(group: str, name: str, element: str | None, outcome: str, message: Mapping | None) -> str:
    head = f'    <testcase classname="{_text(group)}" name="{_text(name)}"'
    zh, en = (message["zh"], message["en"]) if message else ("", "")
    if element is None:
        said = f"><system-out>{_text(f'{en} / {zh}')}</system-out></testcase>" if message else "/>"
        return f"{head}{said}\n"
    return f'{head}><{element} message="{_text(f"{outcome}: {en}")}">{_text(zh)}</{element}></testcase>\n'


def _text(value: str) -> str:
    return visible(value).translate(_CODES)
