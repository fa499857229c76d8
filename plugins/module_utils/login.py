# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at work: the account that logged in, as the kernel keeps it through sudo and su."""

from __future__ import annotations

import os
import pwd

LOGIN = "/proc/self/loginuid"
_NO_LOGIN = 0xFFFFFFFF


def account():
    """The account's name; where nobody logged in, whose process this is.

    What sudo leaves in the environment is no more than a word that anybody can say.
    """
    try:
        with open(LOGIN, encoding="ascii") as file:
            number = int(file.read())
    except (OSError, ValueError):  # a kernel without audit
        number = _NO_LOGIN
    number = os.getuid() if number == _NO_LOGIN else number
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
