# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand hostile answers, from the connection to the three reports and the terminal, in the real code.

Whatever a host says: the reports come, what they say of another host is what they said without it, nothing in them is
obeyed by who shows them, and no check passes of which it did not say, in the form that was asked for, that it is in order.
"""

from __future__ import annotations

import datetime
import itertools
import json
import re
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import action_loader
from ansible.template import Templar
from ansible_collections.order82.baseline.plugins.action import report
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.bounds import Bounds
from ansible_collections.order82.baseline.plugins.plugin_utils.checks import load_checks
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import ROOT
from ansible_collections.order82.baseline.plugins.plugin_utils.host_answer import MARK, AnswerError, from_module
from ansible_collections.order82.baseline.plugins.plugin_utils.inspection import read_run
from ansible_collections.order82.baseline.plugins.plugin_utils.judge import Case, judge
from ansible_collections.order82.baseline.plugins.plugin_utils.render_html import render_html
from ansible_collections.order82.baseline.plugins.plugin_utils.render_json import render_json
from ansible_collections.order82.baseline.plugins.plugin_utils.render_junit import render_junit
from ansible_collections.order82.baseline.plugins.plugin_utils.unit import Unit
from attacks import ANSWERS, FORGED, UNSEEN, entry, harmful
from attacks import GOOD as FOLDER
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

HOSTS, ROUNDS = 20, 50 if settings.get_current_profile_name() == "quick" else 500
"""So many liars in one inspection beside one host in order, and so many inspections."""
NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
FILE = {
    "kind": {"equals": "directory"},
    "mode": {"matches": "0[0-7]{3}", "not_equals": "0777"},
    "owner": {"one_of": ["root", "daemon"]},
    "attributes": {"not_contains": "i"},
    "bytes": {"at_least": 1, "at_most": 1_000_000},
    "exists": {"not_equals": False},
}
PAIR = {
    "state": {"equals": "active"},
    "since": {"at_least": 1, "at_most": 2},
    "holds": {"contains": "192.0.2.1"},
    "wrong": {"empty": True},
}
EXPECT = {"site.first": FILE, "site.second": FILE, "site.pair": PAIR}
"""Expectations with every comparison; between them the facts are of every kind but mappings."""
GOOD = {
    "site.first": FOLDER,
    "site.second": FOLDER,
    "site.pair": {"state": "active", "since": 1.5, "holds": ["192.0.2.1"], "wrong": []},
}
OBSERVE = {"site.first": {"file": {"path": "/"}}, "site.second": {"file": {"path": "/"}}, "site.pair": {"standby": {}}}
NAMES = tuple(OBSERVE)
SCHEMA = json.loads((ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8"))
RESULTS = jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], **SCHEMA["properties"]["results"]})
HONEST = f"{MARK}{json.dumps([entry(name, GOOD[name]) for name in NAMES])}\n".encode()


class Stranger(ConnectionBase):
    """A connection to a host that says what it is given to say."""

    transport = "stranger"
    said = (0, b"", b"")

    def _connect(self):
        return self

    def is_pipelining_enabled(self, _wrap_async=False):
        return True

    def exec_command(self, *_words, **_named):
        return self.said

    def put_file(self, *_words):
        raise NotImplementedError

    fetch_file = put_file

    def close(self):
        pass


@pytest.fixture(scope="module")
def observe():
    """A function from what a host says (exit code, stdout, stderr) to what check_info registers."""
    loader, context = DataLoader(), PlayContext()
    connection = Stranger(context)
    action = action_loader.get(
        "order82.baseline.check_info",
        task=Task.load({"order82.baseline.check_info": {}}),
        connection=connection,
        play_context=context,
        loader=loader,
        templar=Templar(loader=loader, variables={}),
        shared_loader_obj=None,
    )

    def said(*said, names=NAMES):
        connection.said, action._bounds = said, Bounds(60, 2**20)
        asked = [{"id": name, "observe": OBSERVE[name]} for name in names]
        return {**action._ask(asked, {}), "resolved": [{"id": name} for name in names]}

    return said


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A function from results of check_info by host to result.json, index.html, junit.xml and the terminal's lines."""
    law, path = collection.law(), tmp_path_factory.mktemp("checks") / "checks.yml"
    common = {"proves": ["art13"], "severity": "low", "why": {"zh": "测试", "en": "A test"}, "by_hand": "stat /"}
    written = [{"id": name, "observe": OBSERVE[name], "expect": EXPECT[name], **common} for name in NAMES]
    path.write_text(yaml.safe_dump(written), encoding="utf-8")
    checks, unit = {"site": load_checks(path, "site", law)}, Unit("A test", ("public_venue",), ())

    def report_of(results):
        runs = {host: read_run(result) for host, result in results.items()}
        text = render_json(judge(Case(law, unit, checks, {}, runs, [], "0.1.0", NOW, NOW)))
        result = json.loads(text)
        return result, (
            text,
            render_html(result),
            render_junit(result),
            "\n".join(report.lines(result["summary"]["alarms"])),
        )

    return report_of


