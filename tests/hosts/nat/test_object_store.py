# SPDX-License-Identifier: GPL-3.0-or-later
"""Past one machine: what both collectors published is asked from a gateway, while one server of the store is dead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..conftest import HANG, Lab, until
from .conftest import Gateway, by_mode, recorded, send
from .object_store import ObjectStore
from .test_trace import WARRANT, ask, index, iso

COLLECTORS = ["collector1", "collector2"]
READER = "gateway1"


@pytest.fixture(scope="module")
def store(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The role is applied with an object store; afterwards it is as it was."""
    groups = yaml.safe_load((lab.inventory / "hosts.yml").read_text())["all"]["children"]
    unmanaged = groups["unmanaged"]["hosts"]
    addresses = {name: values["lab_addresses"]["inside"] for name, values in unmanaged.items()}
    one = ObjectStore(lab, "outside", ("subscriber1", "subscriber2"), addresses)
    folder = tmp_path_factory.mktemp("store")
    (folder / "readers.ini").write_text(f"[nat_readers]\n{READER}\n")
    (folder / "variables.json").write_text(json.dumps(one.variables))
    readers = ("-i", str(folder / "readers.ini"))
    with_store = ("nat_log", "collectors:nat_readers", *readers, "-e", f"@{folder / 'variables.json'}")
    try:
        one.begin([*COLLECTORS, READER])
        lab.apply(*with_store)
        again = lab.apply(*with_store)
        assert again.count("changed=0") == len(COLLECTORS) + 1, again[-2000:]
        yield one
    finally:
        lab.apply("nat_log", "collectors")
        lab.apply("nat_log", READER, *readers, "-e", "nat_log_state=absent")
        one.end_all()
    for host in [*COLLECTORS, READER]:
        assert not lab.host(host).file("/etc/order82/nat_object_store.json").exists


def answers(lab: Lab, host: str, words: str) -> list[dict[str, Any]]:
    """What is answered, without what only a collector has."""
    found = ask(lab, host, words, ok=(0, 3, 4, 5))["answers"]
    for answer in found:
        answer["notes"] = []
        for candidate in answer["candidates"]:
            candidate["evidence"] = None
            for account in candidate["accounts"]:
                account["evidence"] = None
    return found


def published(lab: Lab, store: ObjectStore, gateways: dict[str, Gateway], mark: str, tmp_path: Path) -> str:
    """Make a flow of each mode, publish it on both collectors, and give the words that ask for one."""
    gateway = gateways["gateway1"]
    flow = send(lab, gateway, mark, 1, by_mode(gateway)["sessions"][:1])[0]
    for collector in COLLECTORS:
        until(HANG, lambda at=collector: flow[:5] in recorded(lab, at, gateway), "the record")
        index(lab, collector)
    return f"--address {flow.public} --port {flow.public_port} --protocol tcp --time {iso(flow.begin)}"


def test_a_node_without_records_gives_the_same_answer_while_a_server_is_dead(
    lab: Lab, store: ObjectStore, gateways: dict[str, Gateway], mark: str, tmp_path: Path
) -> None:
    words = published(lab, store, gateways, mark, tmp_path)
    timers = "order82-nat-index.timer"
    for collector in COLLECTORS:  # else the index is newer than what was asked of the store
        lab.do(collector, f"systemctl stop {timers}; systemctl start order82-nat-index")
    try:
        expected = {collector: answers(lab, collector, words) for collector in COLLECTORS}
        assert all(len(found[0]["candidates"]) == 1 for found in expected.values())
        for collector in COLLECTORS:
            assert answers(lab, READER, f"{words} --index s3:{collector}") == expected[collector]
        store.kill("subscriber1", "volume")
        for collector in COLLECTORS:
            assert answers(lab, READER, f"{words} --index s3:{collector}") == expected[collector]
        told = ask(lab, READER, f"{words} --index s3:collector1", ok=(0, 4))
        assert "lies on the collectors" in " ".join(told["answers"][0]["notes"])
        until(
            HANG,
            lambda: lab.records("collector1", "disclosure", READER, told["disclosure"]),
            "the record of the question",
        )
    finally:
        store.begin_volumes("subscriber1")
        for collector in COLLECTORS:
            lab.do(collector, f"systemctl start {timers}")


def test_wrong_key_is_one_sentence(lab: Lab, store: ObjectStore) -> None:
    path = "/etc/order82/nat_object_store.json"
    lab.do(READER, f"cp -p {path} /root/right.json; sed -i 's/+secret/+other/' {path}")
    try:
        done = lab.host(READER).run(
            f"order82 trace {WARRANT} --index s3:collector1 --address 203.0.113.20 --time 2026-01-01T00:00:00Z"
        )
    finally:
        lab.do(READER, f"mv /root/right.json {path}")
    assert (done.rc, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "SignatureDoesNotMatch" in done.stderr
    assert "+other" not in done.stderr


def test_the_local_index_is_in_use_while_the_store_is_down_and_the_next_run_publishes(
    lab: Lab, store: ObjectStore, gateways: dict[str, Gateway], mark: str, tmp_path: Path
) -> None:
    gateway = gateways["gateway1"]
    store.kill("outside", "s3")
    try:
        flow = send(lab, gateway, mark, 1, by_mode(gateway)["sessions"][:1])[0]
        until(HANG, lambda: flow[:5] in recorded(lab, "collector1", gateway), "the record")
        tell = "systemctl reset-failed order82-nat-index; systemctl start order82-nat-index"
        until(
            HANG,
            lambda: lab.host("collector1").run(tell).rc != 0,
            "a run that can't publish",
        )
        said = lab.do("collector1", "journalctl -u order82-nat-index -o cat -n 20")
        assert "is not published" in said and "stays in use here" in said
        words = f"--address {flow.public} --port {flow.public_port} --protocol tcp --time {iso(flow.begin)}"
        (answer,) = ask(lab, "collector1", words, ok=(0, 4))["answers"]
        assert [one["inside_address"] for one in answer["candidates"]] == [flow.inside]
    finally:
        store.begin_gateway()
    lab.do("collector1", "systemctl start order82-nat-index")
    assert [
        one["inside_address"] for one in answers(lab, READER, f"{words} --index s3:collector1")[0]["candidates"]
    ] == [flow.inside]


def test_the_key_is_for_its_group_only_and_in_no_log(lab: Lab, store: ObjectStore) -> None:
    assert lab.do("collector1", "stat -c '%U %G %a' /etc/order82/nat_object_store.json") == (
        "root order82-nat-index 640\n"
    )
    assert lab.do(READER, "stat -c '%U %G %a' /etc/order82/nat_object_store.json") == "root root 640\n"
    # sudo logs this command as well, which must not find itself.
    assert lab.do("collector1", "journalctl -b -o cat | grep -aE '[+]secret' || true") == ""
