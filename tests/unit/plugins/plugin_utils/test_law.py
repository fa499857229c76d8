# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from ansible_collections.order82.baseline.plugins.plugin_utils import collection
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import ROOT, DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.law import load_law


@pytest.fixture
def folder(tmp_path):
    """A copy of the law, to be spoilt."""
    return shutil.copytree(ROOT / "law", tmp_path / "law")


def spoil(folder, name, old, new):
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(old) >= 1
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_provision_is_read(law):
    numbers = {name.partition("-")[0] for name in law.provisions}
    assert numbers == {f"art{number}" for number in range(1, 20)}
    assert law.order == 82
    assert law.provisions["art10-3"].binds == ("networking_unit",)


def test_a_sentence_with_commas_is_whole(law):
    assert law.provisions["art7-1"].en == "Measures against computer viruses, network intrusion, attack and sabotage."
    assert law.unit_types["public_venue"]["en"].endswith("(Internet cafe, hotel, library)")


def test_services_narrow_the_provisions_that_name_them(law):
    assert law.provisions["art8-2"].services == ("uses_nat",)
    assert set(law.provisions["art9-5"].services) == {"mail", "sms"}
    assert law.provisions["art11"].services == ()


def test_a_sentence_that_asks_for_several_measures_names_them(law):
    assert "antivirus" in law.provisions["art7-1"].measures
    assert law.provisions["art13"].measures == ()


def test_manual_provisions_say_what_to_show_and_no_other_does(law):
    assert {name for name, provision in law.provisions.items() if provision.show} == {
        "art3",
        "art4-system",
        "art6",
        "art7-4",
        "art12",
        "art16-attendance",
        "art16-rectification",
    }
    assert "GA" in law.provisions["art12"].show["en"]


def test_the_hash_says_which_text_was_read(law, folder):
    assert load_law(folder).files == law.files
    spoil(folder, "order82.yml", "Purpose and basis:", "Basis and purpose:")
    assert load_law(folder).files["law/order82.yml"] != law.files["law/order82.yml"]


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("order82.yml", "kind: frame", "kind: fame", "unknown kind"),
        ("order82.yml", "binds: [authority]", "binds: [police]", "unknown unit type"),
        ("order82.yml", "binds: [authority]", "binds: []", "binds nobody"),
        ("order82.yml", "binds: [authority]", "binds: [all, all]", "twice"),
        ("order82.yml", "- id: art2\n", "- id: art1\n", "stands twice"),
        ("order82.yml", "- id: art2\n", "- colour: red\n    id: art2\n", "unknown key 'colour'"),
        ("order82.yml", "- id: art2\n    zh_checked: true\n", "- id: art2\n", "lacks the key 'zh_checked'"),
        ("order82.yml", "- id: art2\n    zh_checked: true", "- id: art2\n    zh_checked: maybe", "zh_checked"),
        ("order82.yml", "issuer:", "publisher:", "unknown key 'publisher'"),
        ("order82.yml", "in_force: 2006-03-01", "in_force: March", "no date"),
        ("order82.yml", "provisions:", "provisions: {}\nother:", "unknown key"),
        ("application.yml", "[art8-2, art10-3]", "[art8-2, art99]", "unknown provision"),
        ("application.yml", "[art8-2, art10-3]", "[art8-2, art1]", "unknown provision"),
        ("application.yml", "  art16-attendance:", "  art5:", "unknown provision"),
        ("application.yml", "  art16-attendance:", "  art16-officers:", "unknown provision"),
        ("application.yml", "implies: [public_information]", "implies: [portals]", "unknown service"),
        ("application.yml", "\nmust_say:\n  information_service:", "\nmust_say:\n  portal:", "unknown unit type"),
        ("application.yml", "sms, other_information]", "sms, nothing]", "unknown service"),
        ("application.yml", "  portal:\n    zh:", "  portal:\n    cn:", "unknown key 'cn'"),
        ("application.yml", "  portal:", "  forum:", "stands twice"),
        ("application.yml", "checks: [log_forwarder.recorders]", "checks: []", "names no check"),
        ("application.yml", "unless: [fixed_access]", "unless: [venue]", "unknown service"),
        ("application.yml", "types: [access_provider, public_venue]", "types: [isp]", "unknown unit type"),
        ("application.yml", "\nparts:\n", "\nparts:\n  art1: {}\n", "unknown provision"),
        ("application.yml", "\nmanual:", "\nmanually:", "unknown key 'manually'"),
        ("application.yml", "[important_databases, ", "[important_databases, luck, ", 'unknown declaration "luck"'),
        ("application.yml", "\nmeasures:", "\nmeasures: []\nother:", "unknown key 'other'"),
        ("application.yml", "  art8-3: [", "  art1: [", "unknown provision"),
        ("application.yml", "  art8-3: [", "  art8-3: [network_state, ", "twice"),
        ("application.yml", "\nservices:", "\nservices: [", "application.yml line"),
    ],
)
def test_what_is_not_understood_is_refused(folder, name, old, new, sentence):
    spoil(folder, name, old, new)
    with pytest.raises(DataError, match=name.replace(".", r"\.")) as refused:
        load_law(folder)
    assert sentence in str(refused.value)