def of(result, host):
    """What is reported of a host."""
    return [one for one in result["results"] if one["host"] == host]


@pytest.fixture(scope="module")
def alone(observe, reported):
    """What is reported of the host in order where there is no other."""
    result, _texts = reported({"honest": observe(0, HONEST, b"")})
    assert [one["outcome"] for one in of(result, "honest")] == ["pass", "pass", "pass"]
    return of(result, "honest")


class Pairs(list):
    """A mapping of JSON with all of its keys, those that stand twice too."""


def in_order(stdout, names):
    """The checks of which a host says by all rules that they are in order: worked out in another way than the product."""
    answer = stdout.decode("utf-8", "replace").rpartition(MARK)[2].split("\n")[0]
    try:
        entries = json.loads(answer, object_pairs_hook=Pairs)
        asked = sorted(dict(one)["check"] for one in entries)
    except (ValueError, TypeError, KeyError, RecursionError):
        return set()
    if not isinstance(entries, list) or asked != sorted(names):
        return set()
    return {dict(one)["check"] for one in entries if is_in_order(one)}


def is_in_order(one):
    keys = dict(one)
    if len(one) != 4 or set(keys) != {"check", "observed", "error", "at"} or keys["error"] is not None:
        return False
    if not isinstance(keys["at"], str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", keys["at"], re.ASCII):
        return False
    if not isinstance(keys["observed"], Pairs):
        return False
    good, facts = GOOD[keys["check"]], dict(keys["observed"])
    if len(keys["observed"]) != len(good) or set(facts) != set(good):
        return False
    # A fact that nothing is expected of may be unknown.
    known = {name for name, fact in facts.items() if fact is not None or name in EXPECT[keys["check"]]}
    if any(type(facts[name]) is not type(good[name]) for name in known - {"since"}):
        return False
    if keys["check"] != "site.pair":
        return (
            facts["kind"] == "directory"
            and re.fullmatch("0[0-7]{3}", facts["mode"]) is not None
            and facts["mode"] != "0777"
            and facts["owner"] in {"root", "daemon"}
            and "i" not in facts["attributes"]
            and 1 <= facts["bytes"] <= 1_000_000
            and facts["exists"] is True
        )
    return (
        facts["state"] == "active"
        and type(facts["since"]) in {int, float}
        and 1 <= facts["since"] <= 2
        and "192.0.2.1" in facts["holds"]
        and facts["wrong"] == []
    )


TEXTS = st.one_of(
    st.text(st.characters(codec=None, categories=None), max_size=8),
    st.sampled_from(
        [UNSEEN, FORGED, "", "directory", "0644", "root", "site.first", "{{ 7 * 7 }}", "</td><script>", "x" * 20_000]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2_000_000),
    st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**30, 10**4000, 1e308, -0.0, float("nan"), float("inf")]),
    st.floats(),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)
PLACES = st.sampled_from(["check", "observed", "error", "at"])
RAW = st.sampled_from(
    [
        *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000, "0x10", "01", "1.", "tru", "'a'"),
        *("[" * 2000, '{"a":' * 2000, "[" * 20 + "]" * 20, '{"a":1,"a":2}', '"' + "x" * 100_000 + '"', "", "null,"),
        *('"\\ud800"', '"\\udfff\\ud800"', '"\x1b[31m"', '"\x00"', "\ufeff", "\u2028"),
    ]
)


def changed_fact(draw, entries, one):
    one["observed"][draw(st.sampled_from([*one["observed"]]))] = draw(VALUES)
    return entries


def raw_fact(draw, entries, one):
    one["observed"][draw(st.sampled_from([*one["observed"]]))] = "RAW"
    return entries


def foreign_fact(draw, entries, one):
    one["observed"][draw(TEXTS)] = draw(VALUES)
    return entries


def lost_fact(draw, entries, one):
    del one["observed"][draw(st.sampled_from([*one["observed"]]))]
    return entries


def changed_place(draw, entries, one):
    one[draw(PLACES)] = draw(VALUES)
    return entries


def foreign_place(draw, entries, one):
    one[draw(TEXTS)] = draw(VALUES)
    return entries


def lost_place(draw, entries, one):
    del one[draw(PLACES)]
    return entries


def error(draw, entries, one):
    one["error"], one["observed"] = draw(TEXTS), draw(st.sampled_from([None, FOLDER]))
    return entries


