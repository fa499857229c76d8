# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watch says of itself is compared with what is laid down here."""

from __future__ import annotations

import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import watching
from ansible_collections.order82.baseline.plugins.module_utils.watch import status


@pytest.fixture
def laid(place, monkeypatch):
    monkeypatch.setattr(status, "FILE", str(place.base / "watch.json"))
    place.laid(place.state(files=[{"path": str(place.etc / "one"), "text": "one\n"}]))
    return place


def says(roles, **more):
    said = {
        "at": time.time(),
        "since": 0.0,
        "boot": "1",
        "folders": 3,
        "units": 2,
        "unwatched": [],
        "ended": False,
        "manifests": {},
    }
    status.write(said | {"roles": roles, "alarms": [[["a", "b"], "text", "about"]]} | more)
    return watching.see_watch()


def test_where_it_never_spoke_nothing_is_watched(laid):
    found = watching.see_watch()
    assert (found["age_seconds"], found["unseen"], found["measures"]) == (-1, ["probe"], 0)


def test_what_it_says(laid):
    found = says(["probe"])
    assert (found["unseen"], found["standing"], found["age_seconds"]) == ([], ["about"], 0)


@pytest.mark.parametrize(("roles", "unseen"), [([], ["probe"]), (["probe", "gone"], ["gone"])])
def test_a_measure_that_it_does_not_watch_is_named(laid, roles, unseen):
    assert says(roles)["unseen"] == unseen


def test_old_words_are_old(laid):
    assert says(["probe"], at=time.time() - 900)["age_seconds"] in (900, 901)
