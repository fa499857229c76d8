# SPDX-License-Identifier: GPL-3.0-or-later
"""A day that is over is sealed, verified by an inspector's own tools, and held to by the other collector (articles 13, 14(3)).

What is done to a store is done to one of its own, as in test_retention.py; what the site's collectors sealed is only read.
"""

from __future__ import annotations

import json
import re

import pytest

from ..conftest import HANG, Lab, until
from .conftest import CLOSED, RECORD
from .test_retention import COLLECTORS, COMMAND, STORE, Store, store  # noqa: F401 - a fixture

OTHER = dict(zip(COLLECTORS, reversed(COLLECTORS), strict=True))
BY_HAND = (
    "cd {} && sha256sum --quiet -c SHA256SUMS && ssh-keygen -Y verify -f ../../allowed_signers -I {} -n order82-seal "
    "-s SHA256SUMS.sig < SHA256SUMS"
)


@pytest.mark.parametrize("collector", COLLECTORS)
def test_an_inspector_verifies_a_sealed_day_with_two_commands(lab: Lab, collector: str) -> None:
    said = lab.do(collector, BY_HAND.format(CLOSED, collector))
    assert f'Good "order82-seal" signature for {collector}' in said
    assert lab.do(collector, f"zstd -dc {CLOSED}/web.log.zst").endswith('"] old\n')


@pytest.mark.parametrize("collector", COLLECTORS)
def test_each_collector_has_the_others_word_for_its_seals(lab: Lab, collector: str) -> None:
    day = lab.do(collector, f"basename {CLOSED}").strip()
    digest = lab.do(collector, f"sha256sum < {CLOSED}/SHA256SUMS").split()[0]
    for at in COLLECTORS:
        until(
            HANG,
            lambda at=at: lab.records(at, "measure_state", collector, f"sealed session {day} {digest} before "),
            f"the word of {collector} on {at}",
        )
    found = lab.order82(OTHER[collector], "records", "verify")
    assert (found["faults"], found["silent"]) == ([], [])
    assert found["days"] >= 3


@pytest.mark.parametrize("collector", COLLECTORS)
def test_an_export_is_verified_on_a_host_that_has_none_of_our_code(lab: Lab, collector: str) -> None:
    # A command can't carry a whole day's records: the one that is made for the tests.
    day = lab.do(collector, f"basename {CLOSED}").strip()
    words = f"--class session --since {day} --until {day}"
    lab.do(collector, f"rm -rf /root/export; order82 records export /root/export {words}")
    refused = lab.host(collector).run("order82 records export /root/export")
    assert (refused.rc, "nothing is overwritten" in refused.stderr) == (2, True)
    packed = lab.do(collector, "tar -C /root -cz export | base64 -w0; rm -r /root/export")
    assert "order82" not in lab.do("outside", "ls /usr/bin")
    lab.do("outside", f"echo {packed} | base64 -d | tar -C /root -xz")
    lab.do("outside", BY_HAND.format(f"/root/export/session/{day}", collector))
    readme = lab.do("outside", "cat /root/export/README.md")
    assert f"-I {collector} -n order82-seal" in readme
    lab.do("outside", "rm -r /root/export")


@pytest.mark.parametrize("collector", COLLECTORS)
def test_what_is_kept_is_told_by_class_host_and_day(lab: Lab, collector: str) -> None:
    day = lab.do(collector, f"basename {CLOSED}").strip()
    found = lab.order82(collector, "records", "retention", "--class", "session")["classes"]["session"]
    assert (found["lost"], found["since"] < day) == ([], True)
    assert found["hosts"]["web"]["records_by_day"][day] == 1
    said = lab.do(collector, "order82 records retention --class session --host web")
    assert "running for 3 days" in said or "running for 4 days" in said, said
    assert f"    {day}: 1" in said


def told(store: Store, *words: str) -> tuple[int, str]:  # noqa: F811
    """What `order82 records WORDS` says of the store of its own."""
    done = store.lab.host(store.collector).run(COMMAND.format("", " ".join(words)))
    return done.rc, done.stdout + done.stderr


def test_a_sealed_day_of_nuls_is_found_by_who_opens_it(store: Store) -> None:  # noqa: F811
    """Root forges it before it is sealed: hash and signature are right, and there is no record in it."""
    for back in (2, 1, 0):
        day = store.day(back)
        store.tend(f"{day} 00:30:00")
        line = RECORD.replace("${d}", day).replace("$h", "web").replace('"', '\\"')
        store.lab.do(store.collector, f'echo "{line}" >> {STORE}/session/{day}/web.log')
    store.tend()
    assert told(store, "retention", "--read")[0] == 0
    forged = f"{STORE}/session/{store.day(1)}"
    store.lab.do(
        store.collector,
        f"cd {forged}; chattr -R -i -a . ..; rm web.log.zst SHA256SUMS*; head -c 9000 /dev/zero > web.log; chown order82-collect web.log",
    )
    store.tend()
    code, said = told(store, "retention", "--read")
    assert f"session/{store.day(1)}/web: 9000 bytes of value 0 from byte 0 on" in said
    assert (code, told(store, "verify")[0]) == (1, 0)


