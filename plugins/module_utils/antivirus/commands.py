# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of C(order82 antivirus)."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
import time

from .. import journal, processes
from ..state import paths
from ..state.errors import StateError
from . import clamd, quarantine, trial, unwatched, watch

SETTINGS = "/etc/order82/antivirus.json"
ALLOWED = "/var/lib/clamav/order82.sfp"
"""Files that were given back (ClamAV's format: sha256:size:name)."""
FOLDERS = "/run/order82-antivirus-watch/folders"
"""What the watch (clamonacc) was told when it started, a folder a line."""
LEFT_OUT = "/run/order82-antivirus-watch/left-out"
"""And which below them it leaves out: with these it would give up the whole folder."""
ANSWER = "/run/order82-antivirus-watch/answer/file"
"""A file of ours that is watched as those of all are: while it can't be opened, no other can."""
HOUR = 3600
AGAIN = 4
"""The exit code with which a unit has the watch started anew."""
RELOAD_SECONDS = 300


def options(parser):
    """Add the verbs to the area's parser.

    :return: list of their parsers.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    look = verbs.add_parser("list", help="what lies in quarantine / 隔离区清单")
    look.set_defaults(run=command_list)
    back = verbs.add_parser("give-back", help="put a file back where it was found, and let it be / 恢复误报文件")
    back.add_argument("id", metavar="ID")
    back.set_defaults(run=command_give_back)
    test = verbs.add_parser("test", help="is the test file found, and can nobody read it? / 自检")
    test.set_defaults(run=command_test)
    update = verbs.add_parser(
        "update", help="fetch signatures; new ones that can't be used change nothing / 更新病毒库"
    )
    update.set_defaults(run=command_update)
    tell = verbs.add_parser("folders", help="tell the watch its folders, and the mounts below them (a service)")
    tell.set_defaults(run=command_folders)
    answers = verbs.add_parser("answers", help="end as soon as the watch lets no file be opened (a service)")
    answers.set_defaults(run=command_answers)
    behind = verbs.add_parser("unwatched", help="end as soon as the watch has lost a folder (a service)")
    behind.set_defaults(run=command_unwatched)
    follow = verbs.add_parser("watch", help="put what the scanners find into quarantine (a service)")
    follow.set_defaults(run=command_watch)
    return [look, back, test, update, tell, answers, behind, follow]


def command_list(arguments):
    """order82 antivirus list"""
    del arguments
    found = quarantine.held()
    lines = [
        "%(id)s %(found)s %(signature)s %(owner)s %(mode)s %(size)d" % one + " " + json.dumps(one["path"])
        for one in found
    ]
    return found, "\n".join(lines) or "nothing is in quarantine", 0


def command_give_back(arguments):
    """order82 antivirus give-back ID"""
    about = quarantine.get(arguments.id)
    quarantine.refuse(about)
    _allow("%s:%d:order82-%s\n" % (about["sha256"], about["size"], about["id"]))
    clamd.reload()
    _until_spared(about["id"])
    quarantine.restore(about)
    journal.write(watch.RECORD, "file given back from quarantine: %s" % json.dumps(about, ensure_ascii=True))
    return about, "%s is back" % about["path"], 0


def command_test(arguments):
    """order82 antivirus test"""
    del arguments
    watched = _settings()["watched"]
    found = trial.look(watched)
    wrong = [] if found["finds"] else ["clamd does not find the test file"]
    wrong += [] if found["spares"] else ["clamd finds something in a harmless text"]
    wrong += ["the test file can be read in %s" % folder for folder in found["unguarded"]]
    wrong += ["no file can be opened in %s" % folder for folder in found["unanswered"]]
    wrong += ["the test file can't be put into %s" % said for said in found["untried"]]
    if wrong:
        sys.stderr.write("<2>alarm: the self-test of the antivirus failed: %s\n" % ascii("; ".join(wrong))[1:-1])
        return found, "failed", AGAIN if _helps(found, watched) else 1
    return found, "the test file is found, and nobody can read it where files are watched", 0


def _helps(found, watched):
    """Whether to start the watch anew may help: it does not answer, or there is a mount that it has not been told.

    One that it was told may have been mounted again since; or it can't be watched: that is tried once an hour.
    """
    told, since = _told(), HOUR
    with contextlib.suppress(FileNotFoundError):
        since = time.time() - os.stat(FOLDERS).st_mtime
    return any(folder in watched for folder in found["unanswered"]) or any(
        folder in watched or folder not in told or since >= HOUR for folder in found["unguarded"]
    )


def command_folders(arguments):
    """order82 antivirus folders"""
    del arguments
    watched = _settings()["watched"]
    # A mount comes before what it is below: clamonacc knows a folder with what it first saw there, and nothing twice.
    real = map(os.path.realpath, watched)  # it follows no symlink, and then watches nothing
    folders = [*trial.mounts_below(watched), *sorted(real, key=len, reverse=True), os.path.dirname(ANSWER)]
    os.makedirs(os.path.dirname(ANSWER), mode=0o755, exist_ok=True)
    with open(ANSWER, "w", encoding="ascii") as file:
        file.write("Opened every few seconds, to see that the watch over files answers.\n")
    with open(FOLDERS, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(folder + "\n" for folder in dict.fromkeys(folders) if "\n" not in folder)
    with open(LEFT_OUT, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(folder + "\n" for folder in unwatched.too_long(folders) if "\n" not in folder)
    return {"folders": folders}, "", 0


def command_answers(arguments):
    """order82 antivirus answers"""
    del arguments
    trial.until_silent(ANSWER)
    return {"answers": False}, "the watch over files lets no file be opened", AGAIN


def command_unwatched(arguments):
    """order82 antivirus unwatched"""
    del arguments
    lost = unwatched.until_lost(_told, os.path.dirname(ANSWER))
    return {"lost": lost}, "the watch over files has lost %s" % ascii(lost), AGAIN


def command_update(arguments):
    """order82 antivirus update"""
    del arguments
    argv = ["freshclam", "--config-file=/etc/clamav/freshclam.conf", "--stdout"]
    done = processes.run(argv, seconds=1800)
    said = done.stdout.decode("utf-8", "replace").splitlines() + done.stderr.decode("utf-8", "replace").splitlines()
    if done.returncode:
        errors = (
            [line.partition("ERROR: ")[2] for line in said if "ERROR: " in line] or said[-1:] or ["no reason given"]
        )
        why = "%s gave no usable signatures (%s); those that are there stay in force" % (
            _settings()["mirror"],
            errors[0].strip(),
        )
        sys.stderr.write("<2>alarm: %s\n" % why)
        return {"updated": False, "why": why}, "not updated", 1
    news = [line for line in said if "updated" in line or "Testing database" in line]
    return {"updated": bool(news)}, "\n".join(news) or "nothing new", 0


def command_watch(arguments):
    """order82 antivirus watch"""
    del arguments
    settings = _settings()
    watch.run(settings["spared"], [*settings["watched"], *settings.get("scanned", [])])
    return {}, "", 0


def _told():
    """Of which folders the watch was told when it started."""
    with contextlib.suppress(FileNotFoundError), open(FOLDERS, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()
    return []


def _allow(line):
    """Add a line to what the scanner lets be. The folder is the scanner's own: what it finds there is only a file."""
    owner = pwd.getpwnam("clamav")
    try:
        with paths.parent(ALLOWED, {os.path.dirname(ALLOWED): owner.pw_uid}) as (descriptor, name):
            there = paths.read(descriptor, name, ALLOWED)
            text = (there[0] if there else b"") + line.encode("ascii")
            paths.stage(descriptor, name, text, (owner.pw_uid, owner.pw_gid, 0o644))
            paths.replace(descriptor, name)
    except StateError as error:
        raise quarantine.QuarantineError("nothing was given back: %s" % error) from error


def _settings():
    with open(SETTINGS, encoding="utf-8") as file:
        return json.load(file)


def _until_spared(name):
    """Wait until clamd has read that this content is allowed."""
    end = time.monotonic() + RELOAD_SECONDS
    with open(quarantine.content(name), "rb") as file:
        while clamd.scan_open_file(file.fileno()):
            if time.monotonic() > end:
                raise clamd.ClamdError(
                    "clamd did not read %s within %d s; nothing was given back" % (ALLOWED, RELOAD_SECONDS)
                )
            time.sleep(0.5)
