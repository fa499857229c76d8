# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of order82.baseline.host_command: pack the code, then let ansible.builtin.copy install it."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from pathlib import Path

from ansible.plugins.action import ActionBase

SOURCE = Path(__file__).resolve().parent.parent / "module_utils"
PACKAGE = "order82_baseline"
SHEBANG = b"#!/usr/bin/python3 -I\n"
MAIN = "import sys\n\nfrom %s.host_command import main\n\nsys.exit(main())\n" % PACKAGE
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same code gives the same bytes, so a second run changes nothing


def zipapp(source: Path) -> bytes:
    """Pack a folder of Python code into one executable file (PEP 441).

    :param source: the folder; its *.py files become the package C(order82_baseline).
    :return: the file's bytes, which depend on nothing but the code.
    """
    members = {"__main__.py": MAIN.encode(), PACKAGE + "/__init__.py": b""}
    for path in source.rglob("*.py"):
        members["%s/%s" % (PACKAGE, path.relative_to(source).as_posix())] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), members[name], zipfile.ZIP_DEFLATED)
    return SHEBANG + buffer.getvalue()


class ActionModule(ActionBase):
    """Copies the zipapp; check mode, diff and idempotence are those of ansible.builtin.copy."""

    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        """Install the command on the host."""
        result = super().run(tmp, task_vars)
        del tmp
        _validated, arguments = self.validate_argument_spec({"dest": {"type": "path", "required": True}})
        handle, name = tempfile.mkstemp(prefix="order82-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(zipapp(SOURCE))
            task = self._task.copy()
            task.args = {"src": name, "dest": arguments["dest"], "owner": "root", "group": "root", "mode": "0755"}
            copy = self._shared_loader_obj.action_loader.get(
                "ansible.builtin.copy",
                task=task,
                connection=self._connection,
                play_context=self._play_context,
                loader=self._loader,
                templar=self._templar,
                shared_loader_obj=self._shared_loader_obj,
            )
            result.update(copy.run(task_vars=task_vars))
        finally:
            os.unlink(name)
        return result
