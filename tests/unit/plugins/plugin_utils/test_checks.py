# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import OBSERVERS
from ansible_collections.order82.baseline.plugins.plugin_utils.checks import load_checks, load_roles
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError, has_jinja


def test_a_check_is_read(make_check):
    check = make_check(when="order82_collectors | length > 0")
    assert (check.id, check.role, check.observer, check.arguments) == (
        "alpha.key",
        "alpha",
        "file",
        {"path": "/etc/key"},
    )
    assert check.when == "order82_collectors | length > 0"


def test_only_a_sites_own_check_stands_for_a_measure_and_only_for_one_of_what_it_proves(make_check):
    own = {"id": "site.key", "proves": ["art7-1"]}
    assert make_check(**own, stands_for=["antivirus"]).stands_for == ("antivirus",)
    with pytest.raises(DataError, match="unknown key 'stands_for'"):
        make_check(proves=["art7-1"], stands_for=["antivirus"])
    parts = {"id": "site.key", "proves": ["art7-3"]}
    assert make_check(**parts, stands_for=["subscriber_sessions"]).stands_for == ("subscriber_sessions",)
    with pytest.raises(DataError, match="unknown measure"):
        make_check(**own, stands_for=["log_collector"])


def test_jinja_stands_in_for_any_value(make_check):
    check = make_check(observe={"file": {"path": "{{ a }}"}}, expect={"bytes": {"at_least": "{{ b }}"}})
    assert check.expect == {"bytes": {"at_least": "{{ b }}"}}


def test_an_observer_without_arguments_needs_none(make_check):
    assert make_check(observe={"clock": None}, expect={"stratum": {"at_least": 1}}).arguments == {}


def test_roles_are_read_in_order_and_one_without_checks_is_empty(write_checks, law, entry):
    roles = write_checks("beta", {**entry, "id": "beta.key"})
    write_checks("alpha", entry)
    (roles / "gamma").mkdir()
    found = load_roles(law, roles)
    assert {role: [check.id for check in checks] for role, checks in found.items()} == {
        "alpha": ["alpha.key"],
        "beta": ["beta.key"],
        "gamma": [],
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prove": []}, "unknown key 'prove'"),
        ({"id": None}, "write a text"),
        ({"id": "beta.key"}, "the id must be 'alpha.'"),
        ({"id": "alpha"}, "the id must be 'alpha.'"),
        ({"id": "alpha.Key one"}, "the id must be 'alpha.'"),
        ({"proves": []}, "proves nothing"),
        ({"proves": ["art99"]}, "unknown provision"),
        ({"proves": ["art1"]}, "unknown provision that binds a unit"),
        ({"proves": ["art5"]}, "unknown provision that binds a unit"),
        ({"proves": "art13"}, "write a list"),
        ({"proves": ["art13", "art13"]}, "twice"),
        ({"observe": {"fil": {}}}, "unknown observer"),
        ({"observe": {}}, "exactly one observer"),
        ({"observe": {"file": {"path": "/a"}, "clock": {}}}, "exactly one observer"),
        ({"observe": "file"}, "exactly one observer"),
        ({"observe": {"file": {}}}, "needs the argument 'path'"),
        ({"observe": {"file": {"path": "/a", "owner": "x"}}}, "takes no argument 'owner'"),
        ({"observe": {"file": {"path": 5}}}, "it takes a str"),
        ({"observe": {"file": ["/a"]}}, "write a mapping"),
        ({"expect": {}}, "expects nothing"),
        ({"expect": None}, "expects nothing"),
        ({"expect": {"mode": {}}}, "expects nothing of 'mode'"),
        ({"expect": {"mode": "0640"}}, "expects nothing of 'mode'"),
        ({"expect": {"colour": {"equals": "red"}}}, "unknown fact of observer 'file'"),
        ({"expect": {"mode": {"is": "0640"}}}, "unknown comparison"),
        ({"expect": {"mode": {"at_most": 5}}}, "'mode' is a str"),
        ({"expect": {"bytes": {"at_most": "five"}}}, "it takes a number"),
        ({"expect": {"mode": {"equals": None}}}, "it takes a value"),
        ({"expect": {"mode": {"one_of": []}}}, "it takes a list"),
        ({"expect": {"mode": {"matches": "["}}}, "it takes a regular expression"),
        ({"expect": {"mode": {"contains": ""}}}, "it takes a text"),
        ({"expect": {"mode": {"empty": 0}}}, "it takes true or false"),
        ({"severity": "critical"}, "unknown severity"),
        ({"why": {"en": "The key"}}, "lacks the key 'zh'"),
        ({"why": {"zh": "", "en": "The key"}}, "write a text"),
        ({"why": "The key"}, "write a mapping"),
        ({"by_hand": ""}, "write a text"),
        ({"when": ""}, "write a text"),
        ({"when": True}, "write a text"),
        ({"when": "{{ x }}"}, "leave out the braces"),
        ({"otherwise": {"zh": "容器", "en": "A container"}}, "always applies"),
        ({"when": "true", "otherwise": {"en": "A container"}}, "lacks the key 'zh'"),
        ({"why": {"zh": "\u201c私钥\u201d", "en": "The key"}}, "curly quote U+201C"),
    ],
)
def test_what_is_not_understood_is_refused(write_checks, law, entry, changes, sentence):
    path = write_checks("alpha", {**entry, **changes}) / "alpha" / "checks.yml"
    with pytest.raises(DataError, match=r"alpha/checks\.yml") as refused:
        load_checks(path, "alpha", law)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("key", ["proves", "observe", "expect", "severity", "why", "by_hand"])
def test_a_missing_key_is_refused_by_name(write_checks, law, entry, key):
    del entry[key]
    path = write_checks("alpha", entry) / "alpha" / "checks.yml"
    with pytest.raises(DataError, match=f"check 'alpha.key' lacks the key '{key}'"):
        load_checks(path, "alpha", law)


def test_an_id_stands_once(write_checks, law, entry):
    path = write_checks("alpha", entry, entry) / "alpha" / "checks.yml"
    with pytest.raises(DataError, match=r"check 'alpha\.key' stands twice"):
        load_checks(path, "alpha", law)


@pytest.mark.parametrize("text", ["", "{}", "[]", "checks", "- 5", "- id: a\n  id: b", "- {", "- ? [a]\n  : b"])
def test_a_file_that_is_no_list_of_checks_is_refused(tmp_path, law, text):
    path = tmp_path / "checks.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"checks\.yml"):
        load_checks(path, "alpha", law)


def test_jinja_is_found_at_any_depth():
    assert has_jinja({"a": [{"b": "x {{ y }}"}]})
    assert has_jinja("{% if x %}")
    assert not has_jinja({"a": ["x", 5, None]})


@pytest.mark.parametrize("name", OBSERVERS)
def test_every_fact_declares_a_type_that_comparisons_know(name):
    for fact, text in OBSERVERS[name].facts.items():
        kind = text.partition(":")[0].partition(" ")[0]
        assert kind in {"bool", "int", "float", "str", "list", "dict"}, fact
