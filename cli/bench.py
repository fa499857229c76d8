# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline bench`: one measurement, with this checkout's Python."""

from __future__ import annotations

import argparse
import sys

from .errors import BaselineError
from .paths import CHECKOUT, ansible_environment
from .process import foreground

BENCHES = CHECKOUT / "tests" / "bench"


def run_bench(options: argparse.Namespace) -> int:
    """Run tests/bench/NAME.py and give its exit code."""
    script = BENCHES / f"{options.name}.py"
    names = sorted(path.stem for path in BENCHES.glob("*.py") if not path.stem.startswith("_"))
    if options.name not in names:
        raise BaselineError(f"there is no bench {options.name}: there is {', '.join(names) or 'none yet'}")
    words = [*options.extra, *(["--json"] if options.json else [])]
    return foreground([sys.executable, script, *words], cwd=CHECKOUT, env=ansible_environment())
