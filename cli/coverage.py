# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline coverage`: what the collection knows about itself, printed."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from .errors import BaselineError
from .paths import COLLECTIONS

MODULE = "ansible_collections.order82.baseline.plugins.plugin_utils.coverage"


def show(options: argparse.Namespace) -> None:
    """Print who each provision binds, which roles carry it out, and which checks prove it."""
    sys.path.insert(0, str(COLLECTIONS))
    try:
        module = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        raise BaselineError(f"the collection in this checkout is not whole: there is no module {error.name}") from error
    try:
        found = module.coverage()
    except ValueError as error:  # the loaders' own sentences: which file, which entry, how to mend it
        raise BaselineError(str(error)) from error
    if options.json:
        json.dump(found, sys.stdout, ensure_ascii=False, indent=2)
        print()
    else:
        print(module.as_text(found))
