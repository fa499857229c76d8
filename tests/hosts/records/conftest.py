# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of records share."""

from __future__ import annotations

import pytest

from ..conftest import Lab


@pytest.fixture(scope="session", autouse=True)
def closed_days(lab: Lab) -> None:
    """Two days in the past, closed by the collectors themselves, so that there is something to damage."""
    for collector in ("collector1", "collector2"):
        lab.do(
            collector,
            'cd /srv/records/session; chattr -a .; for back in 2 1; do d=$(date -u -d "-$back days" +%F); '
            "test -e $d && continue; install -d -m 0750 -o order82-collect -g order82-session $d; "
            "for h in app web; do echo old > $d/$h.log; chown order82-collect:order82-session $d/$h.log; done; done; "
            "systemctl start order82-records.service",
        )
