# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: a certificate file, and whose certificates a collector admits."""

from __future__ import annotations

import calendar
import hashlib
import os
import ssl
import time

from .. import processes
from ._registry import command

_LONGEST = 16 * 1024 * 1024  # bytes of a list: 100,000 hosts have 8 million


def see_certificate(path, ca):
    if not os.path.exists(path):
        return {"exists": False, "trusted": False, "days_left": 0, "subject": "", "sha256": ""}
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
        "sha256": _digest(path),
    }


def _digest(path):
    with open(path, encoding="ascii", errors="replace") as file:
        text = file.read()
    begins = text.index(ssl.PEM_HEADER)
    ends = text.index(ssl.PEM_FOOTER, begins) + len(ssl.PEM_FOOTER)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[begins:ends])).hexdigest()


def see_admission(path, given_out):
    try:
        with open(path, "rb") as file:
            text = file.read(_LONGEST)
    except FileNotFoundError:
        text = b""
    lines = [line.split(None, 1) for line in text.decode("utf-8", "replace").splitlines() if not line.startswith("#")]
    there = {(host, fingerprint) for fingerprint, host in (line for line in lines if len(line) == 2)}
    return {
        "refused": sorted(host for host, fingerprint in given_out.items() if (host, fingerprint) not in there),
        "withdrawn": sorted({fingerprint for _host, fingerprint in there - set(given_out.items())}),
        "sha256": hashlib.sha256(text).hexdigest(),
    }
