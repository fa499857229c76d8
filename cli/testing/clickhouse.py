# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of ClickHouse's engine beside those of `order82 trace`. It is large, so all checkouts share it."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from ..paths import CACHE, CHECKOUT
from ..process import run
from .steps import Count, Step, as_pytest

REQUIREMENTS = CHECKOUT / "requirements-clickhouse.txt"
FOLDER = CHECKOUT / "tests" / "unit" / "plugins" / "module_utils" / "nat" / "answer"


def check() -> Count:
    """Ask both the same questions."""
    step = ["pytest", str(FOLDER / "with_clickhouse.py")]
    return Step("clickhouse", step, counted=as_pytest, env={"PYTHONPATH": f"{CHECKOUT}:{engine()}"}).run()


def engine() -> Path:
    """The folder in which the engine lies, for this Python and these versions; made if it is not there."""
    version = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = CACHE / "clickhouse" / f"{sys.version_info.major}.{sys.version_info.minor}-{version}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
            run([*pip, "--target", f"{part}/new", "-r", REQUIREMENTS], failing="installing ClickHouse's engine")
            for old in folder.parent.glob(f"{folder.name.partition('-')[0]}-*"):
                shutil.rmtree(old, ignore_errors=True)  # another checkout may remove it at the same time
            Path(part, "new").rename(folder)
    return folder
