# SPDX-License-Identifier: GPL-3.0-or-later
"""Code for hosts as one Python program that a host reads from standard input: no file is written there.

It is the code of C(plugins/module_utils), as in the modules C(check_info) and C(host_state) and in the command
C(order82), without the wrapper that Ansible puts around a module. Building, sending and starting that wrapper takes
most of a module call's time (tests/bench/inspect_cost.py).
"""

from __future__ import annotations

import base64
import functools
import json
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from .documents import ROOT
from .host_answer import MARK, observations, state_result

SOURCE = ROOT / "plugins" / "module_utils"
PACKAGE = "order82_baseline"
_QUICK = 1  # the way to a host is shorter than a better compression takes
_PROGRAM = """\
import base64, gc, importlib.machinery, json, os, sys, zlib
gc.disable()  # it does not run long enough to gain anything by it
_CODE = json.loads(zlib.decompress(base64.b64decode("{code}")))
class _Finder:
    def find_spec(self, name, path=None, target=None):
        if name in _CODE:
            return importlib.machinery.ModuleSpec(name, self, origin=name, is_package=_CODE[name][0])
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(_CODE[module.__name__][1], module.__name__, "exec"), module.__dict__)
sys.meta_path.insert(0, _Finder())
from {package}.{module} import {function} as _answer
_ASKED = json.loads(zlib.decompress(base64.b64decode("{asked}")))
sys.stdout.write({mark!r} + json.dumps(_answer(_ASKED)) + "\\n")
sys.stdout.flush()
os._exit(0)  # an observer that hangs is left behind, whatever holds it
"""


class Question(NamedTuple):
    """What of the code on hosts answers.

    C(module) and C(function): where the function to call stands, and its name.
    C(parts): the folders and files of C(plugins/module_utils) that it needs.
    C(read): takes its answer and what was asked, and gives back what of it is as it must be; raises AnswerError.
    C(plugin), C(argument) and C(returns): the module of ours that asks the same, how it takes the question (as JSON)
    and under which key it returns the answer.
    """

    module: str
    function: str
    parts: tuple[str, ...]
    read: Callable[[object, Any], Any]
    plugin: str
    argument: str
    returns: str


OBSERVE = Question("looking", "look", ("",), observations, "order82.baseline.check_info", "checks", "observations")
LAY_DOWN = Question(
    "state.request",
    "carry_out",
    ("state", "processes.py", "journal.py"),
    state_result,
    "order82.baseline.host_state",
    "request",
    "answer",
)


def host_program(question: Question, asked: object) -> bytes:
    """Write the program.

    :param asked: what the function takes, as JSON can carry it.
    :return: Python source, ASCII only.
    """
    return _PROGRAM.format(
        code=packed_code(question.parts),
        package=PACKAGE,
        module=question.module,
        function=question.function,
        mark=MARK,
        asked=base64.b64encode(zlib.compress(json.dumps(asked).encode(), _QUICK)).decode(),
    ).encode("ascii")


@functools.cache
def packed_code(parts: tuple[str, ...]) -> str:
    """Modules by name, each with whether it is a package: JSON, compressed, Base64.

    :param parts: the folders and files of which they are.
    """
    modules = {PACKAGE: (True, "")}
    for path in sorted(SOURCE.rglob("*.py")):
        within = path.relative_to(SOURCE)
        if not any(within.is_relative_to(part) for part in parts):
            continue
        names = [PACKAGE, *within.with_suffix("").parts]
        package = names[-1] == "__init__"
        modules[".".join(names[:-1] if package else names)] = (package, path.read_text(encoding="utf-8"))
    return base64.b64encode(zlib.compress(json.dumps(modules).encode(), _QUICK)).decode()
