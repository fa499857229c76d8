# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline trace`: who had this public address and port? A collector is asked, by playbooks/trace.yml."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from .errors import BaselineError
from .paths import CHECKOUT, COLLECTIONS, LAB_INVENTORY, ansible_environment
from .process import last_lines, run

PLUGINS = "ansible_collections.order82.baseline.plugins"
PLAYBOOK = CHECKOUT / "playbooks" / "trace.yml"
MESSAGE = 4000
"""So many characters of why there is no answer."""


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of `order82 trace`; they are checked on the collector."""
    sys.path.insert(0, str(COLLECTIONS))
    importlib.import_module(f"{PLUGINS}.module_utils.nat.answer.commands").options(command)
    command.add_argument("--json", action="store_true", default=None, help="one JSON document on standard output")


def trace(options: argparse.Namespace) -> int:
    """Ask, print the answer as the collector gave it, less what a terminal would obey, and give its exit code."""
    text = importlib.import_module(f"{PLUGINS}.plugin_utils.visible")
    inventory = options.inventory or LAB_INVENTORY
    if not inventory.exists():
        raise BaselineError(f"there is no inventory at {inventory}: give one with -i")
    own = {"command", "run", "passes_on", "extra", "inventory"}
    asked = {name: value for name, value in vars(options).items() if name not in own and value is not None}
    if options.csv:
        if not Path(options.csv).is_file():
            raise BaselineError(f"there is no file {options.csv}: --csv must name one on this machine")
        asked["csv"] = str(Path(options.csv).resolve())
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "question.json"), Path(folder, "answer.json")
        # In a file that only this account can read: other accounts see command lines.
        question.write_text(json.dumps({"trace": asked, "trace_answer": str(answer)}), encoding="utf-8")
        command = ["ansible-playbook", "-i", inventory.resolve(), PLAYBOOK, "-e", f"@{question}"]
        done = run(command, env=ansible_environment() | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"})
        if not answer.exists():
            why = _why_not(done.stdout) or f"nobody answered: {last_lines(done.stderr or done.stdout)}"
            raise BaselineError(text.one_line(why, MESSAGE))
        document = json.loads(answer.read_text(encoding="utf-8"))
    print(text.visible(document["answer"]))
    return document["code"]


def _why_not(output: str) -> str:
    """The sentence with which a host failed."""
    try:
        plays = json.loads(output[output.index("{") :])["plays"]
    except (ValueError, KeyError):
        return ""
    said = [
        f"{host}: {result['msg']}"
        for play in plays
        for task in play["tasks"]
        for host, result in task["hosts"].items()
        if (result.get("failed") or result.get("unreachable")) and isinstance(result.get("msg"), str)
    ]
    return said[-1] if said else ""
