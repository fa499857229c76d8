# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident is told once, by one of two collectors, again while it lasts, and when it is over."""

from __future__ import annotations

import itertools
import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.alarms import incidents, ways

DOWN = "the interface eth0 is down"
REFUSED, AWAY = ways.RefusedError("554 no"), ways.UnreachableError("Connection refused")


def test_told_once_and_when_it_is_over_by_the_first_alone(site, first, second):
    site.say("web", f"alarm: {DOWN}")
    site.later(300)
    site.say("web", f"alarm over: {DOWN}")
    site.later(300)
    for receiver in ("duty", "robot"):
        assert first.told(receiver) == [f"opened web: {DOWN}", f"over web: {DOWN}"]
        assert second.told(receiver) == []
    assert (first.known()["incidents"], first.known()["notices"], second.known()["notices"]) == ({}, [], [])


def test_what_is_said_again_is_not_told_again(site, first):
    for number in range(30):
        for collector in ("collector1", "collector2"):
            site.say(collector, f"alarm: web sends {5000 + number} kB/s, which is more than 5000 kB/s: see")
        site.later(60)
    assert [one.split(",")[0] for one in first.told()] == ["opened web: web sends 5000 kB/s"]
    site.later(600)
    assert [one.split(" ")[0] for one in first.told()] == ["opened", "over"]


def test_no_host_but_a_collector_speaks_of_another(site, first):
    site.say("db", "alarm: web sends 5000 kB/s, which is more than 5000 kB/s: see")
    site.later(60)
    assert [one.split(",")[0] for one in first.told()] == ["opened db: web sends 5000 kB/s"]


def test_a_host_that_fell_silent_has_not_ended_its_alarms(site, first):
    site.say("web", "alarm: the disk of /srv/records has 4 % left, less than 15 %: x")
    site.later(3600, "web")
    assert [one.split(":")[0] for one in first.told()] == ["opened web", "opened web"]
    assert "no record of it" in first.told()[1]


def test_what_happened_is_told_and_forgotten(site, first):
    site.say("web", 'alarm: "/srv/www/x" is infected and can\'t be opened: x')
    site.later(90000, every=900)
    assert len([one for one in first.told() if "infected" in one]) == 1
    assert first.known()["incidents"] == {}
    assert not [one for one in first.told() if one.startswith("over")]


def test_who_is_down_is_told_for_by_the_other(site, first, second):
    site.is_up = {"collector2"}
    site.say("web", f"alarm: {DOWN}")
    site.later(40, every=10)
    assert second.told() == []
    site.later(60, every=10)
    assert second.told() == [f"opened web: {DOWN}"]
    site.is_up |= {"collector1"}
    site.later(600)
    assert first.told() == [], "it reads what the other one told"


def test_who_reaches_a_receiver_tells_it(site, first, second):
    site.answers["collector1", "duty"] = AWAY
    site.say("web", f"alarm: {DOWN}")
    site.later(600)
    assert (first.told("duty"), second.told("duty")) == ([], [f"opened web: {DOWN}"])
    assert (first.told("robot"), second.told("robot")) == ([f"opened web: {DOWN}"], [])
    del site.answers["collector1", "duty"]
    site.later(600)
    assert first.told("duty") == []


def test_an_alarm_of_a_collector_is_told_by_the_other_one(site, first, second):
    site.say("collector1", "alarm: nothing is purged: x")
    site.later(200)
    assert (len(first.told()), len(second.told())) == (0, 1)


def test_nobody_silences_the_other_by_words_about_himself(site, second):
    for event in ("opened", "over", "reminder-1"):
        key = incidents._key("collector1", "purge", "")
        site.say("collector1", f"told {key} {event} {int(site.now)} to duty", unit="order82-alarms.service", uid=990)
    site.say("collector1", "alarm: nothing is purged: x")
    site.later(100)
    assert len(second.told()) == 1


def test_a_host_that_is_no_collector_silences_nobody(site, first, second):
    key = incidents._key("web", "network_link", "eth0")
    site.say("web", f"told {key} opened {int(site.now)} to duty", unit="order82-alarms.service", uid=990)
    site.say("web", f"alarm: {DOWN}")
    site.later(30)
    assert first.told() == [f"opened web: {DOWN}"]


