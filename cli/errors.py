# SPDX-License-Identifier: GPL-3.0-or-later
"""The one kind of error that is meant for a person."""

from __future__ import annotations


class BaselineError(Exception):
    """One clear sentence: what failed, where, and how to mend it. It is printed without a traceback."""
