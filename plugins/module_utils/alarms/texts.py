# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read: a subject and a text, in Chinese and English.

A host's sentence is data: it was made one line of a bounded length without control characters (kinds.clean) when it
was heard, and stands in quotation marks.
"""

from __future__ import annotations

import re
import time

from . import incidents, kinds

PAGE = "docs/ops.md#trouble"
_SHOWN = 100
_SUBJECT = 150
_SEVERITIES = {kinds.LOW: "低", kinds.MEDIUM: "中", kinds.HIGH: "高"}
_EVENTS = {
    incidents.OPENED: ("告警", "alarm"),
    incidents.OVER: ("告警解除", "alarm over"),
    incidents.REMINDER: ("仍未解除", "still open"),
    incidents.TEST: ("测试", "test"),
}
_LATEST = 1 << 36
_DIGITS = "零一二三四五六七八九"
_PROVISION = re.compile(r"art(\d+)(?:-(\d+))?")


def subject(notices, unit):
    """One line: what a mail's reader sees first."""
    first = notices[0]
    chinese, english = _EVENTS[first["event"].partition("-")[0]]
    kind = kinds.named(first["kind"])
    more = " (+%d)" % (len(notices) - 1) if len(notices) > 1 else ""
    line = "[%s] %s %s: %s %s / %s: %s%s" % (
        unit or "order82", chinese, first["host"], kind.zh, _SEVERITIES[kind.severity], english, kind.en, more,
    )  # fmt: skip
    return kinds.clean(line, _SUBJECT)


def text(notices, unit, collector):
    """The whole of a message."""
    parts = [_part(one, collector) for one in notices[:_SHOWN]]
    if len(notices) > _SHOWN:
        parts.append("另有 %d 条 / and %d more" % ((len(notices) - _SHOWN,) * 2))
    foot = "单位 unit: %s\n由记录服务器 %s 发出 / told by the collector %s\n处置 what to do: %s\n" % (
        unit, collector, collector, PAGE,
    )  # fmt: skip
    return "\n\n".join(parts) + "\n\n-- \n" + foot


def clauses(kind):
    """Which provisions it is about, in Chinese and English; two empty texts where that is not known.

    :param kinds.Kind kind: of the alarm.
    """
    found = [_PROVISION.fullmatch(one).groups() for one in kind.provisions]
    chinese = "、".join(
        "第%s条" % _chinese(article) + ("（%s）项" % _chinese(item) if item else "") for article, item in found
    )
    english = ", ".join("article " + article + ("(%s)" % item if item else "") for article, item in found)
    return chinese, english


def at(seconds):
    """A time as people read it everywhere: UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(0, seconds), _LATEST)))


def _part(one, collector):
    kind = kinds.named(one["kind"])
    chinese, english = _EVENTS[one["event"].partition("-")[0]]
    lines = [
        "【%s】主机 %s：%s" % (chinese, one["host"], kind.zh),
        "%s: host %s: %s" % (english, one["host"], kind.en),
        "「%s」" % one["what"] + ("（%s）" % one["by"] if one["by"] not in (one["host"], collector) else ""),
        "级别 severity: %s %s    自 since: %s" % (_SEVERITIES[kind.severity], kind.severity, at(one["since"]))
        + ("    止 until: %s" % at(one["until"]) if one["until"] else ""),
    ]
    if any(clauses(kind)):
        lines.append("条款 clause: %s / %s" % clauses(kind))
    if kind.first and one["event"] != incidents.OVER:
        lines.append("先输入 type first: %s" % kind.first)
    return "\n".join(lines)


def _chinese(number):
    """A number below 20, as articles are numbered."""
    tens, ones = divmod(int(number), 10)
    return ("十" if tens else "") + (_DIGITS[ones] if ones or not tens else "")
