# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the code on hosts starts other programs: without a shell, in a known environment, and with no
input but what it is given.

It also runs where there is no Ansible (in the zipapp, and as the program of an inspection), so C(run_command) of an
AnsibleModule is not to be had.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import threading

SECONDS = 20
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
_running = set()


def run(argv, seconds=SECONDS, environment=None, given=None):
    """Run a program to its end.

    :param list argv: the program and its arguments.
    :param int seconds: how long it may take.
    :param dict environment: what is added to the known environment; here and not in C(argv) a secret belongs.
    :param bytes given: what it reads; nothing if left out.
    :return: subprocess.CompletedProcess: C(returncode), and C(stdout) and C(stderr) as bytes.
    :raises OSError: it can't be started; FileNotFoundError where it is not installed.
    :raises subprocess.TimeoutExpired: it took too long and was killed.
    """
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if given is not None:
        streams["stdin"] = subprocess.PIPE
    with _started(argv, environment, **streams) as process:
        try:
            output, errors = process.communicate(given, timeout=seconds)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, output, errors)


def as_user(name, argv):
    """The command line with which root runs a program as another account: in its folders that is who may write."""
    return ["setpriv", "--reuid=" + name, "--regid=" + name, "--init-groups", *argv]


def end_all():
    """Kill every program that this process has started and that still runs: nobody waits for it any more."""
    for process in tuple(_running):
        process.kill()


@contextlib.contextmanager
def _started(argv, environment=None, **streams):
    with subprocess.Popen(  # pylint: disable=ansible-bad-function
        argv, env={**_ENVIRONMENT, **(environment or {})}, **{"stdin": subprocess.DEVNULL, **streams}
    ) as process:
        _running.add(process)
        try:
            yield process
        finally:
            _running.discard(process)


def watched(argv, seconds, environment, enough):
    """Run a program to its end, or until it has said enough: then it is asked to end (SIGINT).

    :param enough: a function that gets each line of standard error as bytes, and says whether the program is to end.
    :return: subprocess.CompletedProcess: as L(run) gives it.
    :raises OSError: it can't be started; FileNotFoundError where it is not installed.
    :raises subprocess.TimeoutExpired: it took more than C(seconds) and was killed.
    """
    with (
        tempfile.TemporaryFile() as output,
        _started(argv, environment, stdout=output, stderr=subprocess.PIPE) as process,
    ):
        killed = threading.Event()
        timer = threading.Timer(seconds, lambda: (killed.set(), process.kill()))
        timer.start()
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if enough(line):
                    process.send_signal(signal.SIGINT)
        finally:
            timer.cancel()
        process.wait()
        if killed.is_set():
            raise subprocess.TimeoutExpired(argv, seconds)
        output.seek(0)
        return subprocess.CompletedProcess(argv, process.returncode, output.read(), b"".join(said))


def lines(argv):
    """Start a program that goes on for ever, and give out its lines as they come; it is ended with the one who reads.

    :raises OSError: it can't be started, or it ended.
    """
    with _started(argv, stdout=subprocess.PIPE) as process:
        try:
            yield from process.stdout
        finally:
            process.kill()
    raise OSError("'%s' ended with code %d" % (argv[0], process.returncode))


def pieces(argv, end):
    """The same for a program whose pieces have another end than a line feed; what it says of errors is among them.

    :param bytes end: one byte, which is not given out.
    """
    with _started(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        waiting = b""
        try:
            while some := process.stdout.read1(1 << 16):
                *whole, waiting = (waiting + some).split(end)
                yield from whole
            if waiting:
                yield waiting
        finally:
            process.kill()
    raise OSError("'%s' ended with code %d" % (argv[0], process.returncode))


def first_line(argv):
    """The first line that a program prints, as bytes; it is ended then."""
    with _started(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        line = process.stdout.readline()
        process.kill()
    return line


@contextlib.contextmanager
def output(argv, given):
    """What a program makes of an open file, to be read like a file, for the C(with) statement.

    :param int given: a descriptor.
    :raises OSError: it can't be started, or, where all was read, it did not end well.
    """
    with _started(argv, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.stdout
            at_its_end = not process.stdout.read(1)
        except BaseException:
            process.kill()
            raise
        if not at_its_end:
            process.kill()
        elif process.wait():
            raise OSError("'%s' ended with code %d" % (argv[0], process.returncode))
