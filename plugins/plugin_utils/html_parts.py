# SPDX-License-Identifier: GPL-3.0-or-later
"""The small pieces of index.html. Everything that comes from outside goes through C(text): hosts are not trusted."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

from ..module_utils.comparisons import value_in_words
from .visible import visible

WORDS = {
    "pass": ("通过", "pass"),
    "fail": ("不通过", "fail"),
    "error": ("无法判断", "error"),
    "not_run": ("未执行", "not run"),
    "waived": ("已豁免", "waived"),
    "not_applicable": ("不适用", "not applicable"),
    "manual": ("人工出示", "manual"),
}
SIGNS = {
    "pass": "\u2713",
    "fail": "\u2717",
    "error": "!",
    "not_run": "\u2013",
    "waived": "~",
    "not_applicable": "\u00b7",
    "manual": "\u270e",
}
SEVERITIES = {"high": ("高", "high"), "medium": ("中", "medium"), "low": ("低", "low")}
_HOLDS = {True: ("yes", "\u2713"), False: ("no", "\u2717"), None: ("dim", "?")}


def text(value: object) -> str:
    """Text for the page: what is markup, a control or an invisible character is shown and does nothing."""
    return html.escape(visible(str(value)), quote=True)


def two(zh: object, en: object, tag: str = "span") -> str:
    """Chinese above English, as blocks."""
    return f'<{tag} class="zh" lang="zh">{text(zh)}</{tag}><{tag} class="en" lang="en">{text(en)}</{tag}>'


def inline(zh: object, en: object) -> str:
    """Chinese / English on one line."""
    return f'<i class="zh" lang="zh">{text(zh)}</i><span class="slash"> / </span><i class="en" lang="en">{text(en)}</i>'


def both(words: Mapping[str, str] | None) -> str:
    """A text in both languages, or nothing."""
    return two(words["zh"], words["en"]) if words else ""


def mark(outcome: str) -> str:
    """An outcome as a badge: sign, words and colour."""
    return f'<span class="mark {outcome}">{SIGNS[outcome]} {inline(*WORDS[outcome])}</span>'


def table(heads: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are markup already."""
    top = "".join(f"<th>{two(*head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def section(title: tuple[str, str], body: str, kind: str = "") -> str:
    """A part of the page with a heading; the body is markup already."""
    return f'<section class="{kind}"><h2>{inline(*title)}</h2>{body}</section>'


def expected_cell(result: Mapping) -> str:
    """What was expected, one comparison per line, each marked whether it held."""
    return "".join(
        f'<div class="{_HOLDS[one["holds"]][0]}">{_HOLDS[one["holds"]][1]} {_words(one["words"])}</div>'
        for one in result["expected"]
    )


def observed_cell(result: Mapping, *, whole: bool = False) -> str:
    """What was observed: the facts that the check is about, and the rest behind a click; C(whole): all of it open."""
    facts = result["observed"]
    if facts is None:
        return '<span class="dim">\u2014</span>'
    about = {one["fact"]: "" for one in result["expected"]} | (dict.fromkeys(facts, "") if whole else {})
    about.update({one["fact"]: " no" for one in result["expected"] if one["holds"] is False})
    rest = "".join(_fact(fact, value) for fact, value in facts.items() if fact not in about)
    more = f'<details class="more"><summary>{inline("其余", "more")}</summary>{rest}</details>' if rest else ""
    return "".join(_fact(fact, facts[fact], kind) for fact, kind in about.items() if fact in facts) + more


def _fact(name: str, value: object, kind: str = "") -> str:
    return f'<div class="fact{kind}">{text(name)} = {text(value_in_words(value))}</div>'


def _words(words: Mapping[str, str]) -> str:
    return f'<i class="zh">{text(words["zh"])}</i><i class="en second">{text(words["en"])}</i>'
