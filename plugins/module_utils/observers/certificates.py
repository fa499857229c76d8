# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: a certificate file."""

from __future__ import annotations

import calendar
import os
import time

from .. import processes
from ._registry import Argument, Observer, command


def _certificate(path, ca):
    if not os.path.exists(path):
        return {"exists": False, "trusted": False, "days_left": 0, "subject": ""}
    shown = dict(
        line.partition("=")[::2]
        for line in command(["openssl", "x509", "-noout", "-enddate", "-subject", "-in", path]).splitlines()
    )
    ends = calendar.timegm(time.strptime(shown["notAfter"], "%b %d %H:%M:%S %Y GMT"))
    verified = processes.run(["openssl", "verify", "-CAfile", ca, path])
    return {
        "exists": True,
        "trusted": verified.returncode == 0,
        "days_left": int((ends - time.time()) // 86400),
        "subject": shown["subject"].strip(),
    }


OBSERVERS = {
    "certificate": Observer(
        look=_certificate,
        text="a certificate and whether an authority vouches for it now (openssl x509, openssl verify)",
        arguments={
            "path": Argument(str, "the certificate, PEM", required=True),
            "ca": Argument(str, "the authority's certificate, PEM", required=True),
        },
        facts={
            "exists": "bool",
            "trusted": "bool: the authority signed it and it is valid today",
            "days_left": "int: whole days until it ends; below 0 it has ended",
            "subject": "str: whom it names",
        },
    ),
}
