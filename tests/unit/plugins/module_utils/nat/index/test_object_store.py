# SPDX-License-Identifier: GPL-3.0-or-later
"""An index in an object store: a real SeaweedFS of two volume servers, of which one is killed."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
import seaweed
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import evidence, tracer
from ansible_collections.order82.baseline.plugins.module_utils.nat.index import (
    build,
    catalogue,
    duckdb_engine,
    location,
    object_store,
    publish,
)
from ansible_collections.order82.baseline.plugins.module_utils.observers import translation_index
from by_hand import DAY, NOON, Gateway, day_of, flow, question

A, B = ("100.64.0.7", 50000), ("100.64.0.8", 50001)
PUBLIC = ("203.0.113.1", 4000)
LONG_AGO = datetime.date(2020, 1, 1)
HOST = "collector1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    one = seaweed.Cluster(tmp_path_factory.mktemp("seaweed"))
    try:
        one.begin()
        yield one
    finally:
        one.end()


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """Makes settings those of this host."""

    def write(settings):
        path = tmp_path / "object_store.json"
        path.write_text(json.dumps(settings._asdict()))
        monkeypatch.setattr(object_store, "SETTINGS", str(path))
        return settings

    return write


@pytest.fixture
def settings(cluster, tmp_path, changed):
    """Of a store where nobody has published yet."""
    return changed(
        object_store.Settings(
            endpoint=cluster.endpoint,
            bucket=seaweed.BUCKET,
            prefix=re.sub(r"\W", "-", tmp_path.name),
            host=HOST,
            region="us-east-1",
            tls=True,
            ca_file=str(cluster.authority),
            key_id=seaweed.KEY,
            secret=seaweed.SECRET,
        )
    )


@pytest.fixture(scope="module")
def as_built(tmp_path_factory):
    """A folder with a store of translations of two days, and with its index."""
    folder = tmp_path_factory.mktemp("as_built")
    gateway = Gateway(folder / "store")
    gateway.begin()
    gateway.flows(NOON + 2000, flow(A, PUBLIC, NOON - 60000, NOON))
    gateway.flows(NOON + DAY + 2000, flow(B, PUBLIC, NOON + DAY - 60000, NOON + DAY))
    gateway.stop(NOON + DAY + 600000)
    for day in build.stale(str(folder / "store"), str(folder / "index")):
        build.build(str(folder / "store"), str(folder / "index"), day, threads=1, memory="256MB")
    return folder


@pytest.fixture
def two_days(as_built, tmp_path):
    """Such a store for one test; gives the folder of its index."""
    shutil.copytree(as_built, tmp_path, dirs_exist_ok=True)
    return str(tmp_path / "index")


def names(place_of):
    bucket = location.at(place_of)
    try:
        return bucket.names()
    finally:
        bucket.close()


def asked(store, where):
    wanted = [question(when=NOON + day * DAY + second * 1000) for day in (0, 1) for second in (-61, -30, 0, 1)]
    return tracer.trace_many(store, where, wanted)


def test_an_answer_from_the_store_is_the_same_while_one_server_is_dead(store, two_days, settings, cluster, changed):
    done = publish.publish(two_days, settings, LONG_AGO)
    days = [day_of(NOON + DAY).isoformat(), day_of(NOON).isoformat()]
    assert done == {"published": days, "removed": [], "left": 0}
    assert publish.publish(two_days, settings, LONG_AGO) == {"published": [], "removed": [], "left": 0}
    expected = asked(str(store), two_days)
    assert {one["status"] for one in expected} == {"one", "nobody"}
    assert asked(str(store), "s3:") == asked(str(store), "s3:" + HOST) == expected
    assert asked(str(store), settings.url(HOST)) == expected
    assert cluster.files("one") == cluster.files("two") > 0
    changed(settings._replace(host="collector2"))  # its lines stand in another order
    others = asked(str(store), "s3:" + HOST)
    assert {one["evidence"] for answer in others for one in answer["candidates"]} == {None}
    changed(settings)
    cluster.kill("one")
    try:
        assert asked(str(store), "s3:") == expected
        elsewhere = asked(None, "s3:")
        assert [one["status"] for one in elsewhere] == [one["status"] for one in expected]
        assert {one["evidence"] for answer in elsewhere for one in answer["candidates"]} == {None}
        with tracer.Tracer(None, "s3:") as one:
            noted = evidence.noted(one.location, elsewhere)
        assert [evidence.ELSEWHERE in answer["notes"] for answer in noted] == [bool(one["candidates"]) for one in noted]
        reverse = tracer.reverse(None, "s3:", "100.64.0.7", NOON - 1000, NOON + 1000)
        assert [one["public_port"] for one in reverse["candidates"]] == [4000]
    finally:
        cluster.begin_volumes("one")


def test_what_was_replaced_goes_later_and_expired_days_go(store, two_days, settings):
    publish.publish(two_days, settings, LONG_AGO)
    before = {day.name: day.folder for day in catalogue.load(two_days)}
    again = Gateway(store, name="other", run=NOON)
    again.begin()
    again.stop(NOON + 60000)
    today = day_of(NOON)
    replaced = os.path.basename(before[today.isoformat()])
    for _time in range(2):
        build.build(str(store), two_days, today, threads=1, memory="256MB")
    assert publish.publish(two_days, settings, LONG_AGO)["removed"] == []
    assert publish.publish(two_days, settings, LONG_AGO)["removed"] == []
    later = time.time() + publish.GRACE_SECONDS + 5
    assert publish.publish(two_days, settings, LONG_AGO, later)["removed"] == [replaced]
    assert not any(name.startswith(replaced) for name in names("s3:"))
    assert asked(str(store), "s3:") == asked(str(store), two_days)
    os.unlink(os.path.join(two_days, f"{today}.json"))
    assert publish.publish(two_days, settings, today, later)["removed"] == []
    removed = publish.publish(two_days, settings, today + datetime.timedelta(days=1), later)["removed"]
    assert (removed[0], len(removed)) == (f"{today}.json", 2)
    assert {name[:10] for name in names("s3:")} == {day_of(NOON + DAY).isoformat()}


def test_what_is_missing_or_broken_in_the_store_is_published_again(two_days, settings):
    publish.publish(two_days, settings, LONG_AGO)
    day = catalogue.load(two_days)[0]
    there = publish._Store(settings)
    there.remove(os.path.basename(day.folder) + "/coverage.json")
    assert publish.publish(two_days, settings, LONG_AGO)["published"] == [day.name]
    there.replace("/etc/hostname", f"{day.name}.json")
    assert publish.publish(two_days, settings, LONG_AGO)["published"] == [day.name]
    assert publish.publish(two_days, settings, LONG_AGO)["published"] == []


def test_without_time_the_newest_day_is_published_first(two_days, settings, monkeypatch):
    monkeypatch.setattr(publish, "BUDGET_SECONDS", -1)
    newest = day_of(NOON + DAY).isoformat()
    assert publish.publish(two_days, settings, LONG_AGO) == {"published": [newest], "removed": [], "left": 1}
    assert {name[:10] for name in names("s3:")} == {newest}
    done = publish.publish(two_days, settings, LONG_AGO)
    assert done == {"published": [day_of(NOON).isoformat()], "removed": [], "left": 0}


@pytest.mark.parametrize(
    ("wrong", "sentences"),
    [
        ({"secret": "another"}, ("SignatureDoesNotMatch", "SignatureDoesNotMatch")),
        ({"key_id": "nobody"}, ("InvalidAccessKeyId", "InvalidAccessKeyId")),
        ({"bucket": "another"}, ("AccessDenied", "AccessDenied")),
        ({"endpoint": "127.0.0.1:1"}, ("connection refused", "at 127.0.0.1:1 can't be read")),
        ({"ca_file": ""}, ("unknown authority", "certificate")),
        ({"ca_file": "/nowhere.pem"}, ("/nowhere.pem", "/nowhere.pem is missing")),
        ({"tls": False}, ("is not published", "can't be read")),
    ],
)
def test_a_store_that_can_not_be_used_is_told_in_one_sentence(two_days, settings, changed, wrong, sentences):
    settings = changed(settings._replace(**wrong))
    with pytest.raises(publish.PublishError) as refused:
        publish.publish(two_days, settings, LONG_AGO)
    with pytest.raises(duckdb_engine.ReadError) as unread:
        tracer.trace(None, "s3:", question())
    for error, sentence in zip((refused, unread), sentences, strict=True):
        said = str(error.value)
        assert sentence in said
        assert "\n" not in said and settings.secret not in said
    assert tracer.trace(None, two_days, question(when=NOON - 30000))["status"] == "one"


def test_a_store_that_goes_away_within_a_question_is_told_in_one_sentence(store, two_days, settings, cluster):
    publish.publish(two_days, settings, LONG_AGO)
    with tracer.Tracer(str(store), "s3:") as one:
        cluster.kill("s3")
        try:
            with pytest.raises(duckdb_engine.ReadError, match="can't be read"):
                one.ask([question()])
        finally:
            cluster.begin_gateway()


def test_an_inspection_sees_what_is_not_published(two_days, settings):
    looked = translation_index.nat_published
    assert "holds no index" in looked(two_days)["said"]
    publish.publish(two_days, settings, LONG_AGO)
    fine = {"said": "", "behind_seconds": 0, "missing_days": [], "missing_files": []}
    assert looked(two_days) == fine
    day = catalogue.load(two_days)[0]
    there = publish._Store(settings)
    there.remove(os.path.basename(day.folder) + "/coverage.json")
    assert looked(two_days) == fine | {"missing_files": [os.path.basename(day.folder) + "/coverage.json"]}
    path = Path(two_days, f"{day.name}.json")
    path.write_text(path.read_text().replace(day.document["built"], "2020-01-01T00:00:00+00:00"))
    there.remove(f"{day.name}.json")
    assert looked(two_days)["missing_days"] == [day.name]


def test_an_empty_place_is_no_index(store, settings):
    with pytest.raises(duckdb_engine.ReadError, match="holds no index"):
        tracer.trace(str(store), "s3:somebody", question())


@pytest.mark.parametrize("text", ["s3:/etc", "s3:../other", "s3:a b"])
def test_a_place_that_is_none_is_refused(changed, text):
    changed(object_store.Settings("h:1", "b", "", "c", "r", True, "", "k", "s"))
    with pytest.raises(duckdb_engine.ReadError, match="no place of an index"):
        location.at(text)
    assert location.at("s3:other").root == "s3://b/other"


def test_settings_that_are_missing_or_none_are_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(object_store, "SETTINGS", str(tmp_path / "none"))
    with pytest.raises(duckdb_engine.ReadError, match="has no object store"):
        location.at("s3:")
    for text in ("{}", "[]", "no"):
        (tmp_path / "bad").write_text(text)
        with pytest.raises(duckdb_engine.ReadError, match="apply the role"):
            object_store.load_settings(str(tmp_path / "bad"))
