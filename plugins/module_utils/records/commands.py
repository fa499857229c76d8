# SPDX-License-Identifier: GPL-3.0-or-later
"""The area C(records) of the command C(order82)."""

from __future__ import annotations

import functools
import importlib


def options(parser):
    """Add the verbs to the area's parser. What a verb does is loaded when it is asked for.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    tend = verbs.add_parser(
        "tend", help="protect open days, seal past ones, delete those past retention, watch the disk"
    )
    tend.set_defaults(run=_later("tending", "command"))
    count = verbs.add_parser("count", help="count records, each once, by host")
    count.add_argument("record_class", metavar="CLASS")
    _one_day(count)
    count.add_argument("--host", metavar="HOST", help="one host; all if left out")
    count.add_argument("--matching", metavar="TEXT", help="only records whose line contains this text")
    count.set_defaults(run=_later("counting", "command"))
    claimed = verbs.add_parser("claims", help="count what only claims to be of a class, by host and account")
    _one_day(claimed)
    claimed.add_argument("--host", metavar="HOST", help="one host; all if left out")
    claimed.set_defaults(run=_later("claims", "command"))
    pairs = verbs.add_parser("sessions", help="logins and logouts, paired / 登录与退出配对")
    _one_day(pairs)
    pairs.add_argument("--host", metavar="HOST", help="one host; all if left out")
    pairs.add_argument("--account", metavar="NAME", help="one account; all if left out")
    pairs.set_defaults(run=_later("sessions", "command"))
    kept = verbs.add_parser(
        "retention", help="what is kept of each class and host, since when, and what is lost / 留存情况"
    )
    kept.add_argument("--class", dest="record_class", metavar="CLASS", help="one class; all if left out")
    kept.add_argument("--host", metavar="HOST", help="one host, day by day; all if left out")
    kept.add_argument(
        "--read", action="store_true", help="open all files, and say which hold no records / 打开并核对内容"
    )
    kept.set_defaults(run=_later("retention", "command"))
    return [tend, count, claimed, pairs, kept, *_of_seals(verbs)]


def _of_seals(verbs):
    seal = verbs.add_parser("seal", help="seal the days that are over, as the timer does / 封存已结束之日")
    seal.set_defaults(run=_later("tending", "seal_command"))
    verify = verbs.add_parser(
        "verify", help="whether what lies here is what was sealed, and what the collectors said of it / 核验封存"
    )
    verify.add_argument("--class", dest="record_class", metavar="CLASS", help="one class; all if left out")
    _one_day(verify)
    verify.add_argument("--against", metavar="DIR", help="verify this copy of a collector's seals by its words here")
    verify.add_argument(
        "--anchor", metavar="PATH", help="hold the seals here to the texts at a third place / 与第三处核对"
    )
    verify.set_defaults(run=_later("comparing", "command"))
    anchor = verbs.add_parser("anchor", help="bring the hashes of sealed days to third places / 送往第三处")
    anchor.set_defaults(run=_later("anchors", "command"))
    export = verbs.add_parser("export", help="copy sealed days into a new folder, to be verified anywhere / 导出")
    export.add_argument("folder", metavar="DIR")
    _days(export)
    export.set_defaults(run=_later("exporting", "command"))
    hold = verbs.add_parser("hold", help="keep days for a case, whatever their age; without a case: list / 保全")
    hold.add_argument("case", metavar="CASE", nargs="?")
    _days(hold)
    hold.add_argument("--host", action="append", default=[], metavar="HOST", help="days with records of it (again)")
    hold.set_defaults(run=_later("legal_holds", "command"))
    release = verbs.add_parser("release", help="end the hold of a case / 解除保全")
    release.add_argument("case", metavar="CASE")
    release.set_defaults(run=_later("legal_holds", "command"))
    purge = verbs.add_parser("purge", help="delete the days past retention, as the timer does / 删除逾期之日")
    purge.set_defaults(run=_later("purging", "command"))
    rotate = verbs.add_parser("rotate-key", help="sign with a new key from now on / 更换签名密钥")
    rotate.set_defaults(run=_later("keys", "command"))
    return [seal, verify, anchor, export, hold, release, purge, rotate]


def _one_day(parser):
    parser.add_argument("--day", metavar="YYYY-MM-DD", help="one UTC day; all if left out")


def _days(parser):
    parser.add_argument(
        "--class", dest="record_class", action="append", default=[], metavar="CLASS", help="(again) all if left out"
    )
    parser.add_argument("--since", default="", metavar="YYYY-MM-DD", help="the first UTC day")
    parser.add_argument("--until", default="", metavar="YYYY-MM-DD", help="the last one")


def _later(module, function):
    return functools.partial(_run, module, function)


def _run(module, function, arguments):
    return getattr(importlib.import_module("." + module, __package__), function)(arguments)
