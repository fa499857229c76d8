# SPDX-License-Identifier: GPL-3.0-or-later
"""From an action plugin to the code on a host, and back: one connection, no file there."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from . import settings
from .bounds import Bounds, BoundsError
from .documents import DataError
from .host_answer import SENTENCE, AnswerError, from_module, from_program
from .host_program import Question, host_program
from .visible import one_line, visible

NOT_FOUND = 127  # a shell's exit code for a command that it does not find


class HostError(Exception):
    """The host gave no answer that could be used: one sentence."""


class UnreachableError(HostError):
    """The host was not reached."""


class HostAction(ActionBase):
    """An action that puts a question to its host. What comes back is the answer, and nothing that Ansible obeys."""

    def run(self, tmp=None, task_vars=None):
        """Refuse to go on where facts are variables."""
        try:
            settings.refuse_facts_as_variables()
        except DataError as error:
            raise AnsibleActionFail(str(error)) from error
        return super().run(tmp, task_vars)

    def ask(self, question: Question, asked: object, task_vars: Mapping, bounds: Bounds):
        """Run code on the task's host as a program of its own, or as a module where that takes Ansible's wrapper.

        :return: its answer, as C(question.read) gives it back.
        :raises UnreachableError: nobody answered.
        :raises HostError: it gave no answer, or none that is as it must be.
        """
        try:
            with bounds:
                return self._call(question, asked, task_vars)
        except AnsibleConnectionFailure as error:
            raise UnreachableError(one_line(str(error), SENTENCE)) from error
        except (AnsibleError, BoundsError) as error:
            raise HostError(one_line(str(error), SENTENCE)) from error

    def _call(self, question: Question, asked: object, task_vars: Mapping):
        done = self._by_program(question, asked, task_vars)
        by_program = done is not None
        if not by_program:
            self._execute_module(
                module_name=question.plugin, module_args={question.argument: json.dumps(asked)}, task_vars=task_vars
            )
            done = self._said
        try:
            found = from_program(done["said"]) if by_program else from_module(done["said"], question.returns)
            return question.read(found, asked)
        except AnswerError as error:
            why = f"its answer can't be used: {error}"
            if done["rc"]:
                why += f" (exit code {done['rc']}): {(done['stderr'] or done['stdout'])[-SENTENCE:]}"
            raise HostError(one_line(why, 2 * SENTENCE)) from error

    def _by_program(self, question: Question, asked: object, task_vars: Mapping) -> Mapping | None:
        """What it said; None without pipelining, for a delegated task, or without a python3 by that name or another."""
        if not self._is_pipelining_enabled("new") or self._task.delegate_to:
            return None
        python = str(self._templar.template(task_vars.get("ansible_python_interpreter") or "auto"))
        command = f"{self._compute_environment_string()} {'python3' if python.startswith('auto') else python} -I -"
        done = self._low_level_execute_command(command.strip(), in_data=host_program(question, asked))
        return None if done["rc"] == NOT_FOUND else done

    def _low_level_execute_command(self, *words, **named):
        """Ansible shows some of what a host says by itself: only as everybody may see it. C(said) is how it came."""
        done = super()._low_level_execute_command(*words, **named)
        done["said"] = done["stdout"]
        for key in ("stdout", "stderr"):
            done[key] = visible(done[key].replace("\r\n", "\n"))
            done[f"{key}_lines"] = done[key].splitlines()
        return done

    def _parse_returned_data(self, res, *profile):
        """Keep what a module said, for C(from_module), and give Ansible an empty answer to read."""
        self._said = res
        return super()._parse_returned_data({**res, "stdout": "{}", "stderr": ""}, *profile)
