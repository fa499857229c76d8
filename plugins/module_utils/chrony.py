# SPDX-License-Identifier: GPL-3.0-or-later
"""What chronyd says of the clock."""

from __future__ import annotations

import csv
from typing import NamedTuple

TRACKING = ("chronyc", "-c", "-n", "tracking")


class Tracking(NamedTuple):
    """The clock as chronyc(1) reports it, in seconds; C(uncertainty) is the most by which it may be wrong."""

    synchronised: bool
    source: str
    stratum: int
    offset: float
    uncertainty: float


def tracking(text):
    """Read the report of C(TRACKING), whose columns chronyc(1) lists.

    :param str text: one line of CSV.
    :raises ValueError: it is no such report.
    """
    try:
        row = next(csv.reader(text.splitlines()))
        offset = abs(float(row[4]))
        return Tracking(
            synchronised=row[13] != "Not synchronised" and int(row[2]) > 0,
            source=row[1] or row[0],
            stratum=int(row[2]),
            offset=offset,
            uncertainty=offset + float(row[11]) + float(row[10]) / 2,
        )
    except (IndexError, StopIteration) as error:
        raise ValueError("chronyc tracking said %r" % text[:200]) from error