def test_who_only_says_that_he_told_is_noticed_within_a_day(site, first, second):
    """The first collector is in other hands: it says that it told everything."""
    site.is_up = {"collector2"}
    key = incidents._key("web", "network_link", "eth0")
    site.say("web", f"alarm: {DOWN}")
    site.say("collector1", f"told {key} opened {int(site.now)} to duty", unit="order82-alarms.service", uid=990)
    site.later(3600)
    assert second.told() == []
    site.later(86400, every=3600)
    assert second.told() == [f"reminder-1 web: {DOWN}"]
    assert first.told() == []


def test_reminders_while_it_lasts(site, first, second):
    site.say("web", f"alarm: {DOWN}")
    site.later(3 * 86400 + 3600, every=3600)
    told = sorted(first.told("robot") + second.told("robot"))
    assert told == [f"opened web: {DOWN}", *(f"reminder-{number} web: {DOWN}" for number in (1, 2, 3))]


def test_what_began_and_ended_while_nobody_could_be_told_is_told_as_one(site, first, second):
    site.answers["duty"] = AWAY
    site.say("web", f"alarm: {DOWN}")
    site.later(120)
    site.say("web", f"alarm over: {DOWN}")
    site.later(120)
    site.answers.clear()
    site.later(900)
    assert sorted(first.told() + second.told()) == [f"over web: {DOWN}"]
    [message] = [one for who, one in first.sent + second.sent if who == "duty" and one.notices[0]["event"] == "over"]
    assert message.notices[0]["until"] - message.notices[0]["since"] == 120


def test_a_flood_of_a_host_is_one_line_and_others_are_told_at_once(site, first):
    for number in range(1000):
        site.say("web", f"alarm: the flux of part{number} is wrong")
    site.say("db", f"alarm: {DOWN}")
    site.later(10, every=5)
    told = first.told("robot")
    assert f"opened db: {DOWN}" in told
    assert len([one for one in told if one.startswith("opened web")]) == 20 + 1
    assert len([who for who, _message in first.sent if who == "robot"]) <= 4
    assert any("they were" in one for one in told)
    assert len(first.memory.read_bytes()) < 100_000
    site.later(2 * 3600 + 60)
    [over] = [one for one in first.told("robot") if one.startswith("over web: it raises more than 20")]
    assert "980" in over


def test_severity_is_a_receivers_choice(site, first):
    site.say("collector2", "alarm: nothing is purged: x")  # medium
    site.say("web", f"alarm: {DOWN}")
    site.later(120)
    assert len(first.told("duty")) == 2
    assert first.told("robot") == [f"opened web: {DOWN}"]


def test_a_silent_host_is_told_of_once_and_when_it_is_back(site, first, second):
    site.later(200, "db", "web")
    assert first.told() == []
    site.later(110, "db", "web", every=10)
    assert [one.split(":")[0] for one in first.told()] == ["opened db", "opened web"], "at once"
    site.later(290, "db", "web")
    assert len([one for one in first.sent if one[0] == "duty"]) == 2, "a test, and both in one message"
    site.later(300, "db")
    assert [one.split(":")[0] for one in first.told()][2:] == ["over web"]
    assert second.told() == []


def test_the_silence_of_a_collector_is_told_by_the_other_one(site, first, second):
    site.is_up = {"collector2"}
    site.later(600, "collector1")
    assert [one.split(":")[0] for one in second.told()] == ["opened collector1"]
    assert first.told() == []


def test_a_collector_that_hears_nobody_blames_nobody(site, first):
    site.is_up = site.deaf = {"collector1"}
    site.later(900)
    assert [one.split(":")[0] for one in first.told()] == ["opened collector1"]
    site.deaf = set()
    site.later(180)
    assert [one.split(":")[0] for one in first.told()] == ["opened collector1", "over collector1"]
    site.later(900)
    assert len(first.told()) == 2


def test_a_machine_that_was_off_blames_nobody(site, first, second):
    site.is_up = set()
    site.later(86400, *("collector1", "collector2", "db", "web"), every=86400)
    for one in site.collectors.values():
        one.service = None
    site.is_up = {"collector1", "collector2"}
    site.step()
    site.later(600)
    assert first.told() + second.told() == []


def test_a_host_that_left_leaves_no_incident(site, first):
    site.say("web", f"alarm: {DOWN}")
    site.later(10, every=5)
    first.store = first.store._replace(hosts=("collector1", "collector2", "db"))
    first.begin()
    site.later(600, "web")
    assert first.known()["incidents"] == {}
    assert first.told() == [f"opened web: {DOWN}"]


