# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's state.yml is read strictly: what is not understood is refused, with file and entry."""

from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.checks import ROLES
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.state import load_state, load_states

FILE = {"path": "/etc/one", "text": "1\n"}
UNIT_FILE = {"path": "/etc/systemd/system/order82-one.service", "text": ""}


@pytest.fixture
def write(tmp_path):
    """A function that writes roles/<role>/state.yml and gives back its path."""

    def write_(role="alpha", **sections):
        path = tmp_path / "roles" / role / "state.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(sections))
        return path

    return write_


def refusal(path):
    with pytest.raises(DataError) as caught:
        load_state(path, path.parent.name)
    return str(caught.value)


def test_a_text_alone_is_the_entrys_main_key(write):
    state = load_state(write(packages=["chrony", {"name": "at", "when": "a"}], folders=["/etc/a"]), "alpha")
    assert state.sections["packages"] == [{"name": "chrony"}, {"name": "at", "when": "a"}]
    assert state.sections["folders"] == [{"path": "/etc/a"}]
    assert state.sections["units"] == []


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"file": []}, "state.yml has the unknown key 'file'"),
        ({"files": {}}, "state.yml, files is a mapping; write a list"),
        ({"files": ["/etc/one"]}, "state.yml, files number 1 is a text; write a mapping"),
        ({"files": [FILE, dict(FILE, moed="0644")]}, "state.yml, files number 2 has the unknown key 'moed'"),
        ({"files": [{"text": ""}]}, "files number 1 lacks the key 'path'"),
        ({"files": [{"path": "/etc/one"}]}, 'files "/etc/one" has none of template, text'),
        ({"files": [dict(FILE, json={})]}, 'files "/etc/one" has text, json of'),
        ({"files": [{"path": "/a", "template": "no.j2"}]}, 'files "/a": there is no template no.j2 in '),
        (
            {"files": [dict(FILE, validate=["true"])]},
            'files "/etc/one": validate is ["true"]; write a list of words, %s',
        ),
        ({"files": [dict(FILE, otherwise="x")]}, 'files "/etc/one" says otherwise, and validates nothing'),
        ({"files": [{"path": "/a", "made": True, "validate": ["true", "%s"]}]}, 'files "/a" is made by somebody else'),
        ({"files": [dict(FILE, when="{{ a }}")]}, "files number 1: when is a bare condition; leave out the braces"),
        ({"files": [dict(FILE, when=True)]}, "files number 1, when is true; write a text"),
        ({"needs": [{"otherwise": "x"}]}, "has none of folder, file, interface, addresses; give exactly one"),
        ({"needs": [{"otherwise": "x", "file": "/a", "folder": "/b"}]}, "has folder, file of"),
        ({"refuse": [{"when": "a"}]}, "refuse number 1 lacks the key 'because'"),
        ({"sysctls": [{"name": "a"}]}, "sysctls number 1 lacks the key 'value'"),
        ({"units": ["order82-one.service"]}, "no file of the state brings the unit order82-one.service"),
        (
            {"units": ["order82-two@a.service"], "files": [UNIT_FILE]},
            "no file of the state brings the unit order82-two@a",
        ),
        (
            {"units": [{"unit": "a.service", "package": "a"}]},
            'units "a.service": its package a is none of the state\'s',
        ),
        (
            {"units": [{"unit": "order82-one.service", "restart_for": "/a"}], "files": [UNIT_FILE]},
            'restart_for is "/a"; write a list of names',
        ),
        (
            {"units": [{"unit": "order82-one.service", "reload_for": ["/a", "/a"]}], "files": [UNIT_FILE]},
            "names '/a' twice",
        ),
        ({"units": [{"unit": "order82-one.service", "runs": True}], "files": [UNIT_FILE]}, "unknown key 'runs'"),
        ({"ask": ["true"]}, 'ask is ["true"]; write names'),
        ({"ask": {"works": "true"}}, "ask is "),
        ({"goes_last": "yes"}, 'goes_last is "yes"; write true'),
    ],
)
def test_what_is_not_understood_is_refused_with_file_and_entry(write, sections, sentence):
    said = refusal(write(**sections))
    assert sentence in said
    assert "alpha/state.yml" in said


def test_key_that_stands_twice(write):
    path = write()
    path.write_text("packages: [a]\npackages: [b]\n")
    assert "the key 'packages' stands twice" in refusal(path)


@pytest.mark.parametrize(
    "sections", [{"files": [FILE, dict(FILE, text="2")]}, {"files": [FILE], "folders": ["/etc/one"]}]
)
def test_path_that_stands_twice_in_a_role(write, sections):
    with pytest.raises(
        DataError, match=r"/etc/one is laid down in .*alpha/state.yml, files already; let one of them do it"
    ):
        load_states(write(**sections).parents[1])


def test_path_that_two_roles_claim(write):
    write(files=[FILE])
    roles = write("beta", files=[FILE]).parents[1]
    with pytest.raises(
        DataError, match=r"beta/state.yml, files: /etc/one is laid down in .*alpha/state.yml, files already"
    ):
        load_states(roles)


def test_a_template_brings_the_unit_of_each_instance(write):
    template = {"path": "/etc/systemd/system/order82-two@.service", "text": ""}
    state = load_state(write(units=["order82-two@a.b.service"], files=[template]), "alpha")
    assert [one["unit"] for one in state.sections["units"]] == ["order82-two@a.b.service"]


def test_every_role_has_a_state_that_is_understood():
    assert sorted(collection.states()) == sorted(path.parent.name for path in ROLES.glob("*/tasks"))
