# SPDX-License-Identifier: GPL-3.0-or-later
"""C(order82 trace): who was behind this address and port at this second? With a warrant, and on record.

Exit codes: 0 each question has one answer; 2 nothing was asked, one sentence says why; 3 nobody had it, and the records
are complete; 4 records of that time are missing or broken; 5 several had it. With many questions the worst: 4, 5, 3.
"""

from __future__ import annotations

import csv
import io
import os

from ...records import settings as record_settings
from ..index import location
from . import disclosure, evidence, request
from .tracer import Tracer

CODES = {"one": 0, "nobody": 3, "unknown": 4, "ambiguous": 5}
_WORST_FIRST = ("unknown", "ambiguous", "nobody", "one")
_COLUMNS = (
    ("public_address", "public address"),
    ("public_port", "port"),
    ("inside_address", "inside address"),
    ("inside_port", "port"),
    ("account", "account"),
    ("station", "station"),
    ("begin", "begin"),
    ("end", "end"),
    ("mode", "mode"),
    ("gateway", "gateway"),
)
_SAYS = {
    "one": "one had it / 唯一",
    "ambiguous": "AMBIGUOUS: several had it / 不唯一",
    "nobody": "nobody had it, and the records are complete / 无人使用，记录完整",
    "unknown": "UNKNOWN: records of that time are missing or broken / 该时段记录缺失或损坏",
}


def options(parser):
    """Give the command line its options.

    :return: list with the parser, which has no verbs.
    """
    parser.set_defaults(run=command)
    parser.add_argument("--case", help="number of the case / 案件编号")
    parser.add_argument("--basis", help="the statute, and the notice to obtain evidence with its number / 法律依据")
    parser.add_argument("--officer", action="append", metavar="NAME", help="who asks, with number; twice / 两名民警")
    parser.add_argument("--address", help="public address / 公网地址")
    parser.add_argument("--port", help="public port; with ICMP the identifier; all if left out / 端口")
    parser.add_argument("--protocol", help="tcp, udp, icmp or a number; all if left out / 协议")
    parser.add_argument("--time", help="with its offset, such as 2026-09-21T12:00:05+08:00 / 时间")
    parser.add_argument(
        "--tolerance",
        metavar="SECONDS",
        help="of clocks; by default as uncertain as the gateway's was, by its records / 时钟误差",
    )
    parser.add_argument("--destination", metavar="ADDRESS", help="the other end, where records have it / 目的地址")
    parser.add_argument("--csv", metavar="FILE", help="many questions: " + ", ".join(request.COLUMNS))
    parser.add_argument("--inside", metavar="ADDRESS", help="the reverse: what this inside address used / 内网地址")
    parser.add_argument("--since", metavar="TIME", help="with --inside")
    parser.add_argument("--until", metavar="TIME", help="with --inside")
    parser.add_argument("--format", choices=("table", "csv"), help="without --json; by default table")
    parser.add_argument(
        "--index", metavar="PLACE", help="folder, s3:HOST or s3://BUCKET/PREFIX/HOST; by default %s" % location.INDEX
    )
    return [parser]


def command(arguments):
    """order82 trace"""
    given = disclosure.warrant(arguments.case, arguments.basis, arguments.officer)
    store = _record_store(arguments.index or location.INDEX)
    if arguments.inside:
        return _reverse(arguments, given, store)
    questions = _questions(arguments)
    with Tracer(store, arguments.index or location.INDEX) as tracer:
        number = disclosure.record(given, [one.asked for one in questions])
        answers = evidence.noted(tracer.location, tracer.ask(questions))
    statuses = {one["status"] for one in answers}
    worst = next(status for status in _WORST_FIRST if status in statuses)
    text = _csv(answers) if arguments.format == "csv" else "\n\n".join(_table(one) for one in answers)
    return {"disclosure": number, "answers": answers}, text, CODES[worst]


def _record_store(where):
    """The record store that holds the evidence: a node that is no collector has none, and needs none to ask a store.

    :return: str or None.
    :raises SettingsError: there is none, and the index is on this host.
    """
    try:
        return record_settings.load().store
    except record_settings.SettingsError:
        if location.at(where).remote and not os.path.exists(record_settings.PATH):
            return None
        raise


def _questions(arguments):
    if arguments.csv:
        with open(arguments.csv, "rb") as file:
            found = request.read_csv(request.text_of(file.read()), arguments.tolerance)
        if not found:
            raise request.RequestError("%s has no question" % arguments.csv)
        return found
    if not arguments.address:
        raise request.RequestError("--address, --csv or --inside must say what is asked")
    if not arguments.time:
        raise request.RequestError("--time must say when, with its offset, such as 2026-09-21T12:00:05+08:00")
    return [
        request.request(
            arguments.address,
            port=arguments.port,
            protocol=arguments.protocol,
            time=arguments.time,
            tolerance_seconds=arguments.tolerance,
            destination_address=arguments.destination,
        )
    ]


def _reverse(arguments, given, store):
    if not (arguments.since and arguments.until):
        raise request.RequestError("--inside needs --since and --until, each with its offset")
    since, until = request.span_of(arguments.since)[0], request.span_of(arguments.until)[1]
    asked = {"inside_address": arguments.inside, "since": arguments.since, "until": arguments.until}
    with Tracer(store, arguments.index or location.INDEX) as tracer:
        number = disclosure.record(given, [asked])
        (answer,) = evidence.noted(tracer.location, [tracer.uses(arguments.inside, since, until)])
    code = CODES["unknown"] if not answer["covered"] else 0 if answer["candidates"] else CODES["nobody"]
    return {"disclosure": number, "answer": answer}, _rows(answer["candidates"]) + _warnings(answer), code


def _table(answer):
    asked = ", ".join("%s %s" % pair for pair in answer["request"].items())
    return "%s\n%s\n%s%s" % (asked, _SAYS[answer["status"]], _rows(answer["candidates"]), _warnings(answer))


def _rows(candidates):
    cells = [[title for _name, title in _COLUMNS]]
    cells += [["" if one[name] is None else str(one[name]) for name, _title in _COLUMNS] for one in _held(candidates)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]
    proofs = [
        "  evidence: %(file)s line %(line)s, SHA-256 of the line %(line_sha256)s, day %(seal)s" % one["evidence"]
        for candidate in candidates
        for one in (candidate, *candidate["accounts"])
        if one["evidence"]
    ]
    return "\n".join(rows + proofs) if candidates else ""


def _held(candidates):
    """A row for each account that held the address of a candidate."""
    for one in candidates:
        for held in one["accounts"] or [{"account": None, "station": None}]:
            yield {**one, "account": held["account"], "station": held["station"]}


def _warnings(answer):
    said = ["note: " + note for note in answer["notes"]]
    said += ["not complete: %(gateway)s from %(since)s to %(until)s: %(reason)s" % gap for gap in answer["gaps"]]
    said += ["plan in force: %(gateway)s %(plan)s from %(since)s to %(until)s" % plan for plan in answer["plans"]]
    return "".join("\n" + one for one in said)


def _csv(answers):
    file = io.StringIO()
    names = [name for name, _title in _COLUMNS]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["question", "status", *names, "file", "line", "line_sha256"])
    for place, answer in enumerate(answers, 1):
        for one in list(_held(answer["candidates"])) or [dict.fromkeys((*names, "evidence"))]:
            proof = one["evidence"] or {}
            writer.writerow(
                [
                    place,
                    answer["status"],
                    *(one[name] for name in names),
                    *(proof.get(name) for name in ("file", "line", "line_sha256")),
                ]
            )
    return file.getvalue().rstrip("\n")
