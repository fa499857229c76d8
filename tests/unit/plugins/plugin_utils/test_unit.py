# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError
from ansible_collections.order82.baseline.plugins.plugin_utils.unit import Unit, binding, read_unit

CAFE = Unit("A cafe", ("public_venue",), ())
ISP = Unit("An ISP", ("access_provider",), ("uses_nat",))


@pytest.mark.parametrize(
    ("provision", "unit", "applies"),
    [
        ("art1", ISP, False),  # frame
        ("art5", ISP, False),  # the authority alone
        ("art16-attendance", ISP, True),  # everyone
        ("art16-rectification", ISP, True),  # everyone, and the authority
        ("art16-officers", ISP, False),  # the authority alone
        ("art9-1", Unit("P", ("information_service",), ("forum",)), True),  # a forum is a public information service
        ("art10-2", Unit("N", ("networking_unit",), ("portal",)), True),
        ("art10-2", Unit("N", ("networking_unit",), ("mail",)), False),
        ("art7-1", CAFE, True),  # everyone
        ("art8-1", ISP, True),
        ("art8-1", CAFE, False),  # another type
        ("art8-2", ISP, True),
        ("art8-2", Unit("ISP", ("access_provider",), ()), False),  # without the service
        ("art10-3", ISP, False),  # the service, but another type
        ("art9-2", Unit("P", ("information_service",), ("forum",)), True),  # one of two services
        ("art11", CAFE, True),  # a type that needs no service
        ("art12", Unit("N", ("networking_unit",), ()), False),
    ],
)
def test_who_is_bound(law, provision, unit, applies):
    bound = binding(law.provisions[provision], unit, law)
    assert bound.applies is applies
    assert bound.reason["zh"]
    assert bound.reason["en"]


def test_the_reason_is_the_profiles_line(law):
    assert "order82_unit.types is public_venue" in binding(law.provisions["art8-1"], CAFE, law).reason["en"]
    without = binding(law.provisions["art8-2"], Unit("ISP", ("access_provider",), ()), law).reason
    assert "order82_unit.services does not have uses_nat" in without["en"]
    assert "order82_unit.services" in without["zh"]


def test_a_profile_is_read(law):
    profile = {"name": "An ISP", "types": ["access_provider"], "services": ["uses_nat"]}
    assert read_unit(profile, law) == ISP


@pytest.mark.parametrize("services", [[], ["uses_nat"]])
def test_an_information_service_says_what_it_offers(law, services):
    with pytest.raises(DataError) as refused:
        read_unit({"name": "x", "types": ["information_service"], "services": services}, law)
    assert str(refused.value) == (
        "order82_unit.services says nothing of what the unit offers as information_service; name what it offers of: "
        "public_information, publishing, forum, portal, mail, sms; or other_information if it offers information services "
        "that are none of these"
    )


def test_none_of_them_is_said_expressly(law):
    unit = read_unit({"name": "x", "types": ["information_service"], "services": ["other_information"]}, law)
    assert not [
        name for name in law.provisions if name.startswith("art9-") and binding(law.provisions[name], unit, law).applies
    ]


def test_an_overlay_is_switched_off_with_a_reason(law):
    profile = {"name": "x", "types": ["public_venue"], "services": [], "overlays_off": {"csl": "a closed network"}}
    assert read_unit(profile, law, ["csl"]).overlays_off == {"csl": "a closed network"}


@pytest.mark.parametrize(
    ("off", "sentence"),
    [
        ({"csl": ""}, "reason for 'csl' is \"\"; write a text"),
        ({"cls": "x"}, 'unknown overlay "cls"; there are: csl'),
        (["csl"], "write a mapping from an overlay to the reason"),
    ],
)
def test_not_without_one(law, off, sentence):
    with pytest.raises(DataError, match=r"order82_unit\.overlays_off") as refused:
        read_unit({"name": "x", "types": ["public_venue"], "services": [], "overlays_off": off}, law, ["csl"])
    assert sentence in str(refused.value)


def test_what_only_the_unit_knows_is_read_or_not_said(law):
    profile = {"name": "x", "types": ["public_venue"], "services": []}
    assert (read_unit(profile, law).important_databases, read_unit(profile, law).main_equipment) == (None, None)
    said = {"important_databases": {}, "main_equipment": {"gw1": {"twin": "gw2"}, "ap": {}}}
    unit = read_unit(profile | said, law)
    assert (unit.important_databases, unit.main_equipment) == ({}, {"gw1": {"twin": "gw2"}, "ap": {}})


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"important_databases": ["db1"]}, "important_databases is"),
        ({"important_databases": {"db1": "shop"}}, "important_databases, 'db1' is"),
        ({"important_databases": {"db1": {"redis": ""}}}, "important_databases, 'db1', redis"),
        ({"main_equipment": {"gw1": {"spare": "gw2"}}}, "unknown key"),
    ],
)
def test_what_it_says_is_understood_or_refused(law, said, sentence):
    with pytest.raises(DataError, match="order82_unit") as refused:
        read_unit({"name": "x", "types": ["public_venue"], "services": [], **said}, law)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        (None, "is not set"),
        ({}, "is not set"),
        ("ISP", "write a mapping"),
        ({"name": "x", "types": ["isp"], "services": []}, "unknown unit type"),
        ({"name": "x", "types": [], "services": []}, "types is empty"),
        ({"name": "x", "types": "access_provider", "services": []}, "write a list"),
        ({"name": "x", "types": ["access_provider"], "services": ["venue"]}, "unknown service"),
        ({"name": "x", "types": ["access_provider"]}, "lacks the key 'services'"),
        ({"name": " ", "types": ["access_provider"], "services": []}, "write a text"),
        ({"name": "x", "types": ["access_provider"], "services": [], "nat": True}, "unknown key 'nat'"),
        ({"name": "x", "types": ["access_provider", "access_provider"], "services": []}, "twice"),
    ],
)
def test_what_is_not_understood_is_refused(law, profile, sentence):
    with pytest.raises(DataError, match="order82_unit") as refused:
        read_unit(profile, law)
    assert sentence in str(refused.value)
