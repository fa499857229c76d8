# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that a host sent, for people: what would be obeyed instead of read is written as its code.

Every way out goes through here: the terminal, index.html, junit.xml and result.json.
"""

from __future__ import annotations

import re

_OBEYED = re.compile(
    "["
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but for tab and line feed: ANSI's sequences begin with one
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"  # format characters
    r"\u2028-\u202e\u2060-\u206f"  # ends of lines and paragraphs; what turns the direction of text
    r"\ud800-\udfff"  # half a character: no file could hold it
    r"\ufeff\ufff0-\ufffb\ufffe\uffff"
    r"\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]+"  # a run of them at once: a host may send millions
)


def visible(text: str) -> str:
    r"""Write what a terminal or a browser would obey, or not show, as C(\uXXXX); tab and line feed stay.

    In a text of JSON the code stands for the same character, so that nothing is lost there.
    """
    if text.isascii() and text.isprintable():  # as most are
        return text
    return _OBEYED.sub(_code, text)


def one_line(text: str, most: int) -> str:
    """The same on one line, and of so many characters at most."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _code(found: re.Match) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex("\\", 2)
    return "\\u" + units.replace("\\", "\\u")
