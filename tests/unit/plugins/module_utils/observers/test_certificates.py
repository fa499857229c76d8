# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a certificate's file, and of a collector's list."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import OBSERVERS

FIRST, SECOND = "SHA1:57:B3:CA", "SHA1:4B:25:4F"


def look(name, **arguments):
    return OBSERVERS[name].look(**arguments)


@pytest.fixture
def certificate(tmp_path):
    path = tmp_path / "host.crt"
    words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-days", "9"]
    subprocess.run(
        ["openssl", "req", "-x509", *words, "-subj", "/CN=web", "-out", path], check=True, capture_output=True
    )
    return path


def test_a_certificate_is_known_by_its_hash(certificate):
    said = look("certificate", path=str(certificate), ca=str(certificate))
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificate],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said["sha256"] == shown.strip().partition("=")[2].replace(":", "").lower()
    assert (said["exists"], said["trusted"], said["days_left"]) == (True, True, 8)
    certificate.write_text("a word before it\n" + certificate.read_text())
    assert look("certificate", path=str(certificate), ca=str(certificate))["sha256"] == said["sha256"]


def test_one_that_is_not_there_has_none(tmp_path):
    assert look("certificate", path=str(tmp_path / "none"), ca="/none")["sha256"] == ""


@pytest.mark.parametrize(
    ("written", "refused", "withdrawn"),
    [
        (f'"{FIRST}", # web\n"{SECOND}", # vault\n"nobody"', [], []),
        (f'"{FIRST}"', ["vault"], []),
        (f'"{FIRST}", "{SECOND}", "SHA1:00:11"', [], ["SHA1:00:11"]),
        (f'# "{FIRST}" "{SECOND}"SHA1:00:11\r\xff\0', [], ["SHA1:00:11"]),
        ("", ["vault", "web"], []),
        (None, ["vault", "web"], []),
    ],
)
def test_whom_a_list_admits(tmp_path, written, refused, withdrawn):
    path = tmp_path / "receive.conf"
    if written is not None:
        path.write_text(written, encoding="latin-1", newline="")
    said = look("admission", path=str(path), given_out={"web": FIRST, "vault": SECOND})
    content = path.read_bytes() if path.exists() else b""
    assert said == {"refused": refused, "withdrawn": withdrawn, "sha256": hashlib.sha256(content).hexdigest()}