def test_what_one_host_says_keeps_no_other_untold(site, first, second):
    """A server that refuses a mail for its words, such as a filter of spam, refuses that of this host alone."""
    site.answers["duty"] = lambda message: REFUSED if message.notices[0]["host"] == "db" else ""
    site.say("db", "alarm: buy pills")
    site.say("web", f"alarm: {DOWN}")
    site.later(60, every=5)
    assert first.told("duty") == [f"opened web: {DOWN}"]
    assert sorted(first.told("robot")) == ["opened db: buy pills", f"opened web: {DOWN}"]
    known = first.known()
    assert known["receivers"]["duty"]["error"] in ("", "554 no")
    assert [one["host"] for one in known["notices"]] == ["db"]
    site.answers.clear()
    site.later(900)
    assert sorted(first.told() + second.told()).count("opened db: buy pills") == 1


def test_pauses_grow_and_a_receiver_that_is_away_is_an_alarm_of_its_own(site, first, second):
    attempts = []
    site.answers["robot"] = lambda _message: attempts.append(site.now) or AWAY
    site.is_up = {"collector1"}
    site.say("web", f"alarm: {DOWN}")
    site.later(1800, "collector2", every=5)
    gaps = [later - sooner for sooner, later in itertools.pairwise(attempts)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 300
    assert len(attempts) < 20
    assert [one for one in first.told("duty") if "alarms do not reach robot: Connection refused" in one]
    site.answers.clear()
    site.later(900, "collector2")
    assert [one for one in first.told("duty") if one.startswith("over collector1: alarms do not reach robot")]
    assert f"opened web: {DOWN}" in first.told("robot")
    assert json.loads(first.memory.read_text())["receivers"]["robot"]["failed"] == len(attempts)
    assert second.told() == []


def test_a_new_receiver_gets_a_test_and_one_that_took_nothing_for_a_month(site, first):
    assert [who for who, _message in first.sent] == ["duty", "robot"]
    site.later(30 * 86400, every=86400)
    first.begin()
    site.later(2 * 86400, every=14400)
    tests = [who for who, message in first.sent if message.notices[0]["event"] == "test"]
    assert sorted(tests) == ["duty", "duty", "robot", "robot"]
    first.whom = first.whom._replace(
        receivers=(first.whom.receivers[0]._replace(where={"server": "other", "to": []}), first.whom.receivers[1])
    )
    first.begin()
    site.step()
    assert first.sent[-1][0] == "duty"
    assert first.sent[-1][1].notices[0]["event"] == "test"


@pytest.mark.parametrize("receiver", ["duty", "robot"])
def test_a_test_goes_to_each_and_says_who_did_not_take_it(site, first, receiver):
    site.answers[receiver] = AWAY
    said = first.service.answer({"test": True})["said"]
    assert said == {"duty": "", "robot": ""} | {receiver: "Connection refused"}
    with pytest.raises(ValueError, match="it takes"):
        first.service.answer({"what": 1})


def test_two_that_try_again_and_again_do_not_both_tell(site, first, second):
    """The receiver was away for both; whenever it comes back, one of the two brings it."""
    for offset in range(0, 130, 62):
        name = f"eth{offset}"
        site.answers["duty"] = AWAY
        site.say("web", f"alarm: the interface {name} is down")
        site.later(300 + offset, every=5)
        site.answers.clear()
        site.later(700, every=5)
        assert (first.told() + second.told()).count(f"opened web: the interface {name} is down") == 1


def test_a_person_may_say_that_it_is_over(site, first):
    site.say("web", f"alarm: {DOWN}")
    site.later(30, every=10)
    [key] = first.known()["incidents"]
    assert first.service.answer({"close": key}) == {"closed": key}
    site.later(30, every=10)
    assert first.told() == [f"opened web: {DOWN}", f"over web: {DOWN}"]
    with pytest.raises(ValueError, match="no incident"):
        first.service.answer({"close": key})


def test_what_lasts_for_weeks_is_not_forgotten(site, first, second):
    site.say("web", f"alarm: {DOWN}")
    site.later(20 * 86400, every=14400)
    site.say("web", f"alarm over: {DOWN}")
    site.later(120)
    told = first.told("robot") + second.told("robot")
    assert len([one for one in told if one.startswith("reminder")]) >= 19
    assert f"over web: {DOWN}" in told
