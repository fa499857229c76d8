# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person did by hand with the store leaves a record, as does what the timer does: class C(measure_state)."""

from __future__ import annotations

from .. import journal

PROGRAM = "order82"


def by_hand(done, alarms):
    """Write sentences to the journal, from where they go to all collectors; and give them as the answer of a command.

    :param list done: what was done.
    :param list alarms: what a person must know.
    :return: (document, text, exit code): see host_command.py.
    :raises OSError: there is no journal.
    """
    for sentence in [*done, *("alarm: " + one for one in alarms)]:
        journal.write(PROGRAM, sentence)
    text = "\n".join([*done, *("alarm: " + one for one in alarms)])
    return {"done": done, "alarms": alarms}, text or "nothing to do", 1 if alarms else 0
