# SPDX-License-Identifier: GPL-3.0-or-later
"""A host compares itself with its own manifest; where that is another state than the controller's, it is asked again."""

from __future__ import annotations

import json

from ansible_collections.order82.baseline.plugins.action.check_info import ActionModule
from ansible_collections.order82.baseline.plugins.module_utils.looking import look

CHECK = "probe.as_laid_down"


class Inspection(ActionModule):
    """The action with this machine as its host: the observers answer in this process."""

    def __init__(self) -> None:  # of Ansible's own it needs nothing
        self.asked: list[list[dict]] = []

    def _ask(self, asked: list[dict], task_vars: object) -> dict:
        self.asked.append(asked)
        return {"changed": False, "observations": look(json.loads(json.dumps(asked)))}

    def seen(self, wanted: dict) -> dict:
        """What the host's comparison says in the end."""
        asked = [{"id": CHECK, "observe": {"laid_down": {"role": "probe"}}}]
        [one] = self._ask_again(self._ask(asked, {}), asked, {CHECK: wanted}, {})["observations"]
        assert one["error"] is None
        return one["observed"]


def written(place, text: str) -> dict:
    return place.state(files=[{"path": str(place.etc / "probe.conf"), "text": text}])


def test_a_host_that_is_what_it_is_to_be_is_asked_once(place):
    wanted = written(place, "as the controller says\n")
    place.laid(wanted)
    inspection = Inspection()
    assert inspection.seen(wanted)["differs"] == []
    assert len(inspection.asked) == 1
    assert "as the controller says" not in json.dumps(inspection.asked)


def test_who_edits_manifest_and_file_alike_is_seen(place):
    place.laid(written(place, "as root on the host likes it\n"))
    inspection = Inspection()
    seen = inspection.seen(written(place, "as the controller says\n"))
    assert any(one.startswith(f"{place.etc}/probe.conf: ") for one in seen["differs"])
    assert "-as root on the host likes it" in seen["differences"][f"{place.etc}/probe.conf"]
    assert len(inspection.asked) == 2


def test_a_host_without_a_manifest_or_with_a_damaged_one_is_told_the_state(place):
    wanted = written(place, "as the controller says\n")
    assert any("probe.conf: is missing" in one for one in Inspection().seen(wanted)["differs"])
    place.laid(wanted)
    [manifest] = place.kept.rglob("probe.json")
    manifest.write_text("{}")
    assert any("is damaged" in one for one in Inspection().seen(wanted)["differs"])
