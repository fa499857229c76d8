# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a role says to the state of one host: conditions, loops, contents; and values that can't be right."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.host_zipapp import zipapp
from ansible_collections.order82.baseline.plugins.plugin_utils.state import load_state
from ansible_collections.order82.baseline.plugins.plugin_utils.state_values import resolve_state, without_contents

UNIT_FILE = {"path": "/etc/systemd/system/order82-one.service", "text": ""}


@pytest.fixture
def resolved(tmp_path, state_engine):
    """A function from sections of a state.yml, and the host's variables, to the state of that host."""
    role = tmp_path / "alpha"
    (role / "templates").mkdir(parents=True)

    def resolve(variables=(), present=True, template="", refusing=True, **sections):
        (role / "state.yml").write_text(json.dumps(sections))
        (role / "templates" / "one.j2").write_text(template)
        engine = state_engine(dict(variables), str(tmp_path))
        return resolve_state(load_state(role / "state.yml", "alpha"), engine, present, refusing, tmp_path)

    return resolve


def text_of(entry):
    return base64.b64decode(entry["content"]).decode()


def test_each_and_when_and_values(resolved):
    state = resolved(
        {"names": ["a", "b", "c"], "not_b": "b", "mode": "0600"},
        files=[
            {
                "each": "{{ names }}",
                "when": "item != not_b",
                "path": "/etc/{{ item }}",
                "text": "of {{ item }}\n",
                "mode": "{{ mode }}",
            }
        ],
    )
    assert [(one["path"], text_of(one), one["mode"]) for one in state["files"]] == [
        ("/etc/a", "of a\n", "0600"),
        ("/etc/c", "of c\n", "0600"),
    ]


def test_contents_of_each_source(resolved, tmp_path):
    (tmp_path / "site.bin").write_bytes(b"\xff\x00")
    state = resolved(
        {"words": ["b", "a"], "name": "web"},
        template="{% for one in words %}\n{{ one }} {{ name }} \\n\n{% endfor %}\nend\n",
        files=[
            {"path": "/t", "template": "one.j2"},
            {"path": "/j", "json": {"b": "{{ words }}", "a": {"n": "{{ words | length }}"}}},
            {"path": "/c", "copy": "site.bin"},
            {"path": "/p", "program": True},
            {"path": "/m", "made": True},
        ],
    )
    template, json_, copy, program, made = state["files"]
    assert text_of(template) == "b web \\n\na web \\n\nend\n"
    assert json.loads(text_of(json_)) == {"a": {"n": 2}, "b": ["b", "a"]}
    assert text_of(json_).startswith('{\n    "a"')
    assert base64.b64decode(copy["content"]) == b"\xff\x00"
    assert base64.b64decode(program["content"]) == zipapp()
    assert made["made"] and not template["made"]


def test_what_a_host_says_is_no_template(resolved):
    """A fact that looks like an expression is a text and nothing is run for it on the controller."""
    state = resolved({"said": "{{ 7 * 7 }}"}, files=[{"path": "/a", "text": "{{ said }}"}], template="")
    assert text_of(state["files"][0]) == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        (
            {"files": [{"path": "/a", "text": "", "mode": "644"}]},
            'the mode is "644"; write four octal digits as a text',
        ),
        ({"files": [{"path": "/a", "text": "", "mode": 420}]}, 'the mode is "420"'),
        ({"folders": [{"path": "/a", "mode": "0798"}]}, 'the mode is "0798"'),
        ({"files": [{"path": "a", "text": ""}]}, '"a" is no path'),
        ({"files": [{"path": "/a/../b", "text": ""}]}, '"/a/../b" is no path'),
        ({"files": [{"path": "/../b", "text": ""}]}, '"/../b" is no path'),
        ({"files": [{"path": "/./b", "text": ""}]}, '"/./b" is no path'),
        ({"files": [{"path": "//b", "text": ""}]}, '"//b" is no path'),
        ({"files": [{"path": "/a//b", "text": ""}]}, '"/a//b" is no path'),
        ({"files": [{"path": "/a/..", "text": ""}]}, '"/a/.." is no path'),
        ({"files": [{"path": "/a\nb", "text": ""}]}, "is no path"),
        ({"folders": ["/a/"]}, '"/a/" is no path'),
        ({"folders": ["/"]}, '"/" is no path'),
        ({"files": [{"path": "/{{ name }}", "text": ""}]}, '"/" is no path'),
        ({"leftovers": ["var/lib/x"]}, '"var/lib/x" is no path'),
        ({"accounts": [{"name": "a", "home": "home"}]}, '"home" is no path'),
        ({"files": [{"path": "/a", "text": "{{ nobody_set_this }}"}]}, 'files "/a" (number 1): '),
        ({"files": [{"path": "/a", "copy": "nowhere"}]}, "nowhere"),
        ({"files": [{"path": "/a", "text": "", "when": "nobody_set_this"}]}, "nobody_set_this"),
        ({"units": [{"unit": "order82-one", "package": "systemd"}]}, '"order82-one" is no unit'),
        ({"units": [{"unit": "a;b.service", "package": "systemd"}]}, "is no unit"),
        ({"units": [{"unit": "--root.service", "package": "systemd"}]}, "is no unit"),
        (
            {"units": [{"unit": "a.service", "package": "systemd", "running": "yes"}]},
            'running is "yes"; write true, false, or null',
        ),
        ({"units": [{"unit": "{{ 'order82-x.service' }}"}], "files": [UNIT_FILE]}, "brings the unit order82-x.service"),
        ({"refuse": [{"when": "name == ''", "because": "Give {{ 'it' }} a name."}]}, "Give it a name."),
        (
            {"files": [{"each": "{{ [1, 2] }}", "path": "/a", "text": ""}]},
            "/a is laid down in ",
        ),
    ],
)
def test_what_can_not_be_right_is_refused_with_the_entry(resolved, sections, sentence):
    with pytest.raises(DataError) as caught:
        resolved({"name": ""}, **sections)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_measure_that_is_to_go_refuses_nothing_and_needs_nothing(resolved):
    state = resolved(
        present=False,
        refusing=False,
        refuse=[{"when": "true", "because": "never"}],
        needs=[{"folder": "/nowhere", "otherwise": "x"}],
        files=[{"path": "/a", "text": "a"}],
    )
    assert (state["present"], state["refuse"], state["needs"]) == (False, [], [])
    assert [one["path"] for one in state["files"]] == ["/a"]


def test_unit_by_default_starts_at_boot_and_runs_and_a_masked_one_does_neither(resolved):
    plain, masked = resolved(
        units=[{"unit": "a.service", "package": "systemd"}, {"unit": "b.socket", "package": "systemd", "masked": True}]
    )["units"]
    assert (plain["enabled"], plain["running"], plain["masked"]) == (True, True, False)
    assert (masked["enabled"], masked["running"], masked["masked"]) == (None, None, True)


def test_state_without_contents_has_no_secret(resolved):
    state = resolved(files=[{"path": "/a", "text": "plain"}, {"path": "/b", "text": "gate-ajar-7", "secret": True}])
    secret = base64.b64encode(b"gate-ajar-7").decode()
    assert secret in json.dumps(state)
    for texts in (True, False):
        assert secret not in json.dumps(without_contents(state, texts))
    assert "content" in without_contents(state, texts=True)["files"][0]
    assert "content" not in without_contents(state)["files"][0]