def foreign_answer(draw, entries, one):
    return [entry(draw(TEXTS)), *entries]


def one_more(draw, entries, one):
    more = draw(st.one_of(st.sampled_from(entries), VALUES))
    return draw(st.sampled_from([[*entries, more], [more, *entries]]))


def another_shape(draw, entries, one):
    return draw(st.one_of(VALUES, st.just([one]), st.just(dict(zip(NAMES, entries, strict=True)))))


CHANGES = [
    *(
        changed_fact,
        changed_fact,
        raw_fact,
        raw_fact,
        foreign_fact,
        lost_fact,
        changed_place,
        foreign_place,
        lost_place,
    ),
    *(error, foreign_answer, one_more, another_shape),
]


def cut_off(draw, said):
    return said[: draw(st.integers(0, len(said)))]


def noise(draw, said):
    at = draw(st.integers(0, len(said)))
    return said[:at] + draw(st.binary(min_size=1, max_size=3)) + said[at:]


def more_of_it(draw, said):
    return draw(
        st.sampled_from([said * 2, said + HONEST, HONEST + said, said.strip(), said[1:], b"", said[:-1] + b"}"])
    )


def key_twice(draw, said):
    key = draw(st.sampled_from([b'"kind":', b'"check":', b'"observed":', b'"at":']))
    return said.replace(key, key + b" null, " + key, 1)


def lost_character(draw, said):
    return said.replace(draw(st.sampled_from([b"[", b"{", b'"', b",", b":", b"true", b"null"])), b"", 1)


MANGLED = [None, None, None, None, None, cut_off, noise, more_of_it, key_twice, lost_character]
CODES = [0, 0, 0, 1, -9, 255]
COMPLAINTS = [b"", FORGED.encode(), b"\xff\x00\xe2"]
FORMS = st.sampled_from([*itertools.product(CHANGES, range(len(NAMES)), (False, True), MANGLED, CODES, COMPLAINTS)])
"""What is otherwise in which answer, and how it is told: drawn at once, as each draw takes as long as a judgement."""


@st.composite
def answers(draw):
    """What a host that was taken over says: an answer in order, in which something is otherwise."""
    entries = [entry(name, dict(GOOD[name])) for name in NAMES]
    change, number, ascii_only, mangled, code, complaint = draw(FORMS)
    text = json.dumps(change(draw, entries, entries[number]), ensure_ascii=ascii_only)
    if '"RAW"' in text:
        text = text.replace('"RAW"', draw(RAW))
    said = f"{MARK}{text}\n".encode("utf-8", "surrogatepass")
    return code, mangled(draw, said) if mangled else said, complaint


def examine(liars, observe, reported, alone, names=NAMES):
    """What must hold of an inspection of these liars and one host in order.

    :return: the results.
    """
    results = {"honest": observe(0, HONEST, b""), **{host: observe(*said, names=names) for host, said in liars.items()}}
    result, texts = reported(results)
    assert of(result, "honest") == alone
    assert [host["name"] for host in result["hosts"]] == [*results]
    for host, (_code, stdout, _stderr) in liars.items():
        outcomes = {one["check"]: one["outcome"] for one in of(result, host)}
        assert {outcomes[name] for name in names} <= {"pass", "fail", "error"}
        assert {name for name, outcome in outcomes.items() if outcome == "pass"} <= in_order(stdout, names), stdout
        with_module = b'{"changed": false, "observations": ' + stdout.rpartition(MARK.encode())[2].strip() + b"}"
        try:
            from_module(with_module.decode("utf-8", "replace"), "observations")
        except AnswerError as error:
            assert str(error)
    assert not set().union(*map(harmful, texts))
    assert len(ElementTree.fromstring(texts[2])) == len(results) + 1
    assert all(line.startswith("- ") for line in texts[3].splitlines())
    return result["results"]


@pytest.mark.parametrize("name", ANSWERS)
def test_a_named_attack(name, observe, reported, alone):
    said = f"{MARK}{ANSWERS[name]}\n".encode("utf-8", "surrogatepass")
    RESULTS.validate(examine({"liar": (0, said, b"")}, observe, reported, alone, NAMES[:2]))


def test_any_answer(observe, reported, alone):
    seen = []

    @settings(
        max_examples=ROUNDS,
        phases=[Phase.generate],  # what fails is named; to make it small would take minutes
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(answers(), min_size=HOSTS, max_size=HOSTS))
    def holds(said):
        seen.append(len(said))
        results = examine({f"liar{number}": one for number, one in enumerate(said)}, observe, reported, alone)
        if len(seen) % 100 == 0:  # it takes longer than all the rest
            RESULTS.validate(results)

    holds()
    assert sum(seen) >= HOSTS * ROUNDS
