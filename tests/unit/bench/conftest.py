# SPDX-License-Identifier: GPL-3.0-or-later
"""The benches are programs that lie beside each other, and not a package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
