# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways by which a receiver is told, and what may come of it."""

from __future__ import annotations

import contextlib
import importlib
import signal
import ssl
from typing import NamedTuple

from . import kinds

SECONDS = 60
"""How long a message may take: a server that never comes to its end holds nobody up for longer."""
SOCKET_SECONDS = 20
_ANSWER = 200
_WAYS = ("mail", "webhook")


class RefusedError(Exception):
    """The server answered, and does not take this message: one sentence."""


class UnreachableError(Exception):
    """No message gets through: the network, the name, TLS, a login. One sentence."""


class Message(NamedTuple):
    """What is sent.

    :ivar str identity: the same each time the same is sent.
    :ivar list notices: see incidents.py.
    """

    identity: str
    unit: str
    collector: str
    notices: list


def send(receiver, message):
    """Send it.

    :param settings.Receiver receiver: whom.
    :param Message message: what.
    :return: str: what of it went wrong all the same, such as one of several addresses; empty if nothing.
    :raises RefusedError: see there.
    :raises UnreachableError: see there.
    """
    try:
        with _within(SECONDS):
            return way(receiver).send(receiver, message)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or error
        raise UnreachableError(said("TLS: %s" % why)) from error
    except (OSError, ValueError) as error:
        raise UnreachableError(said("%s" % (error or type(error).__name__))) from error


def way(receiver):
    """The module that sends to it: each needs much of Python's library, and not every site has both.

    :raises ValueError: there is none.
    """
    if receiver.way not in _WAYS:
        raise ValueError("there is no way '%s'" % receiver.way)
    return importlib.import_module("." + receiver.way, __package__)


def tls(receiver):
    """How its server is believed: by its name, in a certificate of an authority that was named, or is Debian's.

    :raises OSError: a file can't be read.
    """
    context = ssl.create_default_context(cafile=receiver.authority())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def said(answer):
    """A server's words, for people."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return kinds.clean(" ".join(text.split()), _ANSWER)


@contextlib.contextmanager
def _within(seconds):
    """End what takes longer by a TimeoutError; of the main thread only, as signals are."""

    def late(number, frame):
        del number, frame
        raise TimeoutError("it took more than %d s" % seconds)

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
