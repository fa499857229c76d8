# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say of outcomes, hosts and the law is what the code, the inventories and the law say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.plugin_utils.html_parts import WORDS

ROOT = Path(__file__).resolve().parents[2]
OFFICER = (ROOT / "docs" / "officer.md").read_text(encoding="utf-8")
ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
CHINESE = "零一两三四五六七八"
HAN = re.compile("[\u4e00-\u9fff]")
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "README.md",
    *sorted((ROOT / "roles").glob("*/README.md")),
    *sorted((ROOT / "playbooks").glob("*.yml")),
    *sorted((ROOT / "plugins" / "module_utils" / "nat" / "answer").glob("*.py")),
]


def hosts(inventory: str, group: str | None = None) -> set[str]:
    """The hosts of an inventory, or of one group with all below it."""
    top = yaml.safe_load((ROOT / inventory / "hosts.yml").read_text(encoding="utf-8"))["all"]

    def below(name, node, inside):
        inside = inside or group in (None, name)
        found = set(node.get("hosts") or {}) if inside else set()
        return found.union(*(below(child, one or {}, inside) for child, one in (node.get("children") or {}).items()))

    return below("all", top, inside=False)


@pytest.mark.parametrize("outcome", WORDS)
def test_the_officers_page_has_the_reports_words(outcome):
    assert re.search(rf"^\| `{outcome}` {WORDS[outcome][0]} \|", OFFICER, re.MULTILINE)


def test_an_inspection_of_the_lab_is_one_of_so_many_hosts():
    count = len(hosts("inventories/lab", "managed"))
    assert re.findall(f"([{CHINESE}])台主机", OFFICER) == [CHINESE[count]]
    assert re.findall(r"the lab's (\w+) hosts", OFFICER) == [ENGLISH[count]]
    assert f"({ENGLISH[count]} hosts)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", ["backup", "nat", "standby"])
def test_a_scenario_has_as_many_hosts_as_the_page_says(scenario):
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert f"| `{scenario}` | {ENGLISH[len(hosts(f'molecule/{scenario}/inventory'))]} |" in page


@pytest.mark.parametrize("part", re.split(r"^## ", OFFICER, flags=re.MULTILINE))
def test_what_stands_in_english_there_stands_in_chinese(part):
    """The names and numbers of each English paragraph are in the Chinese of the same part."""
    paragraphs = [one for one in part.split("\n\n") if not one.startswith("    ")]
    chinese = "\n".join(one for one in paragraphs if HAN.search(one))
    english = [one for one in paragraphs if one.strip() and not HAN.search(one)]
    assert not english or chinese
    missing = [
        word for one in english for word in re.findall(r"`([^`]+)`|\]\((\w+\.md)\)", one) for word in word if word
    ]
    assert [word for word in missing if word not in chinese] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nobody_is_taught_that_an_inspection_obtains_a_persons_data(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"basis\W{1,3}Order 82|told without it \(article 16\)|两名\s*民警（第十六条）", text)


def test_the_basis_that_is_taught_is_a_statute_and_a_notice():
    taught = re.findall(
        r"basis[: ]+'?(.+?)(?:'|$)", (ROOT / "docs" / "trace.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    examples = [one for one in taught if "article" in one]
    assert examples == ["Data Security Law article 35; notice to obtain evidence 2026-17"] * 2
