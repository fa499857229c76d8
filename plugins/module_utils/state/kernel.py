# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's settings and modules, as they are now and not as a file says."""

from __future__ import annotations

import os

from .errors import StateError
from .host import run


def differences(state):
    """What is not as the state says: sentences."""
    found = ["module %s is not loaded" % name for name in state["modules"] if not os.path.isdir("/sys/module/" + name)]
    for key, value in state["sysctls"].items():
        now = value_of(key)
        if now != value.split():
            found.append("sysctl %s is %s and not %s" % (key, " ".join(now) or "missing", value))
    return found


def value_of(key):
    """The words of a setting (sysctl(8)); none where the kernel does not have it."""
    try:
        with open("/proc/sys/" + key.replace(".", "/"), encoding="ascii", errors="replace") as file:
            return file.read().split()
    except OSError:
        return []


def lay(state, check):
    """Load and set.

    :return: sentences on what was done.
    """
    found = differences(state)
    if found and not check:
        for name in state["modules"]:
            if not os.path.isdir("/sys/module/" + name):
                run(["modprobe", name])
        for key, value in state["sysctls"].items():
            try:
                with open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
                    file.write(value)
            except OSError as error:
                raise StateError("the kernel takes no %s=%s: %s" % (key, value, error.strerror)) from error
    return found
