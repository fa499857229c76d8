# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.nat.answer import disclosure
from ansible_collections.order82.baseline.plugins.module_utils.nat.record import record_text

OFFICERS = ["Li Wei 012345", "王芳 067890"]


@pytest.mark.parametrize(
    ("case", "basis", "officers", "reason"),
    [
        (None, "letter 17", OFFICERS, "--case is missing"),
        ("A-1", "  ", OFFICERS, "--basis is missing"),
        ("A-1", "letter 17", OFFICERS[:1], "two different people"),
        ("A-1", "letter 17", ["Li Wei 1", "Li  Wei 1"], "two different people"),
        ("A-1", "letter 17", None, "two different people"),
        ("A-1\nforged", "letter 17", OFFICERS, "must be one line"),
        ("A" * 201, "letter 17", OFFICERS, "at most 200"),
    ],
)
def test_nobody_is_told_without_a_warrant(case, basis, officers, reason):
    with pytest.raises(disclosure.RefusedError, match=reason):
        disclosure.warrant(case, basis, officers)


@pytest.mark.parametrize("count", [1, 7, 3000])
def test_every_question_stands_in_one_record_and_none_is_cut(count):
    given = disclosure.warrant("A-1", "第三十五条" * 40, OFFICERS)
    questions = [{"public_address": f"203.0.113.{number % 250}", "public_port": number} for number in range(count)]
    found = disclosure.texts(given, questions, "0123456789abcdef", "officer")
    documents = [json.loads(text.removeprefix("asked ")) for text in found]
    assert [question for document in documents for question in document["questions"]] == questions
    assert all(len(text) <= record_text.MOST_CHARACTERS for text in found)
    assert len(found) <= 1 + count // 50
    assert documents[-1]["of"].endswith(f"{count}/{count}")
    assert all(document["officers"] == sorted(OFFICERS) and document["case"] == "A-1" for document in documents)


def test_a_journal_that_keeps_nothing_gives_no_answer(monkeypatch):
    class Done:
        returncode, stdout, stderr = 0, b"asked of somebody else", b""

    monkeypatch.setattr(disclosure.journal, "write", lambda *_words: None)
    monkeypatch.setattr(disclosure.processes, "run", lambda _argv: Done)
    with pytest.raises(OSError, match="0 of its 1 records are in the journal"):
        disclosure.record(disclosure.warrant("A-1", "letter", OFFICERS), [{"public_address": "203.0.113.1"}])


def test_only_what_root_asked_counts_as_recorded(monkeypatch):
    """Of another account the record would be of class system, and the collectors' would lack it."""
    asked = []

    class Done:
        returncode, stdout, stderr = 0, b"", b""

    monkeypatch.setattr(disclosure.journal, "write", lambda *_words: None)
    monkeypatch.setattr(disclosure.processes, "run", lambda argv: asked.append(argv) or Done)
    with pytest.raises(OSError, match="ask as root"):
        disclosure.record(disclosure.warrant("A-1", "letter", OFFICERS), [{"public_address": "203.0.113.1"}])
    assert "_UID=0" in asked[-1]
