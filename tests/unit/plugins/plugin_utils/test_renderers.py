# SPDX-License-Identifier: GPL-3.0-or-later
"""index.html, junit.xml and result.json show what the result says, and nothing that a host sends takes effect in them."""

from __future__ import annotations

import datetime
import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.judge import Case, judge
from ansible_collections.order82.baseline.plugins.plugin_utils.outcomes import HostRun, Seen
from ansible_collections.order82.baseline.plugins.plugin_utils.render_html import render_html
from ansible_collections.order82.baseline.plugins.plugin_utils.render_json import render_json
from ansible_collections.order82.baseline.plugins.plugin_utils.render_junit import render_junit
from ansible_collections.order82.baseline.plugins.plugin_utils.unit import Unit
from ansible_collections.order82.baseline.plugins.plugin_utils.waivers import Waiver

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
HOSTILE = "</td><script>alert(1)</script>\"'&\x1b[31m\x00\u202egpj.exe\ufffe"
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """The elements of a page, and whether each is closed where it should be."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.wrong, self.texts = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def result(judged):
    """A result with every outcome in it, and hostile text in every place that a host or a person can reach."""
    return judged({})


@pytest.fixture
def judged(law, make_check):
    """A function from the overlays that are off to that result."""
    return lambda off: _judged(law, make_check, off)


def _judged(law, make_check, off):
    runs = {
        "web": HostRun("seen", "", {"alpha.key": {}, "alpha.off": {"applies": False}}, {
            "alpha.key": Seen({"mode": "0644", "owner": HOSTILE, HOSTILE: [HOSTILE]}, None, HOSTILE)}),
        "db": HostRun("seen", "", {"alpha.key": {}, "alpha.off": {}}, {
            "alpha.key": Seen({"mode": "0640", "owner": "root"}, None, "2026-01-01T11:59:59Z"),
            "alpha.off": Seen(None, HOSTILE, "2026-01-01T11:59:59Z")}),
        HOSTILE: HostRun("unreachable", HOSTILE, {"alpha.key": {}, "alpha.off": {}}, {}),
        "gone": HostRun("broken", HOSTILE, {"alpha.key": {}, "alpha.off": {}}, {}),
        "old": HostRun("seen", "", {"alpha.key": {}, "alpha.off": {"applies": False}}, {
            "alpha.key": Seen({"mode": "0600"}, None, None)}),
    }  # fmt: skip
    checks = {
        "alpha": [make_check(), make_check(id="alpha.off", when="x")],
        "beta": [make_check(id="beta.nat", proves=["art8-2"])],
    }
    waivers = [
        Waiver("alpha.key", ("old",), HOSTILE, HOSTILE, datetime.date(2026, 6, 30)),
        Waiver("alpha.key", ("web",), "ordered", "Li Wei", datetime.date(2025, 6, 30)),
    ]
    return judge(
        Case(
            law=law,
            unit=Unit(HOSTILE, ("access_provider",), ("uses_nat",), off),
            checks=checks,
            roles={host: ["alpha"] for host in (*runs, "left")},
            runs=runs,
            waivers=waivers,
            collection="0.1.0",
            started=NOW,
            finished=NOW,
            overlays=collection.overlays(),
        )
    )


def test_the_sample_has_every_outcome(result):
    assert {one["outcome"] for one in result["results"]} == {
        "pass",
        "fail",
        "error",
        "not_run",
        "waived",
        "not_applicable",
    }


def test_the_page_is_whole_and_needs_nothing_else(result):
    page = Page(render_html(result))
    assert page.wrong == []
    assert page.open == []
    assert not [element for element, _attributes in page.elements if element in {"script", "img", "link", "iframe"}]
    assert not [one for _tag, one in page.elements if {"src", "onload", "onclick"} & set(one)]
    assert all(one["href"].startswith("#") for _tag, one in page.elements if "href" in one)


def test_what_a_host_sends_is_shown_and_does_nothing(result):
    page = render_html(result)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not {"\x00", "\x1b", "\u202e", "\ufffe"} & set(page) - {"\ufffe"}
    assert "\\u001b[31m\\u0000\\u202egpj.exe" in page


@pytest.mark.parametrize(
    "text",
    [
        "0644",  # observed
        "mode is 0640",  # expected, in words
        "mode 为 0640",
        "stat /etc/key",  # by hand
        "The key",  # why
        "Li Wei",  # waiver
        "2025-06-30",
        "nobody does this",
        "nothing checks them yet",
        "Hosts that could not be inspected",
        "Limited: not the whole unit was inspected",
        "record of each inspection",  # what to show
        "Beside Order 82: Cybersecurity Law of the People's Republic of China",
        "第82号令之外：公安机关网络空间安全监督检查办法（公安部令第176号）",
        "Order 82 requires none of these",
        "以下各项非第82号令所要求",
        "留存相关的网络日志不少于六个月",
        "出示：应急预案",
        "as others report it; its words were not seen",
        "https://www.cac.gov.cn/2025-12/29/c_1768735112911946.htm",
    ],
)
def test_the_page_says_it(result, text):
    assert text in " ".join(" ".join(Page(render_html(result)).texts).split())


def test_every_provision_has_one_row_with_its_outcome(result):
    rows = [one["id"] for tag, one in Page(render_html(result)).elements if tag == "details" and "id" in one]
    assert rows == [one["id"] for one in result["provisions"]]


def test_the_six_months_are_shown_beside_the_sixty_days(result):
    page = render_html(result)
    row = page.partition('id="art13"')[2].partition("</details><details")[0]
    assert 'href="#cybersecurity_law.network_logs"' in row
    assert 'id="cybersecurity_law.network_logs"' in page


def test_the_page_says_how_to_mend_it(result):
    result["overlays"][0]["findings"][0]["mend"] = {"zh": "改为184", "en": "Set it to 184"}
    page = render_html(result)
    assert "改为184" in page
    assert "Set it to 184" in page


def test_an_overlay_that_is_off_says_why_and_nothing_else(judged):
    result = judged({"cybersecurity_law": HOSTILE})
    page = " ".join(Page(render_html(result)).texts)
    assert "Not looked at, because" in page
    assert "留存相关的网络日志不少于六个月" not in page
    [suite] = [
        one for one in ElementTree.fromstring(render_junit(result)) if one.get("name") == "overlay cybersecurity_law"
    ]
    assert (suite.get("tests"), suite.get("skipped")) == ("1", "1")


def test_a_page_in_order_says_so(result):
    result["summary"].update(ok=True, alarms=[])
    page = render_html(result)
    assert "verdict good" in page
    assert "Problems" not in page


def test_junit_counts_as_the_result_does(result):
    suites = ElementTree.fromstring(render_junit(result))
    by_name = {suite.get("name"): suite for suite in suites}
    assert len(suites) == len(result["hosts"]) + 1 + len(result["overlays"])
    assert {key: by_name["db"].get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "2",
        "failures": "0",
        "errors": "1",
        "skipped": "0",
    }
    assert [case.get("name") for case in by_name["web"].iter("testcase") if case.find("failure") is not None] == [
        "alpha.key"
    ]
    provisions = {case.get("name"): case for case in by_name["provisions"]}
    assert provisions["art8-2"].find("failure") is not None  # nobody does this
    assert provisions["art7-1"].find("skipped") is not None  # no check yet
    assert provisions["art12"].find("skipped") is not None  # manual
    assert provisions["art13"].find("failure") is not None


def test_junit_fails_nothing_that_the_order_does_not_require(result):
    by_name = {suite.get("name"): suite for suite in ElementTree.fromstring(render_junit(result))}
    suite = by_name["overlay cybersecurity_law"]
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "1")
    [case] = suite
    assert case.find("skipped").get("message").startswith("fail, not required by Order 82: Nobody does this")
    assert "没有任何主机承担" in case.find("skipped").text


def test_junit_tells_why_in_words(result):
    suites = ElementTree.fromstring(render_junit(result))
    [failure] = [case.find("failure") for case in suites.iter("testcase") if case.find("failure") is not None][:1]
    assert "expected mode is 0640, observed 0644" in failure.get("message")
    assert "应为" in failure.text


def test_what_a_check_does_not_know_yet_stands_in_each_report(result):
    words = {"zh": "bytes 在 2026-01-02 之前尚无法得知", "en": "bytes is not known before 2026-01-02"}
    [one] = [one for one in result["results"] if one["outcome"] == "pass"][:1]
    one["message"] = words
    page = " ".join(Page(render_html(result)).texts)
    suites = ElementTree.fromstring(render_junit(result))
    [said] = suites.iter("system-out")
    for text in words.values():
        assert text in page
        assert text in said.text
        assert text in render_json(result)


def test_json_is_the_result_one_entry_per_line(result):
    text = render_json(result)
    assert json.loads(text) == result
    lines = [line for line in text.splitlines() if '"check": "alpha.key"' in line and '"expected"' in line]
    assert len(lines) == len([one for one in result["results"] if one["check"] == "alpha.key"])


def test_json_refuses_what_json_cannot_say(result):
    result["results"][0]["observed"] = {"offset": float("nan")}
    with pytest.raises(ValueError, match="JSON"):
        render_json(result)
