# SPDX-License-Identifier: GPL-3.0-or-later
"""index.html: a rendering of result.json for people, in Chinese and English. It computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .html_parts import (
    SEVERITIES,
    WORDS,
    both,
    expected_cell,
    inline,
    mark,
    observed_cell,
    section,
    table,
    text,
    two,
)
from .html_style import STYLE

_BAD = ("fail", "error", "not_run")
_STATES = {
    "seen": ("已检查", "observed"),
    "unreachable": ("未能连接", "not reached"),
    "broken": ("检查程序出错", "could not be observed"),
}
_WORDS_SEEN = {
    "text": ("原文", "its own words, read in a copy"),
    "quoted": ("转引", "as others quote it"),
    "reported": ("转述，原文未见", "as others report it; its words were not seen"),
}
_WAIVERS = {"active": ("生效", "in force"), "expired": ("已到期", "expired"), "unused": ("未使用", "not needed")}
_HOST, _OUTCOME, _STATE, _REASON = ("主机", "Host"), ("结果", "Outcome"), ("状态", "State"), ("原因", "Reason")
_NONE = "\u2014"
_SHORT = 10  # a list of so many problems stands open


def render_html(result: Mapping) -> str:
    """Write the page: self-contained, without script; everything from outside is escaped."""
    parts = [
        _verdict(result),
        _limit(result),
        _not_reached(result),
        _no_check_yet(result),
        _alarms(result),
        _provisions(result),
        *(_overlay(overlay) for overlay in result["overlays"]),
        _waivers(result),
        _hosts(result),
    ]
    languages = "".join(
        f'<input class="language" type="radio" name="language" id="{name}"{checked}>'
        for name, checked in (("both", " checked"), ("zh", ""), ("en", ""))
    )
    return (
        '<!DOCTYPE html>\n<html lang="zh"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{text(result['law']['title']['zh'])} \u00b7 {text(result['unit']['name'])}</title>"
        f"<style>{STYLE}</style></head><body>\n{languages}{_header(result)}<main>\n"
        + "\n".join(part for part in parts if part)
        + f"\n</main>{_footer(result)}</body></html>\n"
    )


def _header(result: Mapping) -> str:
    unit = result["unit"]
    meta = (
        ("单位", "Unit", unit["name"]),
        ("类型", "Types", ", ".join(unit["types"])),
        ("服务", "Services", ", ".join(unit["services"]) or _NONE),
        ("开始", "Started", result["started"]),
        ("结束", "Finished", result["finished"]),
    )
    switch = "".join(
        f'<label for="{name}">{label}</label>'
        for name, label in (("both", "中文 + English"), ("zh", "中文"), ("en", "English"))
    )
    order = inline(f"公安部令第 {result['law']['order']} 号", f"MPS Order No. {result['law']['order']}")
    return (
        f'<header><div><div class="switch">{switch}</div><div class="order">{order}</div>'
        f"<h1>{two('互联网安全保护技术措施 检查报告', 'Technical measures for Internet security: inspection')}"
        '</h1><div class="meta">'
        + "".join(f"<span>{inline(zh, en)} <b>{text(value)}</b></span>" for zh, en, value in meta)
        + "</div></div></header>\n"
    )


def _verdict(result: Mapping) -> str:
    summary = result["summary"]
    number = len(summary["alarms"])
    if summary["ok"]:
        title = ("本次检查未发现问题", "This inspection found nothing out of order")
    else:
        title = (f"本次检查发现 {number} 个问题", f"This inspection found {number} problem{'s' if number > 1 else ''}")
    note = two(
        "只有「通过」表示通过。未执行、已豁免、不适用、人工出示均不视为通过。",
        "Only pass has passed. Not run, waived, not applicable and manual have not.",
    )
    heads = "".join(f"<th>{two(*words)}</th>" for words in WORDS.values())
    rows = "".join(
        f"<tr><th>{two(*words)}</th>"
        + "".join(f'<td class="{kind if count else "zero"}">{count}</td>' for kind, count in summary[key].items())
        + "</tr>"
        for key, words in (("provisions", ("条款", "Provisions")), ("checks", ("检查结果", "Check results")))
    )
    counts = f'<div class="scroll"><table class="counts"><tr><th></th>{heads}</tr>{rows}</table></div>'
    return section(title, note + counts, "verdict good" if summary["ok"] else "verdict bad")


def _limit(result: Mapping) -> str:
    if not result["limit"]:
        return ""
    seen, left_out = (", ".join(result["limit"][key]) for key in ("inspected", "left_out"))
    return section(
        ("本次检查只限部分主机", "Limited: not the whole unit was inspected"),
        two(
            f"已检查：{seen}。未检查：{left_out}。涉及未检查主机的条款不会判为通过。",
            f"Inspected: {seen}. Left out: {left_out}. A provision that hosts left out carry out too can't read pass.",
        ),
        "loud",
    )


def _alarms(result: Mapping) -> str:
    alarms = result["summary"]["alarms"]
    if not alarms:
        return ""
    items = "".join(f"<li>{both(alarm)}</li>" for alarm in alarms)
    opened = " open" if len(alarms) <= _SHORT else ""
    return (
        f'<section class="alarm"><details class="list"{opened}><summary><h2>{inline("问题清单", "Problems")} '
        f"({len(alarms)})</h2></summary><ol>{items}</ol></details></section>"
    )


def _not_reached(result: Mapping) -> str:
    hosts = [host for host in result["hosts"] if host["state"] != "seen"]
    if not hosts:
        return ""
    return section(
        ("未能检查的主机", "Hosts that could not be inspected"),
        table(
            (_HOST, _STATE, _REASON),
            [(text(host["name"]), inline(*_STATES[host["state"]]), text(host["message"])) for host in hosts],
        ),
        "alarm",
    )


def _no_check_yet(result: Mapping) -> str:
    missing = [one for one in result["provisions"] if one["because"] == "no_check_yet"]
    if not missing:
        return ""
    items = "".join(
        f'<li><a href="#{text(one["id"])}">{text(one["id"])}</a>{two(one["zh"], one["en"])}</li>' for one in missing
    )
    note = two(
        "本项目目前不能证明下列规定已落实。它们不计为通过：请自行落实，并准备证明材料。",
        "The collection can't prove these yet, so they do not count as passed: carry them out and keep the evidence.",
    )
    return section(
        (f"{len(missing)} 条适用的规定尚无任何检查", f"{len(missing)} provisions apply, and nothing checks them yet"),
        f"{note}<ul>{items}</ul>",
        "loud",
    )


def _provisions(result: Mapping) -> str:
    by_check: dict[str, list] = {}
    for one in result["results"]:
        by_check.setdefault(one["check"], []).append(one)
    checks = {name: _check(name, results) for name, results in by_check.items()}
    hosts = {name: {one["host"] for one in results} for name, results in by_check.items()}
    beside: dict[str, list] = {}
    for overlay in result["overlays"]:
        for finding in overlay["findings"]:
            for provision in finding["beside"]:
                beside.setdefault(provision, []).append(_beside(overlay, finding))
    rows = "".join(_provision(one, checks, hosts, beside.get(one["id"], ())) for one in result["provisions"])
    return section(("逐条结果", "Provision by provision"), rows)


def _beside(overlay: Mapping, finding: Mapping) -> str:
    """A line in a provision's row that leads to what another rule asks beside it."""
    name = f"{overlay['id']}.{finding['id']}"
    return (
        f'<div class="dim">{inline("另有规定（非第82号令所要求）", "Beside it, not required by Order 82")}: '
        f'<a href="#{text(name)}">{text(name)}</a> {mark(finding["outcome"])}</div>'
    )


