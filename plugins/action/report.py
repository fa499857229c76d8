# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes an inspection's report on the controller. No host is touched, nothing is forked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils.documents import ROOT
from ..plugin_utils.render_html import render_html
from ..plugin_utils.render_junit import render_junit
from ..plugin_utils.report_files import write_report

SENTENCES = 100
"""So many problems are listed on the terminal; the report has all of them."""


def default_directory() -> Path:
    """Where reports go if nobody says: into the checkout; for an installed collection, where Ansible was started."""
    return (ROOT if (ROOT / "galaxy.yml").is_file() else Path.cwd()) / "reports"


class ActionModule(ActionBase):
    """A result of the judge in, a folder out."""

    _VALID_ARGS = frozenset(("result", "directory"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Render, write, and fail with one sentence per problem.

        :return: path and number of problems; C(failed) with C(msg) if there are any.
        """
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "result": {"type": "str", "required": True},
                "directory": {"type": "path", "default": str(default_directory())},
            }
        )
        try:
            result = json.loads(arguments["result"])
            summary = result["summary"]
        except (ValueError, TypeError, KeyError) as error:
            raise AnsibleActionFail("result is not what the filter order82.baseline.judge gives") from error
        directory = Path(os.path.abspath(arguments["directory"]))
        path = None if self._task.check_mode else self._write(arguments["result"], result, directory)
        where = f"The report is {path / 'index.html'}" if path else "In check mode no report is written"
        alarms = summary["alarms"]
        answer = {"changed": False, "path": str(path) if path else None, "problems": len(alarms)}
        if summary["ok"]:
            return {**answer, "msg": f"{where}.", "_ansible_verbose_always": True}
        # Ansible shows a failed task's message twice, so the sentences come before it and only once.
        for alarm in alarms[:SENTENCES]:
            self._display.display(f"- {alarm['en']}", color="red", stderr=True)
        if len(alarms) > SENTENCES:
            self._display.display(f"- and {len(alarms) - SENTENCES} more, see the report", color="red", stderr=True)
        return {
            **answer,
            "failed": True,
            "msg": f"The inspection found {len(alarms)} problem{'s' if len(alarms) > 1 else ''}. {where}.",
        }

    def _write(self, text: str, result: Mapping, directory: Path) -> Path:
        try:
            return write_report(
                directory,
                result["finished"].replace(":", ""),
                {"result.json": text, "index.html": render_html(result), "junit.xml": render_junit(result)},
            )
        except OSError as error:
            raise AnsibleActionFail(f"the report can't be written to {directory}: {error}") from error
