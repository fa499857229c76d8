# SPDX-License-Identifier: GPL-3.0-or-later
"""Run something in a process that is killed (SIGKILL) right before the n-th thing that it does to the machine.

Python tells of each by an audit event (PEP 578), so that what is tried needs to know nothing of it. The file is also sent
to lab hosts, so it imports nothing but the standard library and is Python 3.9-safe.
"""

from __future__ import annotations

import json
import os
import signal
import sys

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SEEN = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "subprocess.Popen"}
"""What alters names, and what another program does."""
ALL = {*SEEN, "open", "os.chmod", "os.chown", "os.truncate", "os.utime"}
_LOOKS = (["systemctl", "show"], ["systemctl", "list-units"], ["dpkg-query"], ["journalctl"], ["bash", "-n"], ["grep"])
"""Programs, by how they are called, that change nothing: it makes no difference whether one is killed before them."""


def _is_effect(event, args, events):
    if event not in events:
        return False
    if event == "open":
        return bool(isinstance(args[2], int) and args[2] & _WRITES) and args[0] != "/dev/null"
    if event == "subprocess.Popen":
        argv = list(args[1])
        return not any(argv[: len(one)] == one for one in _LOOKS)
    if event in ("os.mkdir", "os.remove"):  # of a folder that is there, or of a file that is not, comes nothing
        return _is_there(args[0], args[-1]) == (event == "os.remove")
    return True


def _is_there(path, folder):
    try:
        os.stat(path, dir_fd=None if folder == -1 else folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def run(function, number, events=frozenset(ALL)):
    """Call a function in a process of its own.

    :param function: what it returns must be JSON.
    :param int number: before which effect the process is killed.
    :param events: which count.
    :return: what the function returned, or None if the process was killed; and what it was about to do then.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        counted = [0]

        def hook(event, args):
            if counted[0] >= 0 and _is_effect(event, args, events):
                counted[0] += 1
                if counted[0] == number:
                    counted[0] = -1  # what follows is ours
                    os.write(writing, json.dumps({"about_to": "%s %s" % (event, args)}, default=str).encode())
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        answer = {"answer": function()}
        counted[0] = -1
        with os.fdopen(writing, "w") as file:
            json.dump(answer, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    _child, status = os.waitpid(child, 0)
    document = json.loads(said or "{}")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and "about_to" in document:
        return None, document["about_to"]
    if status != 0 or "answer" not in document:
        raise AssertionError("the process ended with %d and said: %s" % (status, said))
    return document["answer"], ""