def _overlay(overlay: Mapping) -> str:
    """Another rule's findings, in a part of their own."""
    title = overlay["title"]
    note = two(
        "以下各项非第82号令所要求：不影响上文结论，也不影响退出码。",
        "Order 82 requires none of these: the verdict above and the exit code are the same with and without them.",
    )
    off = (
        f'<p class="no">{inline("未查看，理由", "Not looked at, because")}: {text(overlay["off"])}</p>'
        if overlay["off"]
        else ""
    )
    sources = "".join(f"<li>{text(one['at'])}{two(one['zh'], one['en'])}</li>" for one in overlay["sources"])
    return section(
        (f"第82号令之外：{title['zh']}", f"Beside Order 82: {title['en']}"),
        f"{note}<p>{inline('施行', 'In force from')} {text(overlay['in_force'])}</p>{off}"
        + "".join(_finding(overlay, finding) for finding in overlay["findings"])
        + f'<details class="more"><summary>{inline("所见文本与来源", "What of its text was seen, and where")}</summary>'
        f"{both(overlay['seen'])}<ul>{sources}</ul></details>",
        "beside",
    )


def _finding(overlay: Mapping, finding: Mapping) -> str:
    opened = " open" if finding["outcome"] in _BAD else ""
    todo = "".join(f'<div class="show">{both(finding[key])}</div>' for key in ("show", "mend") if finding[key])
    rows = [
        (
            text(one["host"]),
            f"<code>{text(one['check'])}</code>{mark(one['outcome'])}",
            expected_cell(one),
            observed_cell(one, whole=True) + _message(one | {"waiver": None}),
        )
        for one in sorted(finding["results"], key=lambda one: one["outcome"] not in _BAD)
    ]
    heads = (_HOST, ("检查项", "Check"), ("应为", "Expected"), ("实际", "Observed"))
    name = text(f"{overlay['id']}.{finding['id']}")
    return (
        f'<details class="provision"{opened}><summary><span class="id" id="{name}">'
        f"{text(finding['id'])}</span>{mark(finding['outcome'])}<span>{both(finding['asks'])}</span>"
        f'<span class="count">{both(finding["place"])}</span></summary><div><p>{both(finding["reason"])}</p>{todo}'
        f'<div class="dim">{inline("所列文字", "Words")}: {inline(*_WORDS_SEEN[finding["seen"]])}</div>'
        f"{table(heads, rows) if rows else ''}</div></details>"
    )


