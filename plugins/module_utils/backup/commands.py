# SPDX-License-Identifier: GPL-3.0-or-later
"""The area C(backup) of the command C(order82)."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from . import drilling, finding, log, manifest, postgresql, restic, restoring, running, settings


class Wish(NamedTuple):
    """What is to be restored, from where and to where."""

    at: object = None
    repository: str = ""
    to: str = ""
    dry_run: bool = False


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = verbs.add_parser("run", help="back up into every repository / 备份")
    run.add_argument("set", nargs="*", metavar="SET", help="all if left out")
    run.add_argument(
        "--smaller-is-right", action="store_true", help="these sets lost nothing that should be there / 确认变小属实"
    )
    run.set_defaults(run=command_run)
    keep = verbs.add_parser("log", help="back up the log that PostgreSQL wrote since (a timer)")
    keep.set_defaults(run=command_log)
    receive = verbs.add_parser("receive", help="receive PostgreSQL's log (a service, as its user)")
    receive.add_argument("set", metavar="SET")
    receive.add_argument("--no-more", action="store_true", help="have the server keep no log for us")
    receive.set_defaults(run=command_receive)
    listed = verbs.add_parser("list", help="what can be restored, from where / 可恢复的备份")
    listed.set_defaults(run=command_list)
    drill = verbs.add_parser("drill", help="restore beside what is there, compare, report / 恢复演练")
    drill.add_argument("set", nargs="*", metavar="SET", help="all if left out")
    drill.set_defaults(run=command_drill)
    back = verbs.add_parser("restore", help="put a set back; what differs is set aside / 恢复")
    back.add_argument("set", metavar="SET")
    back.add_argument("--at", metavar="TIME", help="as it was then, such as 2026-11-27T12:00:05+08:00 / 时间点")
    back.add_argument(
        "--from", dest="repository", default="", metavar="NAME", help="of a repository; else the first that can"
    )
    back.add_argument("--to", default="", metavar="FOLDER", help="below this folder, and nowhere else")
    back.add_argument("--dry-run", action="store_true", help="only say what would be written over / 试运行")
    back.set_defaults(run=command_restore)
    return [run, keep, receive, listed, drill, back]


def command_run(arguments):
    """order82 backup run"""
    given = settings.load()
    if arguments.smaller_is_right and not arguments.set:
        raise settings.SettingsError("name the sets that are right as they are; there are %s" % ", ".join(given.sets))
    with running.alone():
        results = running.run(given, settings.chosen(given, arguments.set), arguments.smaller_is_right)
        running.remember("run", results)
    failed = [one for one in results if "error" in one]
    text = ["%(set)s is in %(repository)s" % one for one in results if "error" not in one]
    text += ["%(set)s is NOT in %(repository)s, or not all of it: %(error)s" % one for one in failed]
    text += sorted({one["doubt"] for one in results if "doubt" in one})
    return {"results": results}, "\n".join(text), 1 if failed else 0


def command_log(_arguments):
    """order82 backup log"""
    given = settings.load()
    results = log.back_up(given)
    running.remember("log", results)
    failed = [one for one in results if "error" in one]
    return {"results": results}, "%d done, %d failed" % (len(results) - len(failed), len(failed)), 1 if failed else 0


def command_receive(arguments):
    """order82 backup receive"""
    [one] = settings.chosen(settings.load(), [arguments.set])
    source = postgresql.cluster(one.cluster)
    if not arguments.no_more:
        postgresql.receive(source, os.path.join(postgresql.LOG, one.name))
    postgresql.forget(source)
    return {}, "PostgreSQL %s/%s keeps no log for us" % (source.version, source.name), 0


def command_list(_arguments):
    """order82 backup list"""
    found = []
    for name, place in restic.repositories(settings.load()).items():
        found += [
            {"repository": name, "set": one.set, "at": one.at.isoformat(), "snapshot": one.data}
            for one in finding.backups(place)
        ]
    rows = ["%(at)s  %(set)-16s %(repository)-16s %(snapshot).8s" % one for one in found]
    return {"backups": found}, "\n".join(rows) or "there is nothing yet", 0


def command_drill(arguments):
    """order82 backup drill"""
    given = settings.load()
    with running.alone():
        report = drilling.run(given, settings.chosen(given, arguments.set))
    rows = []
    for one in report["results"]:
        said = "; ".join(one["wrong"]) or "%(compared)d of %(files)d files compared, %(rows)d rows" % one
        rows.append("%s  %s from %s: %s" % ("FAIL" if one["wrong"] else "ok  ", one["set"], one["repository"], said))
    return report, "\n".join(rows), 1 if any(one["wrong"] for one in report["results"]) else 0


def command_restore(arguments):
    """order82 backup restore"""
    given = settings.load()
    [one] = settings.chosen(given, [arguments.set])
    at = finding.moment(arguments.at) if arguments.at else None
    wish = Wish(at, arguments.repository, arguments.to, arguments.dry_run)
    with running.alone():
        done = restoring.restore(given, one, wish)
    would = "would be " if arguments.dry_run else ""
    rows = ["the set %(set)s of %(at)s, from %(repository)s (snapshot %(snapshot).8s)" % done]
    rows += ["there was a doubt about it: %(doubt)s; --at takes an older one" % done] if done["doubt"] else []
    for key, says in (
        ("new", "written anew"),
        ("replaced", "replaced, and set aside"),
        ("mended", "given the owner and mode that they had"),
        ("stays", "left as they are"),
    ):
        rows.append("%d %s%s" % (len(done[key]), would, says))
        rows += ["  " + path for path in (done[key] if arguments.dry_run else ())]
    if done.get("keys"):
        rows.append(
            "%d private keys are in no backup, and not here: bring them back, or make new ones" % len(done["keys"])
        )
        rows += ["  " + path for path in done["keys"]]
    for sentence in done["refused"]:
        sys.stderr.write("order82: %s\n" % manifest.shown(sentence))
    return done, "\n".join(map(manifest.shown, rows)), 1 if done["refused"] else 0
