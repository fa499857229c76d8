# SPDX-License-Identifier: GPL-3.0-or-later
"""Times without a bound, and times as an answer shows them."""

from __future__ import annotations

import datetime

BEGIN = -(1 << 61)  # Unix milliseconds: before all that can be on record
END = 1 << 61


def iso(milliseconds):
    """A time as ISO 8601 in UTC; None where there is none, or it has no bound.

    :param milliseconds: Unix milliseconds, or None.
    """
    if milliseconds is None or not -(10**14) < milliseconds < 10**14:
        return None
    moment = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.timezone.utc)
    return "%s.%03dZ" % (moment.strftime("%Y-%m-%dT%H:%M:%S"), milliseconds % 1000)