def _provision(one: Mapping, checks: Mapping[str, str], hosts: Mapping[str, set], beside: Sequence[str]) -> str:
    mine = [name for name in one["checks"] if name in checks]
    seen = set().union(*(hosts[name] for name in mine))
    count = two(f"{len(mine)} 项检查 · {len(seen)} 台主机", f"{len(mine)} checks, {len(seen)} hosts") if mine else ""
    show = f'<div class="show">{both(one["show"])}</div>' if one["show"] else ""
    opened = " open" if one["outcome"] in _BAD and one["because"] != "no_check_yet" else ""
    return (
        f'<details class="provision" id="{text(one["id"])}"{opened}><summary>'
        f'<span class="id">{text(one["id"])}</span>{mark(one["outcome"])}<span>{two(one["zh"], one["en"])}</span>'
        f'<span class="count">{count}</span></summary><div><p>{both(one["reason"])}</p>{show}'
        f"{''.join(beside)}{''.join(checks[name] for name in mine)}</div></details>"
    )


def _check(name: str, results: Sequence[Mapping]) -> str:
    first = results[0]
    rows = [
        (
            text(one["host"]),
            mark(one["outcome"]) + _waiver_note(one),
            expected_cell(one),
            observed_cell(one) + _message(one),
            f'<span class="when">{text(one["at"] or _NONE)}</span>',
        )
        for one in sorted(results, key=lambda one: one["outcome"] not in _BAD)
    ]
    commands: dict[str, list] = {}
    for one in results:
        commands.setdefault(one["by_hand"], []).append(one["host"])
    return (
        f'<div class="check"><h4><code>{text(name)}</code><span>{inline("严重程度", "severity")}: '
        f"{inline(*SEVERITIES[first['severity']])}</span></h4>{both(first['why'])}"
        + table((_HOST, _OUTCOME, ("应为", "Expected"), ("实际", "Observed"), ("时间", "Seen at")), rows)
        + "".join(
            f'<div class="dim">{inline("人工核对", "To see it by hand")}: {text(", ".join(hosts))}</div>'
            f"<pre>{text(command)}</pre>"
            for command, hosts in commands.items()
        )
        + "</div>"
    )


def _message(one: Mapping) -> str:
    """Why there is no verdict; a failure's message only repeats what stands beside it."""
    if not one["message"] or (one["outcome"] in ("fail", "waived") and not _expired(one)):
        return ""
    return f'<div class="message">{both(one["message"])}</div>'


def _expired(one: Mapping) -> bool:
    return bool(one["waiver"]) and one["waiver"]["state"] == "expired"


def _waiver_note(one: Mapping) -> str:
    waiver = one["waiver"]
    if not waiver:
        return ""
    return (
        f'<div class="dim">{inline("豁免", "waiver")} {inline(*_WAIVERS[waiver["state"]])}: '
        f"{text(waiver['reason'])}; {text(waiver['owner'])}; {text(waiver['expires'])}</div>"
    )


def _waivers(result: Mapping) -> str:
    if not result["waivers"]:
        return ""
    rows = [
        (
            f"<code>{text(one['check'])}</code>",
            text(", ".join(one["hosts"])),
            text(one["reason"]),
            text(one["owner"]),
            text(one["expires"]),
            f'<span class="{"no" if one["state"] == "expired" else ""}">{inline(*_WAIVERS[one["state"]])}</span>',
        )
        for one in result["waivers"]
    ]
    return section(
        ("豁免", "Waivers"),
        table(
            (("检查项", "Check"), _HOST, ("理由", "Reason"), ("责任人", "Owner"), ("有效期至", "Last day"), _STATE),
            rows,
        ),
    )


def _hosts(result: Mapping) -> str:
    rows = [
        (
            text(host["name"]),
            inline(*_STATES[host["state"]]),
            text(", ".join(host["roles"]) or _NONE),
            *(str(count) for count in host["outcomes"].values()),
        )
        for host in result["hosts"]
    ]
    return section(("主机", "Hosts"), table((_HOST, _STATE, ("角色", "Roles"), *WORDS.values()), rows))


def _footer(result: Mapping) -> str:
    read = result["law"]["files"] | {f"law/overlays/{one['id']}.yml": one["sha256"] for one in result["overlays"]}
    files = "<br>".join(f"{text(name)} SHA-256 {text(digest)}" for name, digest in read.items())
    machine = inline("同一结果的机器可读形式", "the same result for machines")
    return (
        f"<footer>order82.baseline {text(result['collection'])} \u00b7 {machine}: result.json, junit.xml<br>{files}"
        "</footer>"
    )
