# SPDX-License-Identifier: GPL-3.0-or-later
"""The command C(order82) as one file: the code that the modules run on hosts, for what runs there without Ansible.

So a timer on a host and an inspection cannot differ.
"""

from __future__ import annotations

import functools
import io
import zipfile
from pathlib import Path

from .host_program import PACKAGE, SOURCE

SHEBANG = b"#!/usr/bin/python3 -I\n"
MAIN = f"import sys\n\nfrom {PACKAGE}.host_command import main\n\nsys.exit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same code gives the same bytes, so a second run changes nothing


@functools.cache
def zipapp(source: Path = SOURCE) -> bytes:
    """Pack a folder of Python code into one executable file (PEP 441).

    :param source: the folder; its *.py files become the package C(order82_baseline).
    :return: the file's bytes, which depend on nothing but the code.
    """
    members = {"__main__.py": MAIN.encode(), PACKAGE + "/__init__.py": b""}
    for path in source.rglob("*.py"):
        members[f"{PACKAGE}/{path.relative_to(source).as_posix()}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), members[name], zipfile.ZIP_DEFLATED)
    return SHEBANG + buffer.getvalue()
