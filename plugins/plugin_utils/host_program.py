# SPDX-License-Identifier: GPL-3.0-or-later
"""The observers as one Python program that a host reads from standard input: no file is written there.

It is the code of C(plugins/module_utils), as in the module C(check_info) and in the command C(order82), without the
wrapper that Ansible puts around a module. Building, sending and starting that wrapper takes most of a module call's
time: with 200 checks an inspection takes about 1.1 pings so, and 1.5 as a module (tests/bench/inspect_cost.py).
"""

from __future__ import annotations

import base64
import functools
import json
import zlib
from collections.abc import Sequence

from .documents import ROOT

SOURCE = ROOT / "plugins" / "module_utils"
PACKAGE = "order82_baseline"
MARK = "\norder82-observations:"
"""Stands before the answer, so that what a login script prints does no harm. JSON has no line break inside a text, so
nothing that was observed can look like it."""

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
from {package}.looking import look
_CHECKS = json.loads(base64.b64decode("{checks}"))
sys.stdout.write({mark!r} + json.dumps(look(_CHECKS)) + "\\n")
sys.stdout.flush()
os._exit(0)  # an observer that hangs is left behind, whatever holds it
"""


def host_program(checks: Sequence[dict]) -> bytes:
    """Write the program.

    :param checks: dicts with id and observe, for C(looking.look).
    :return: Python source, ASCII only.
    """
    return _PROGRAM.format(
        code=packed_code(), package=PACKAGE, mark=MARK, checks=base64.b64encode(json.dumps(checks).encode()).decode()
    ).encode("ascii")


def read_answer(stdout: str) -> list[dict]:
    """Take the observations out of what the program printed.

    :raises ValueError: they are not there.
    """
    _before, mark, answer = stdout.rpartition(MARK)
    if not mark:
        raise ValueError("the program on the host gave no answer")
    observations = json.loads(answer.partition("\n")[0])
    if not isinstance(observations, list):
        raise ValueError("the program on the host gave no list of observations")
    return observations


@functools.cache
def packed_code() -> str:
    """All modules by name, each with whether it is a package: JSON, compressed, Base64."""
    modules = {PACKAGE: (True, "")}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(SOURCE).with_suffix("").parts]
        package = parts[-1] == "__init__"
        modules[".".join(parts[:-1] if package else parts)] = (package, path.read_text(encoding="utf-8"))
    return base64.b64encode(zlib.compress(json.dumps(modules).encode(), 6)).decode()
