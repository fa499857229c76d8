# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a host may take and how much it may say: held on the controller, whatever the host does.

No connection of Ansible does so. C(ssh) waits without end once its command runs, and keeps all that it reads; C(local),
C(podman), C(docker) and others leave both to C(Popen.communicate). But all of them start a program and read its pipes:
there it can be held for all of them. One that starts none (C(paramiko)) is not held here.
"""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import subprocess
import threading
import time

_PIECE = 65536  # what a pipe holds


class BoundsError(Exception):
    """A host went beyond them; one sentence, of which the host is the subject."""


class Bounds:
    """While it is entered, the programs that this process starts get so much time and may print so much, all together.

    C(seconds): the time in seconds, from now on, however often it is entered; C(size): all that they print, in bytes.
    Beyond that they are killed, and leaving raises BoundsError.
    """

    def __init__(self, seconds: float, size: int):
        self.seconds, self.size = seconds, size
        self.broken = ""
        self._left, self._until = size, time.monotonic() + seconds
        self._programs: list[subprocess.Popen] = []

    def __enter__(self):
        self._timer = threading.Timer(self._rest(), self.end, [f"it did not answer within {self.seconds:g} s"])
        self._timer.daemon = True
        self._timer.start()
        self._popen = subprocess.Popen
        subprocess.Popen = type("Program", (_Program,), {"bounds": self})
        return self

    def __exit__(self, _kind, error, _traceback):
        subprocess.Popen = self._popen
        self._timer.cancel()
        if self.broken and (error is None or isinstance(error, Exception)):
            raise BoundsError(self.broken) from error

    def hold(self, program: subprocess.Popen) -> None:
        """Kill this program, too, when it is time."""
        self._programs.append(program)
        if self.broken:
            program.kill()

    def took(self, number: int) -> None:
        """Count what a program has printed (bytes)."""
        self._left -= number
        if self._left < 0:
            self.end(f"it answered with more than {self.size} bytes")

    def end(self, why: str) -> None:
        """Kill all programs; the first reason is the one that is told."""
        self.broken = self.broken or why
        for program in list(self._programs):
            with contextlib.suppress(OSError):  # gone already, or another account's: nobody waits for it any more
                program.kill()

    def patience(self) -> float:
        """How long there still is to wait (seconds); a little more, so that the timer is first."""
        return self._rest() + 0.1

    def _rest(self) -> float:
        return max(0.0, self._until - time.monotonic())


class _Counted(io.FileIO):
    """A pipe of a program, read as Ansible's connections read it: by read(), with or without waiting."""

    def __init__(self, pipe: io.BufferedReader, bounds: Bounds):
        super().__init__(os.dup(pipe.fileno()), "rb")
        pipe.close()
        self._bounds = bounds

    def read(self, size=-1):
        return self.readall() if size is None or size < 0 else self._piece(size)

    def readall(self):
        if not os.get_blocking(self.fileno()):
            return self._piece(_PIECE)  # there may be more: who asks without waiting asks again
        return b"".join(iter(lambda: self._piece(_PIECE), b""))

    def readinto(self, buffer):
        piece = self._piece(len(buffer))
        if piece is None:
            return None
        buffer[: len(piece)] = piece
        return len(piece)

    def _piece(self, size):
        """Bytes; none at the end, and where the bounds are broken; None where there is nothing yet."""
        piece = b"" if self._bounds.broken else super().read(size)
        if piece:
            self._bounds.took(len(piece))
        return b"" if self._bounds.broken else piece


class _Program(subprocess.Popen):
    """A program that is held. One that is read as text is held in time alone: no connection reads a host so."""

    bounds: Bounds

    def __init__(self, *words, **named):
        super().__init__(*words, **named)
        if not self.text_mode:
            self.stdout = self.stdout and _Counted(self.stdout, self.bounds)
            self.stderr = self.stderr and _Counted(self.stderr, self.bounds)
        self.bounds.hold(self)

    def communicate(self, input=None, timeout=None):
        """Do what subprocess does, and count; also end where what this program started lives on and holds the pipes."""
        if self.text_mode or timeout is not None:
            return super().communicate(input, timeout)
        if self.stdin:
            threading.Thread(target=self._send, args=(input,), daemon=True).start()
        said = {pipe: bytearray() for pipe in (self.stdout, self.stderr) if pipe}
        with selectors.DefaultSelector() as selector:
            for pipe in said:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() and not self.bounds.broken:
                for key, _events in selector.select(self.bounds.patience()):
                    piece = key.fileobj.read(_PIECE)
                    said[key.fileobj] += piece or b""
                    if piece == b"":
                        selector.unregister(key.fileobj)
        for pipe in said:
            pipe.close()
        if not self.bounds.broken:
            self.wait()
        return tuple(bytes(said[pipe]) if pipe else None for pipe in (self.stdout, self.stderr))

    def _send(self, text):
        with contextlib.suppress(OSError, ValueError):  # it does not read to the end
            self.stdin.write(text or b"")
        with contextlib.suppress(OSError, ValueError):
            self.stdin.close()
