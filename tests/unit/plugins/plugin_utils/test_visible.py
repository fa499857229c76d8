# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
import unicodedata

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils.visible import one_line, visible

OBEYED = [
    chr(code)
    for code in range(0x110000)
    if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and chr(code) not in "\t\n"
]


def test_no_control_format_or_separator_of_unicode_comes_through():
    assert [one for one in OBEYED if visible(one) == one] == []
    assert set(visible("".join(OBEYED))) <= set("\\u0123456789abcdef")


@pytest.mark.parametrize(
    "text",
    ["a line\n\tand another", "系统日志：保存 60 天，见「制度」", "\u3000\u00a0", "naïve\u0301", "🙂", "\\u001b"],
)
def test_what_people_write_stays(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\u001b[31m"),
        ("\x9b31m\x7f", "\\u009b31m\\u007f"),
        ("a\rb", "a\\u000db"),
        ("invoice\u202egpj.exe", "invoice\\u202egpj.exe"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\udcff", "\\udcff"),
        ("\ufffe\x00", "\\ufffe\\u0000"),
    ],
)
def test_the_rest_is_written_as_its_code(text, shown):
    assert visible(text) == shown


def test_json_loses_nothing_by_it():
    said = {"".join(OBEYED): ["".join(OBEYED)]}
    assert json.loads(visible(json.dumps(said, ensure_ascii=False))) == json.loads(json.dumps(said))


def test_millions_of_them_hold_nobody_up():
    """A host may send so many; one after the other they took the controller eight seconds of its time."""
    number, begun = 4 * 2**20, time.process_time()
    assert visible("\0" * number) == "\\u0000" * number
    assert time.process_time() - begun < 2


def test_one_line_is_one_line_and_no_longer_than_asked():
    assert one_line("a\n- b passes\r\x1b[2K  c", 100) == "a - b passes\\u000d\\u001b[2K c"
    assert one_line("x" * 100, 10) == "xxxxxxx..."
