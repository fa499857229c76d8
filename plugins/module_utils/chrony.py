# SPDX-License-Identifier: GPL-3.0-or-later
"""What chronyd says of the clock: a report, and a watch for a program that must not wait for it."""

from __future__ import annotations

import csv
import math
import subprocess
import threading
from typing import NamedTuple

from . import processes

TRACKING = ("chronyc", "-c", "-n", "tracking")
SECONDS = 2  # the longest that chronyd may take to answer


class Tracking(NamedTuple):
    """The clock as chronyc(1) reports it, in seconds; C(uncertainty) is the most by which it may be wrong.

    C(measured) is when a source was last asked, in seconds since 1970 by this clock.
    """

    synchronised: bool
    source: str
    stratum: int
    offset: float
    uncertainty: float
    measured: float


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
            measured=float(row[3]),
        )
    except (IndexError, StopIteration) as error:
        raise ValueError("chronyc tracking said %r" % text[:200]) from error


class Clock:
    """By how many milliseconds the clock may be wrong, as chronyd last said; None where it does not know.

    It is asked in a thread of its own, since it may take long to answer.
    """

    def __init__(self):
        self.uncertainty = None

    def ask(self):
        """Ask for the next time.

        :return: threading.Thread: ends with the answer.
        """
        asking = threading.Thread(target=self._ask, daemon=True)
        asking.start()
        return asking

    def _ask(self):
        try:
            answer = processes.run(list(TRACKING), seconds=SECONDS)
            said = tracking(answer.stdout.decode("utf-8", "replace"))
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self.uncertainty = None
        else:
            self.uncertainty = math.ceil(said.uncertainty * 1000) if said.synchronised else None
