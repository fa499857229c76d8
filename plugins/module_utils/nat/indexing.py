# SPDX-License-Identifier: GPL-3.0-or-later
"""C(order82 nat index): build anew what is older than its records."""

from __future__ import annotations

from ..records import settings as record_settings
from . import index


def command(arguments):
    """order82 nat index"""
    store = record_settings.load().store
    built = [index.build(store, arguments.index, day) for day in index.stale(store, arguments.index)]
    bad = [one for document in built for one in document["bad"]]
    said = ["indexed %s" % document["folder"] for document in built]
    said += ["damaged: %s line %s: %s" % tuple(one) for one in bad]
    return {"days": built}, "\n".join(said), 1 if bad else 0
