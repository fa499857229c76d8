# SPDX-License-Identifier: GPL-3.0-or-later
"""From what an inspection has seen of all hosts to its report, on the controller; no host is touched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..plugin_utils.documents import ROOT, DataError
from ..plugin_utils.inspection import make_case
from ..plugin_utils.judge import ALARMS, Case, judge
from ..plugin_utils.render_html import render_html
from ..plugin_utils.render_json import render_json
from ..plugin_utils.render_junit import render_junit
from ..plugin_utils.report_files import write_report
from ..plugin_utils.settings import refuse_facts_as_variables
from ..plugin_utils.visible import one_line

SENTENCES = 100
"""So many problems are listed on the terminal; the report has all of them."""
CHARACTERS = 2000
"""So much of each: the report has the whole."""
BESIDE = "Beside Order 82, not required by it, the exit code is the same / 第82号令之外（非其要求，不影响退出码）:"


def default_directory() -> Path:
    """Where reports go if nobody says: into the checkout; for an installed collection, where Ansible was started."""
    return (ROOT if (ROOT / "galaxy.yml").is_file() else Path.cwd()) / "reports"


def lines(alarms: Sequence[Mapping[str, str]]) -> list[str]:
    """What a terminal is told of the problems: one line each."""
    told = [f"- {one_line(alarm['en'], CHARACTERS)}" for alarm in alarms[:SENTENCES]]
    return told + ([f"- and {len(alarms) - SENTENCES} more, see the report"] if len(alarms) > SENTENCES else [])


def lines_beside(overlays: Sequence[Mapping]) -> list[str]:
    """What a terminal is told of the rules beside the order, in en and zh: what does not hold, and what people show."""
    told = []
    for overlay in overlays:
        for finding in overlay["findings"]:
            if finding["outcome"] in ALARMS:
                words = ALARMS[finding["outcome"]]
                why = [text for text in (finding["reason"], finding["mend"]) if text]
                for mark, language, colon in (("-", "en", ": "), (" ", "zh", "：")):
                    said = " ".join(text[language] for text in why)
                    line = f"{overlay['id']}.{finding['id']} {words[language]}{colon}{said}"
                    told.append(f"{mark} {one_line(line, CHARACTERS)}")
        shown = [finding["id"] for finding in overlay["findings"] if finding["outcome"] == "manual"]
        if shown:
            told.append(f"- {overlay['id']}: people show (人工出示): {', '.join(shown)}")
        if overlay["off"]:
            told.append(f"- {overlay['id']} is off (未查看): {one_line(overlay['off'], CHARACTERS)}")
    return [BESIDE, *told] if told else []


class ActionModule(ActionBase):
    """What was registered for each host in, a folder out."""

    _VALID_ARGS = frozenset(("observed", "unit", "waivers", "extra_checks", "site", "directory"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Judge, render, write, and fail with one sentence per problem.

        :return: path and number of problems; C(failed) with C(msg) if there are any.
        """
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "observed": {"type": "str", "required": True},
                # Whoever reads these two says what is wrong with them, and where.
                "unit": {"type": "raw", "required": True},
                "waivers": {"type": "raw"},
                "extra_checks": {"type": "path"},
                "site": {"type": "path"},
                "directory": {"type": "path", "default": str(default_directory())},
            }
        )
        try:
            refuse_facts_as_variables()
            result = judge(self._case(arguments, task_vars))
        except DataError as error:
            raise AnsibleActionFail(str(error)) from error
        summary = result["summary"]
        directory = Path(os.path.abspath(arguments["directory"]))
        path = None if self._task.check_mode else self._write(result, directory)
        where = f"The report is {path / 'index.html'}" if path else "In check mode no report is written"
        alarms = summary["alarms"]
        for line in lines_beside(result["overlays"]):
            self._display.display(line, stderr=True)
        answer = {"changed": False, "path": str(path) if path else None, "problems": len(alarms)}
        if summary["ok"]:
            return {**answer, "msg": f"{where}.", "_ansible_verbose_always": True}
        # Ansible shows a failed task's message twice, so the sentences come before it and only once.
        for line in lines(alarms):
            self._display.display(line, color="red", stderr=True)
        return {
            **answer,
            "failed": True,
            "msg": f"The inspection found {len(alarms)} problem{'s' if len(alarms) > 1 else ''}. {where}.",
        }

    def _case(self, arguments: Mapping, task_vars: Mapping) -> Case:
        # Results of modules hold no templates, and raw_get spares Ansible the search for them.
        found = {host: task_vars["hostvars"].raw_get(host) for host in task_vars["ansible_play_hosts_all"]}
        return make_case(
            {host: variables.get(arguments["observed"]) for host, variables in found.items()},
            arguments["unit"],
            task_vars["groups"],
            waivers=arguments["waivers"],
            extra_checks=Path(arguments["extra_checks"]) if arguments["extra_checks"] else None,
            site=Path(arguments["site"]) if arguments["site"] else None,
        )

    def _write(self, result: Mapping, directory: Path) -> Path:
        try:
            return write_report(
                directory,
                result["finished"].replace(":", ""),
                {
                    "result.json": render_json(result),
                    "index.html": render_html(result),
                    "junit.xml": render_junit(result),
                },
            )
        except OSError as error:
            raise AnsibleActionFail(f"the report can't be written to {directory}: {error}") from error
