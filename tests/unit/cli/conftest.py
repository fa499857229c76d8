# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the package cli importable, also when pytest is typed without ./baseline."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
