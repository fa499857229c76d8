# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the intrusion detection keeps what people write to each other, by what Suricata itself reads of its settings.

A rule needs to see what passes; nobody needs to keep it (article 4). C(suricata --dump-config) prints one setting a
line, such as C(outputs.0.eve-log.types.0.alert.payload = yes).
"""

from __future__ import annotations

import json
import re

_WHOLE = ("pcap-log", "file-store", "tcp-data", "http-body-data", "alert-debug", "lua")
"""Outputs that write packets, files or streams, or what a script of the site likes (Suricata User Guide, Outputs)."""
_PARTS = (
    "payload",
    "payload-printable",
    "packet",
    "tagged-packets",
    "http-body",
    "http-body-printable",
    "websocket-payload",
    "websocket-payload-printable",
    "dump-all-headers",
)
"""What an event can carry of what passed."""
_IN_EVENTS = tuple(one.replace("-", "_") for one in _PARTS if one not in ("tagged-packets", "dump-all-headers"))
_OFF = ("no", "false", "off", "0", "", "(null)")  # what Suricata takes for no
_SETTING = re.compile(r"outputs\.\d+\.(?P<output>[\w-]+)(?:\.(?P<rest>\S+))? = (?P<value>.*)")
_OUTPUT = re.compile(r"outputs\.\d+ = (?P<output>\S+)")


def kept(dump):
    """The settings by which content is kept.

    :param str dump: what C(suricata --dump-config) prints.
    :return: list of str: the lines.
    """
    found, named, decided = [], {}, set()
    for line in map(str.strip, dump.splitlines()):
        output = _OUTPUT.fullmatch(line)
        if output and output["output"] in _WHOLE:
            named[output["output"]] = line
        setting = _SETTING.fullmatch(line)
        if not setting:
            continue
        is_off = setting["value"].strip().lower() in _OFF
        if setting["output"] in _WHOLE and setting["rest"] == "enabled":
            decided.add(setting["output"])
            found += [] if is_off else [line]
        elif setting["output"] == "eve-log" and (setting["rest"] or "").rpartition(".")[2] in _PARTS and not is_off:
            found.append(line)
    return found + [line for output, line in named.items() if output not in decided]


def settings_of(argv):
    """The words of a running engine that decide what it reads: its file, and what is set past it.

    :param list argv: of its process.
    """
    found = []
    for word, following in zip(argv, [*argv[1:], ""]):
        if word in ("-c", "--set"):
            found += [word, following]
        elif word.startswith(("--set=", "--include")) or (word.startswith("-c") and len(word) > 2):
            found.append(word)
    return found


def carries(text):
    """Whether an event that was written has content in it.

    :param str text: a line of eve's JSON.
    """
    try:
        event = json.loads(text)
    except ValueError:
        return False
    parts = [event] if isinstance(event, dict) else []
    parts += [one for part in parts for one in part.values() if isinstance(one, dict)]
    return any(part.get(name) for part in parts for name in _IN_EVENTS)
