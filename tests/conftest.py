# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `ansible_collections.order82.baseline` importable from the checkout, so that `pytest` works as typed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
COLLECTIONS = CHECKOUT / ".cache" / "collections"


def _make_importable() -> None:
    link = COLLECTIONS / "ansible_collections" / "order82" / "baseline"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(os.path.relpath(CHECKOUT, link.parent))
    sys.path.insert(0, str(COLLECTIONS))
    # Ansible's own loader, where a test starts it, looks for collections here.
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
    # Nothing that a person has set on the machine at hand may change what the tests see.
    os.environ["ANSIBLE_CONFIG"] = str(CHECKOUT / "ansible.cfg")
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(CHECKOUT / ".cache" / "hypothesis")


_make_importable()
