# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules are fetched, tried, and only then put in force: bad ones change nothing. suricata-update does the work."""

from __future__ import annotations

import glob
import os
import re
import shutil

from .. import processes
from . import engine

CONFIG = "/etc/suricata/order82.yaml"
LOCAL = "/etc/order82/ids"
FOLDER = "/var/lib/order82-ids"
IN_FORCE = FOLDER + "/rules/suricata.rules"
SECONDS = 900
_RULE = re.compile(rb"^(?:alert|drop|pass|reject)\s", re.MULTILINE)


class RulesError(RuntimeError):
    """No usable rules: one sentence. Those in force stay."""


def update(sources):
    """Fetch what the sources have, put it together with the local rules, try it, and put it in force.

    :param dict sources: name to URL.
    :return: int: rules in force now.
    :raises RulesError: a source gave nothing usable, or Suricata does not understand the whole.
    :raises engine.EngineError: Suricata runs, and did not take the new rules.
    """
    fetched = [_fetch(name, url) for name, url in sorted(sources.items())]
    new = os.path.join(FOLDER, "new")
    shutil.rmtree(new, ignore_errors=True)  # the first time there is none; what stays is written over
    files = [*fetched, *sorted(glob.glob(LOCAL + "/*.rules"))]
    _suricata_update("all together", FOLDER + "/together", new, ["file://" + path for path in files])
    path = os.path.join(new, "suricata.rules")
    count = rules_in(path)
    _try(path)
    os.makedirs(os.path.dirname(IN_FORCE), exist_ok=True)
    os.replace(path, IN_FORCE)
    for socket in filter(os.path.exists, (engine.SOCKET, engine.INLINE_SOCKET)):
        engine.ask("reload-rules", seconds=engine.RELOAD_SECONDS, at=socket)
    return count


def rules_in(path):
    """How many rules a file has that are on."""
    with open(path, "rb") as file:
        return len(_RULE.findall(file.read()))


def _fetch(name, url):
    """The file with a source's rules."""
    folder = os.path.join(FOLDER, "sources", name)
    output = os.path.join(folder, "rules")
    shutil.rmtree(output, ignore_errors=True)  # the same
    what = "the source '%s' (%s)" % (name, url)
    _suricata_update(what, folder, output, [url])
    path = os.path.join(output, "suricata.rules")
    if not os.path.exists(path) or not rules_in(path):
        raise RulesError("%s gave no rules; those in force stay" % what)
    return path


def _suricata_update(what, folder, output, urls):
    """Read rules from these addresses and no others (without any it would take those of its maker)."""
    argv = ["suricata-update", "--suricata-conf", CONFIG, "--no-test", "--no-reload", "--fail", "--force"]
    # Those that come with Suricata tell of odd packets, not of attacks, and are raised by ordinary traffic.
    argv += ["--ignore", "*-events.rules"]
    argv += ["--data-dir", folder, "--output", output, *(word for url in urls for word in ("--url", url))]
    done = processes.run(argv, seconds=SECONDS)
    if done.returncode:
        raise RulesError("%s gave no usable rules (%s); those in force stay" % (what, _reason(done)))


def _try(path):
    done = processes.run(["suricata", "-T", "-c", CONFIG, "-l", FOLDER, "-S", path], seconds=SECONDS)
    if done.returncode:
        raise RulesError("Suricata does not understand the new rules (%s); those in force stay" % _reason(done))


def _reason(done):
    """The first sentence of an error, without time and place."""
    said = (done.stderr + done.stdout).decode("utf-8", "replace").splitlines()
    errors = [line for line in said if re.search(r"<Error>|^E(rror)?:|^Error|ERROR", line)] or said[-1:]
    return re.sub(r"^.*?(<Error>\s*-*|E(rror)?:)\s*", "", errors[0]).strip() if errors else "no reason given"
