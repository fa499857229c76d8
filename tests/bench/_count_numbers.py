# SPDX-License-Identifier: GPL-3.0-or-later
"""Count numbered messages among a collector's records, which are given on standard input.

Runs on a collector. Called with the mark and how many there are to be. Prints {"distinct": numbers, "lines": number, "missing": the
first ten, "first": when the first one arrived, "last": when the last of all numbers first did}; times in seconds since 1970, as the
collector has written them into the records, null where there is none.
"""

import datetime
import json
import re
import sys


def main():
    mark, count = sys.argv[1].encode("ascii"), int(sys.argv[2])
    pattern = re.compile(rb'\[stored@32473 at="([^"]+)"[^\n]* number (\d+) of ' + re.escape(mark) + b",")
    arrived, lines = {}, 0
    for line in sys.stdin.buffer:
        found = pattern.search(line)
        if found:
            lines += 1
            number = int(found[2])
            arrived[number] = min(arrived.get(number, found[1]), found[1])  # all in UTC and of one form
    print(
        json.dumps(
            {
                "distinct": sum(number < count for number in arrived),
                "lines": lines,
                "missing": [number for number in range(count) if number not in arrived][:10],
                "first": seconds(min(arrived.values(), default=b"")),
                "last": seconds(max(arrived.values(), default=b"")),
            }
        )
    )


def seconds(text):
    return datetime.datetime.fromisoformat(text.decode("ascii")).timestamp() if text else None


main()
