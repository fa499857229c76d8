# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers: a certificate file, and whose certificates a collector admits."""

from __future__ import annotations

import calendar
import hashlib
import os
import ssl
import time

from .. import processes
from ._registry import Argument, Observer, command

_LONGEST = 16 * 1024 * 1024  # bytes of a list: 100,000 hosts have 8 million


def _certificate(path, ca):
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


def _admission(path, given_out):
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
            "sha256": "str: its hash, as of openssl x509 -fingerprint -sha256, in small letters and without colons",
        },
    ),
    "admission": Observer(
        look=_admission,
        text="whom a collector admits, by its list",
        arguments={
            "path": Argument(str, "the list", required=True),
            "given_out": Argument(dict, "host to the SHA-256 of its certificate, in capital letters", required=True),
        },
        facts={
            "refused": "list: hosts whose certificate is not in it, in their own name",
            "withdrawn": "list: fingerprints in it of certificates that this host was not given, or has no more",
            "sha256": "str: the list's hash: there is more in it than fingerprints",
        },
    ),
}
