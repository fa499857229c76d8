# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose the bytes of a real journal are, as journald writes it."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.crowding import accounts, journal_file, tally

FLOODER, OTHER, PERSON, SUBORDINATE = 33, 34, 12345, 3_000_017
MEGABYTE = 1 << 20


@pytest.fixture
def count(journal, tmp_path):
    """A tally that begins now."""
    (tmp_path / "subuid").write_text("# a comment\n12345:3000000:65536\n0:4000000:65536\n")
    one = tally.Tally()
    one.owners = accounts.Owners(str(tmp_path / "subuid"))
    one.begin_day(0)
    look(one, journal)
    assert one.written == {}  # what was there before is nobody's
    return one


def look(one, journal):
    """Until nothing is left to count: the last entry is counted when nothing was added for a look."""
    for _time in range(2):
        whole, wrong = one.look(journal.where)
        assert (whole, wrong) == (True, [])
    return one.written


def grown(journal):
    """How many bytes of the file of all are in use."""
    fd = os.open(os.path.join(journal.where, "system.journal"), os.O_RDONLY)
    try:
        return journal_file.header(fd).tail
    finally:
        os.close(fd)


def test_each_is_charged_for_what_it_takes_on_the_disk(count, journal):
    before = grown(journal)
    journal.write(FLOODER, "a", 200, 6000)
    journal.write(OTHER, "b", 200, 60)
    taken = grown(journal) - before
    written = look(count, journal)
    assert set(written) == {FLOODER, OTHER}
    assert 200 * 3000 < written[FLOODER] < 200 * 4200  # 6000 digits, of which the half is chance
    assert 0.9 * taken < sum(written.values()) < 1.3 * taken


def test_one_entry_of_32_megabytes_is_its_writers_alone(count, journal):
    journal.write(OTHER, "b", 10)
    small = dict(look(count, journal))
    journal.write(FLOODER, "a", 1, 32 * MEGABYTE)
    journal.write(OTHER, "b", 10)
    written = look(count, journal)
    assert 16 * MEGABYTE <= written[FLOODER] < 20 * MEGABYTE
    assert written[OTHER] < 3 * small[OTHER]


def test_one_that_compresses_to_nothing_costs_nothing_and_hides_nothing(count, journal):
    journal.write(OTHER, "b", 1, 32 * MEGABYTE, kind="same")
    journal.write(FLOODER, "a", 1, 8 * MEGABYTE)
    written = look(count, journal)
    assert written[OTHER] < MEGABYTE
    assert 4 * MEGABYTE <= written[FLOODER] < 6 * MEGABYTE


def test_root_is_not_charged(count, journal):
    journal.write(0, "sshd", 50, 1000)
    assert look(count, journal) == {}


def test_a_unit_that_speaks_for_a_class_is_not_charged_and_others_are(count, journal):
    journal.write(OTHER, "x", 50, 1000, unit="dnsmasq.service")
    assert look(count, journal) == {}
    journal.write(OTHER, "dnsmasq", 50, 1000, unit="php-fpm.service")
    assert look(count, journal)[OTHER] > 50 * 500


def test_an_account_with_a_file_of_its_own_is_charged_for_its_entries(count, journal):
    journal.write(PERSON, "a", 50, 6000)
    assert any(name.startswith("user-12345") for name in os.listdir(journal.where))
    assert 50 * 3000 < look(count, journal)[PERSON] < 50 * 4200


def test_a_subordinate_user_id_is_its_owners_with_the_whole_file_that_journald_makes_for_it(count, journal):
    journal.write(SUBORDINATE, "a", 1)
    journal.write(SUBORDINATE + 1, "a", 1)
    written = look(count, journal)
    assert set(written) == {PERSON}
    assert written[PERSON] >= 16 * MEGABYTE


def test_root_is_not_the_owner_of_its_containers_accounts(count, journal):
    journal.write(4_000_033, "a", 1)
    assert set(look(count, journal)) == {4_000_033}


def test_nothing_is_lost_or_counted_twice_by_other_files(count, journal):
    """journald begins a new file, and gives the old one another name, in between."""
    journal.write(FLOODER, "a", 100, 6000)
    once = dict(look(count, journal))
    for _time in range(2):
        journal.write(FLOODER, "a", 50, 6000)
        journal.rotate()
    journal.write(FLOODER, "a", 100, 6000)
    assert look(count, journal)[FLOODER] == pytest.approx(3 * once[FLOODER], rel=0.05)


def test_a_later_run_goes_on_where_the_earlier_one_was_saved(count, journal):
    """What it had counted since is counted anew, and so is what came while nobody looked; nothing is twice."""
    journal.write(FLOODER, "a", 100, 6000)
    once = dict(look(count, journal))
    saved = json.loads(json.dumps(count.saved()))
    journal.write(FLOODER, "a", 100, 6000)
    look(count, journal)  # and is killed before it saves
    journal.rotate()
    journal.write(FLOODER, "a", 100, 6000)
    later = tally.Tally(saved)
    assert not later.begin_day(0)
    assert look(later, journal)[FLOODER] == pytest.approx(3 * once[FLOODER], rel=0.05)
    assert look(later, journal)[FLOODER] == look(later, journal)[FLOODER]


def test_a_day_ends_at_midnight_utc(count, journal):
    journal.write(FLOODER, "a", 100, 6000)
    assert look(count, journal)
    assert not count.begin_day(86399)
    assert count.written
    assert count.begin_day(86400)
    assert look(count, journal) == {}


def test_much_is_counted_in_parts(count, journal, monkeypatch):
    monkeypatch.setattr(tally, "MOST", 200)
    journal.write(FLOODER, "a", 300, 600)
    looks = 1
    while not count.look(journal.where)[0]:
        looks += 1
    in_parts = look(count, journal)[FLOODER]
    monkeypatch.setattr(tally, "MOST", 100_000)
    journal.write(FLOODER, "a", 300, 600)
    assert looks > 3
    assert look(count, journal)[FLOODER] == pytest.approx(2 * in_parts, rel=0.05)


def test_a_file_that_says_nonsense_is_told_of(count, journal):
    path = os.path.join(journal.where, "user-99.journal")
    with open(os.path.join(journal.where, "system.journal"), "rb") as file:
        begin = bytearray(file.read(4096))
    begin[24:40] = b"another file id."
    with open(path, "wb") as file:
        file.write(begin)
    _whole, wrong = count.look(journal.where)
    assert ["user-99.journal" in one for one in wrong] == [True]
    os.unlink(path)
    look(count, journal)


def test_a_file_that_journald_has_only_begun_is_looked_at_again(count, journal):
    """Nothing yet; then its head, which says of no object; then an object that is not written yet."""
    path = os.path.join(journal.where, "begun.journal")
    with open(os.path.join(journal.where, "system.journal"), "rb") as file:
        head = bytearray(file.read(4096))
    head[24:40] = b"another file id."
    begun = bytearray(head[:272])
    begun[136:144] = bytes(8)  # where the last object is
    for content, whole in ((b"", True), (bytes(begun), True), (bytes(head[:272]) + bytes(8 * MEGABYTE), False)):
        with open(path, "wb") as file:
            file.write(content)
        assert count.look(journal.where) == (whole, [])
    os.unlink(path)
    assert look(count, journal) == {}