@pytest.fixture
def sealed(store: Store) -> Store:  # noqa: F811
    """Five days, of which each has a record, sealed."""
    for back in range(5, -1, -1):
        store.tend(f"{store.day(back)} 12:00:00")
        store.lab.do(store.collector, f"echo a record of day {back} >> {STORE}/session/{store.day(back)}/web.log")
    store.tend()
    return store


ROOT = "cd {}; chattr -R -i -a .; {}; chattr -R +i .; chattr +a ..".format
ACTS = {
    "a byte of a record": ("printf x >> web.log.zst", "web.log.zst: it differs"),
    "a file": ("rm web.log.zst", "web.log.zst: it is missing"),
    "a file more": ("echo x > ghost.log", "ghost.log: it is not in SHA256SUMS"),
    "a line of the list": ("sed -i 1d SHA256SUMS", "SHA256SUMS: it is no manifest"),
    "the signature": ("rm SHA256SUMS.sig", "SHA256SUMS.sig: the day is over and not sealed"),
    "the attribute": ("true; chattr +i *; exit", "it is not immutable"),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_root_does_to_a_sealed_day_is_named(sealed: Store, act: str) -> None:
    command, sentence = ACTS[act]
    assert told(sealed, "verify", "--class", "session")[0] == 0
    sealed.lab.do(sealed.collector, ROOT(f"{STORE}/session/{sealed.day(3)}", command))
    code, said = told(sealed, "verify")
    assert code == 1
    first = said.splitlines()[0]
    assert re.match(rf"\S+: session/{sealed.day(3)}", first), said
    assert sentence in said


def test_nothing_that_is_held_is_purged_and_what_is_purged_leaves_its_seal(store: Store) -> None:  # noqa: F811
    lab, collector = store.lab, store.collector
    for back in (63, 62, 61):
        store.tend(f"{store.day(back)} 12:00:00")
        lab.do(collector, f"echo a record of day {back} >> {STORE}/session/{store.day(back)}/web.log")
    assert told(store, "hold", "82-2026", "--since", store.day(62), "--until", store.day(62))[0] == 0
    store.tend()
    assert store.days() == [store.day(62), store.day(0)]
    for back in (63, 61):
        kept = f"{STORE}/session/purged/{store.day(back)}.SHA256SUMS"
        lab.do(collector, f"test -s {kept} && test -s {kept}.sig && ! rm -f {kept}")
    assert told(store, "release", "82-2026")[0] == 0
    assert told(store, "purge")[0] == 0
    assert store.days() == [store.day(0)]
    for words in ("legal hold for the case 82-2026", "released the case 82-2026", f"purged session {store.day(62)}"):
        until(HANG, lambda words=words: lab.records(OTHER[collector], "measure_state", collector, words), words)


def test_a_key_is_changed_and_old_seals_stay_true(sealed: Store) -> None:
    lab, collector = sealed.lab, sealed.collector
    before = lab.do(collector, f"cat {STORE}/allowed_signers")
    lab.do(collector, "cp -a /etc/order82/seal/key /root/key.was")
    try:
        assert told(sealed, "rotate-key")[0] == 0
        assert lab.do(collector, f"cat {STORE}/allowed_signers").startswith(before)
        assert told(sealed, "verify", "--class", "session")[0] == 0
    finally:
        lab.do(collector, "mv /root/key.was /etc/order82/seal/key")
    assert "600 root" in lab.do(collector, "stat -c '%a %U' /etc/order82/seal/key")
    lab.green(collector)


def test_a_reader_of_a_class_verifies_it_and_reads_no_key(lab: Lab) -> None:
    lab.do("collector1", "id reader >/dev/null 2>&1 || useradd -r -G order82-session reader")
    lab.do(
        "collector1",
        f"runuser -u reader -- sh -c '{BY_HAND.format(lab.do('collector1', f'echo {CLOSED}').strip(), 'collector1')}'",
    )
    assert lab.host("collector1").run("runuser -u reader -- cat /etc/order82/seal/key").rc != 0
    lab.do("collector1", "userdel reader")
    settings = json.loads(lab.do("collector1", "cat /etc/order82/records.json"))
    assert settings["collectors"] == ["collector1", "collector2"]
