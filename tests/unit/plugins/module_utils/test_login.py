# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(os.geteuid() != 0, reason="only root logs in as somebody else")
@pytest.mark.parametrize(("login", "account"), [("1", "daemon"), ("4242424", "4242424"), (None, "root")])
def test_who_is_at_work_is_who_logged_in_and_not_what_the_environment_says(login, account):
    program = (
        "import sys; from ansible_collections.order82.baseline.plugins.module_utils import login\n"
        "if len(sys.argv) > 1: open('/proc/self/loginuid', 'w').write(sys.argv[1])\n"
        "else: login.LOGIN = '/nowhere'\n"
        "print(login.account())"
    )
    words = [sys.executable, "-c", program, *([login] if login else [])]
    named = dict.fromkeys(("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"), "somebody-else")
    environment = os.environ | named | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == account
