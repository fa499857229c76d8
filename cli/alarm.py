# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline alarm test`: does a test reach each receiver of alarms, from each collector? By playbooks/alarm.yml."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .errors import BaselineError
from .paths import CHECKOUT, COLLECTIONS, LAB_INVENTORY, ansible_environment
from .process import last_lines, run

VISIBLE = "ansible_collections.order82.baseline.plugins.plugin_utils.visible"
PLAYBOOK = CHECKOUT / "playbooks" / "alarm.yml"
MESSAGE = 400
"""Characters of what a receiver or a collector said."""
DONE = (0, 1)


def add_options(command: argparse.ArgumentParser) -> None:
    """The words of the command."""
    command.add_argument("action", choices=["test"], help="send a test to each receiver, from each collector")


def alarm(options: argparse.Namespace) -> int:
    """Send the tests, and say of each receiver whether it took its own; 1 if one did not."""
    sys.path.insert(0, str(COLLECTIONS))
    one_line = importlib.import_module(VISIBLE).one_line
    inventory = options.inventory or LAB_INVENTORY
    if not inventory.exists():
        raise BaselineError(f"there is no inventory at {inventory}: give one with -i")
    with tempfile.TemporaryDirectory() as folder:
        words = ["-e", json.dumps({"alarm_answer": folder})]
        done = run(["ansible-playbook", "-i", inventory.resolve(), PLAYBOOK, *words], env=ansible_environment())
        answers = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*.json")}
    if not answers:
        raise BaselineError(one_line(f"no collector answered: {last_lines(done.stderr or done.stdout)}", MESSAGE))
    wrong = done.returncode != 0  # a collector that could not be reached
    for collector, answer in sorted(answers.items()):
        for line, is_wrong in told(answer, one_line):
            print(f"{collector}: {line}")
            wrong |= is_wrong
    if done.returncode:
        print(one_line(last_lines(done.stderr or done.stdout), MESSAGE), file=sys.stderr)
    return int(wrong)


def told(answer: dict, one_line: Callable[[str, int], str]) -> list[tuple[str, bool]]:
    """What a collector answered: a line for each receiver, and whether it is bad news.

    It is data of a host: what is not as it must be is bad news, too.
    """
    try:
        said = json.loads(answer["said"]) if answer["code"] in DONE else None
    except ValueError:
        said = None
    if not isinstance(said, dict) or not said:
        return [(one_line(str(answer["why"] or "it gave no answer that can be read"), MESSAGE), True)]
    return [
        (one_line(f"{receiver}: {'accepted' if why == '' else why}", MESSAGE), why != "")
        for receiver, why in sorted(said.items())
    ]
