# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether a login by SSH leaves a record, by the settings that are in force."""

from __future__ import annotations

import glob
import os
import pwd

from ._registry import command

CONFIG = "/etc/ssh/sshd_config"
_TELLS = ("INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3")
"""Levels of sshd_config(5) at which sshd tells of a login. What it calls QUIET there is SILENT in what it prints."""
_INFO = 6  # syslog(3)
_FLAGS = "46DdeGiqTtV"
_FIRST_ACCOUNT = 1000


def see_login_records():
    titles = _listeners()
    if titles is None:
        return {"levels": {}, "quiet": []}
    levels, quiet = {}, _of_the_unit(command(["systemctl", "show", "ssh.service", "--property=" + ",".join(_FILTERS)]))
    for title in titles or [""]:
        options = options_of(title)
        quiet += ["sshd runs with %s" % word for word, _value in options if word in ("-q", "-E")]
        words = [word for pair in options if pair[0] in ("-o", "-f") for word in pair]
        for account in _accounts():
            said = command(["sshd", "-T", *words, "-C", "user=" + account])
            levels[account] = next(line.split()[1] for line in said.splitlines() if line.startswith("loglevel "))
            if levels[account] not in _TELLS:
                quiet.append("LogLevel is %s for %s" % (levels[account], account))
        quiet += matched(dict(options).get("-f", CONFIG))
    return {"levels": levels, "quiet": sorted(set(quiet))}


def _listeners():
    """The titles of the sshd that wait for connections: empty where systemd does, None where no sshd runs at all."""
    found, runs = [], False
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if os.fstat(file.fileno()).st_uid:  # what is not root's only calls itself so
                    continue
                title = file.read().split(b"\0")[0].decode("utf-8", "replace")
        except OSError:  # it has ended
            continue
        if title.startswith(("sshd: ", "sshd-session: ")):
            runs = True
            if " [listener]" in title:
                found.append(title)
    return found if runs else None


def options_of(title):
    """The options in the title of a process that waits: C(sshd: /usr/sbin/sshd -D -o LogLevel=INFO [listener] …).

    :return: list of pairs: the option, and its value or None. A value with spaces is put together again.
    """
    found = []
    for word in title.partition("sshd: ")[2].partition(" [listener]")[0].split()[1:]:
        if found and found[-1][1] is not None and (not found[-1][1] or not word.startswith("-")):
            found[-1] = (found[-1][0], (found[-1][1] + " " + word).strip())
        else:
            flags = word[1:]
            while flags:
                takes_a_value = flags[0] not in _FLAGS
                found.append(("-" + flags[0], flags[1:] if takes_a_value else None))
                flags = "" if takes_a_value else flags[1:]
    return found


def _accounts():
    """root and the first ordinary account; what is for others by name is seen in the files."""
    ordinary = [one.pw_name for one in pwd.getpwall() if one.pw_uid >= _FIRST_ACCOUNT and one.pw_name != "nobody"]
    return ["root", *ordinary[:1]]


def matched(path, condition=None):
    """Where a file, and what it includes, tells less of the logins of some (C(Match), sshd_config(5)).

    What holds for all is not named: sshd itself says what of it is in force.

    :param str condition: of the Match that includes it.
    :return: list of sentences.
    """
    found = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return []  # sshd would not have started with it
    for number, line in enumerate(lines, 1):
        keyword, value = _setting(line)
        if keyword == "match":
            condition = value
        elif keyword == "include":
            for pattern in value.split():
                for name in sorted(glob.glob(os.path.join(os.path.dirname(CONFIG), pattern.strip('"')))):
                    found += matched(name, condition)
        elif keyword == "loglevel" and condition is not None and value.strip('"').upper() not in _TELLS:
            found.append("%s:%d: LogLevel %s (Match %s)" % (path, number, value, condition))
    return found


def _setting(line):
    """Keyword in small letters and value, which white space or an equals sign part; both empty in a comment."""
    words = line.strip().replace("=", " ", 1).split(None, 1)
    if not words or words[0].startswith("#"):
        return "", ""
    return words[0].lower(), words[1].strip() if len(words) > 1 else ""


_FILTERS = ("LogLevelMax", "LogNamespace", "LogFilterPatterns")


def _of_the_unit(shown):
    """What keeps words of ssh.service from the journal (systemd.exec(5)), by what systemctl shows."""
    values = dict(line.partition("=")[::2] for line in shown.splitlines())
    level = values.get("LogLevelMax") or "-1"
    found = ["ssh.service has LogLevelMax=%s" % level] if 0 <= int(level) < _INFO else []
    return found + ["ssh.service has %s=%s" % (key, values[key]) for key in _FILTERS[1:] if values.get(key)]
