# SPDX-License-Identifier: GPL-3.0-or-later
"""One of the pair stands by no longer, and the other goes on."""

from __future__ import annotations

from ..conftest import Lab, changed
from .conftest import PAIR, active, standing


def test_removed_from_the_one_that_waits_the_other_goes_on(lab: Lab) -> None:
    other = active(lab)
    [waiting] = set(PAIR) - {other}
    lab.remove("standby", hosts=waiting)
    assert changed(lab.remove("standby", hosts=waiting)) == {}
    assert lab.host(waiting).run("systemctl is-active keepalived conntrackd").stdout.split() == ["inactive", "inactive"]
    assert standing(lab, other)["holds"] == ["10.82.8.254", "198.18.8.254"]
    lab.apply("standby", waiting)
    assert active(lab) == other
    assert "changed=0" in lab.apply("standby", waiting)
    lab.green()