def test_each_part_is_shown_by_checks_that_prove_the_provision(law):
    checks = {check.id: check for mine in collection.role_checks().values() for check in mine}
    for name, provision in law.provisions.items():
        for part in provision.parts:
            assert part.checks
            assert [one for one in part.checks if name not in checks[one].proves] == []


def test_the_users_of_an_access_provider_are_its_subscribers(law):
    parts = {part.id: part for part in law.provisions["art7-3"].parts}
    assert set(parts) == {"host_sessions", "subscriber_sessions", "maintenance"}
    assert "access_provider" in parts["subscriber_sessions"].types
    assert parts["host_sessions"].types == parts["maintenance"].types == ()


def test_a_missing_file_is_named(folder):
    (folder / "application.yml").unlink()
    with pytest.raises(DataError, match="does not exist"):
        load_law(folder)


def test_a_file_in_another_encoding_is_named(folder):
    (folder / "application.yml").write_bytes("名".encode("gbk"))
    with pytest.raises(DataError, match="can't be read"):
        load_law(folder)


def test_the_file_is_yaml_for_others_too():
    with (ROOT / "law" / "application.yml").open(encoding="utf-8") as file:
        assert set(yaml.safe_load(file)) == {"services", "must_say", "measures", "parts", "declares", "manual"}


TEXT = yaml.safe_load((Path(__file__).parents[3] / "fixtures" / "law" / "order82_zh.yml").read_text(encoding="utf-8"))
ITEMS = "一二三四五"


def clauses(law, number):
    return [one for name, one in law.provisions.items() if name.partition("-")[0] == f"art{number}"]


@pytest.mark.parametrize("number", range(1, 20))
def test_the_chinese_is_the_orders_whole_text(law, number):
    """Sentence by sentence; of an article with items, all but the words before the colon, which say whom it binds."""
    text, said = TEXT["articles"][number], [one.zh for one in clauses(law, number)]
    if "：（一）" in text:
        text = text.partition("：")[2]
        said = [f"（{ITEMS[place]}）{zh}" for place, zh in enumerate(said)]
    assert "".join(said) == text


def test_only_what_was_compared_reads_checked(law):
    def compared(name):
        article, _dash, item = name.removeprefix("art").partition("-")
        return article in TEXT["compared"] or f"{article}({item})" in TEXT["compared"]

    assert {name for name, one in law.provisions.items() if one.zh_checked} == {
        name for name in law.provisions if compared(name)
    }


def test_article_16_tells_the_authoritys_duties_from_the_units(law):
    assert {one.id: one.binds for one in clauses(law, 16)} == {
        "art16-supervision": ("authority",),
        "art16-attendance": ("all",),
        "art16-rectification": ("all", "authority"),
        "art16-officers": ("authority",),
    }


@pytest.mark.parametrize("service", ["portal", "forum", "publishing", "public_information"])
@pytest.mark.parametrize("provision", ["art9-1", "art10-2"])
def test_a_portal_a_forum_and_a_publisher_inform_the_public(law, service, provision):
    assert service in law.provisions[provision].services


def test_mail_and_text_messages_do_not(law):
    assert not {"mail", "sms", "other_information"} & set(law.provisions["art9-1"].services)
