# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop every process of an account where it stands (SIGSTOP), and let it go on.

The real user id decides: that of who started the program, whatever rights it was given. A process is taken hold of
(pidfd_open(2)) before it is looked at, so the signal goes to that one, and to nobody who has its number by then.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from typing import NamedTuple

_STATUS = re.compile(rb"^State:\t(\S).*?^Uid:\t(\d+)", re.DOTALL | re.MULTILINE)
_PENDING = re.compile(rb"^ShdPnd:\t([0-9a-f]+)", re.MULTILINE)
_AT_REST = (b"T", b"t", b"Z", b"X")
_WAITS = b"D"  # for the kernel; the signal reaches it before it does anything else
_PASSES = 20


def hold(is_theirs, seconds=2.0):
    """Stop whatever runs, until nothing does and nothing could have got away.

    One that ends when it has made another may be gone before it is looked at, and the other not be listed yet. So it is
    looked again while anybody makes processes, the newest first, until many passes in a row found nothing.

    :param is_theirs: function of a real user id.
    :param float seconds: for so long at most; who makes processes faster is stopped the next time.
    :return: bool: nothing ran any more.
    """
    end, quiet = time.monotonic() + seconds, 0
    while quiet < _PASSES:
        made = _made()
        states = [_send(pid, is_theirs, signal.SIGSTOP) for pid in _numbers()]
        quiet = 0 if any(state not in (None, _WAITS) for state in states) else quiet + 1
        if quiet and made == _made():
            return True
        if time.monotonic() > end:
            return False
    return True


def let_go(is_theirs):
    """Let all go on that are stopped, whoever stopped them, or would be as soon as the kernel has answered them."""
    for pid in _numbers():
        _send(pid, is_theirs, signal.SIGCONT)


def can_signal():
    """Whether this process may send signals to those of others: nothing is sent.

    :raises OSError: it may not.
    """
    fd = os.pidfd_open(1)
    try:
        signal.pidfd_send_signal(fd, 0)
    finally:
        os.close(fd)


def _numbers():
    """Of all processes, the newest first."""
    with open("/proc/loadavg", encoding="ascii") as file:
        last = int(file.read().split()[-1])
    # Numbers begin anew after the highest, 2^22 at the most.
    return sorted(
        (int(name) for name in os.listdir("/proc") if name.isdigit()), key=lambda pid: (last - pid) % (1 << 22)
    )


def _made():
    """How many processes were made since the boot."""
    with open("/proc/stat", "rb") as file:
        return next(line for line in file if line.startswith(b"processes "))


def _send(pid, is_theirs, number):
    """Stop a process if it runs, or let it go on if a part of it is stopped.

    :return: bytes: how the part of it was for which it was sent a signal; None where it was not.
    """
    folder = "/proc/%d" % pid
    with contextlib.suppress(OSError):  # it has ended
        seen = _look(os.path.join(folder, "status"))
        if seen is None or not is_theirs(seen.uid):
            return None
        fd = os.pidfd_open(pid)
        try:
            seen = _look(os.path.join(folder, "status"))  # of the one that is held now
            if seen is None or not is_theirs(seen.uid):
                return None
            # The first thread may have ended, or be traced, and others run.
            states = [_state_of(os.path.join(folder, "task", one)) for one in os.listdir(os.path.join(folder, "task"))]
            if number == signal.SIGCONT:
                found = [state for state in states if state == b"T"] or ([_WAITS] if seen.to_stop else [])
            else:
                found = sorted((state for state in states if state not in _AT_REST), key=lambda one: one == _WAITS)
            if found:
                signal.pidfd_send_signal(fd, number)
                return found[0]
        finally:
            os.close(fd)
    return None


def _state_of(folder):
    try:
        seen = _look(os.path.join(folder, "status"))
    except OSError:
        seen = None
    return seen.state if seen else b"X"


class _Seen(NamedTuple):
    """A process or a thread: C(to_stop), a stop waits for it."""

    state: bytes
    uid: int
    to_stop: bool


def _look(path):
    with open(path, "rb") as file:
        text = file.read()  # to its end: an account may be in hundreds of groups, whose numbers come first
    found, pending = _STATUS.search(text), _PENDING.search(text)
    if not found:
        return None
    return _Seen(found[1], int(found[2]), bool(pending and int(pending[1], 16) >> (signal.SIGSTOP - 1) & 1))
