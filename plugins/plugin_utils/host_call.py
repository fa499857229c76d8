# SPDX-License-Identifier: GPL-3.0-or-later
"""From an action plugin to the code on a host, and back: one connection, no file there."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.plugins.action import ActionBase

from .host_program import Question, host_program, read_answer

NOT_FOUND = 127  # a shell's exit code for a command that it does not find
MESSAGE = 500  # so many characters of what a host says about its failure


class HostError(Exception):
    """The program on the host did not answer: one sentence with what it said."""


def ask_host(action: ActionBase, question: Question, asked: object, task_vars: Mapping):
    """Run code on the task's host as a program of its own.

    :return: its answer; None where it takes Ansible's module wrapper: no pipelining, a delegated task, or no python3 by
        that name and none named for this host.
    :raises HostError: it gave none.
    """
    if not action._is_pipelining_enabled("new") or action._task.delegate_to:
        return None
    python = str(action._templar.template(task_vars.get("ansible_python_interpreter") or "auto"))
    command = f"{action._compute_environment_string()} {'python3' if python.startswith('auto') else python} -I -"
    done = action._low_level_execute_command(command.strip(), in_data=host_program(question, asked))
    if done["rc"] == NOT_FOUND:
        return None
    try:
        return read_answer(question, done["stdout"])
    except ValueError as error:
        said = (done["stderr"] or done["stdout"]).strip()[-MESSAGE:]
        raise HostError(f"{error} (exit code {done['rc']}): {said}") from error
