# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a certificate's file, and of a collector's list."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import OBSERVERS

FIRST, SECOND = "57B3CA", "4B254F"


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
        (f"# who\n{FIRST} web\n{SECOND} vault\n", [], []),
        (f"{FIRST} web", ["vault"], []),
        (f"#{FIRST} web\n{SECOND} vault", ["web"], []),
        (f"{FIRST} web\n{SECOND} vault\n0011 web\n", [], ["0011"]),
        (f"{FIRST} web\n{SECOND} vault\n{SECOND} web\n", [], [SECOND]),
        (f"{FIRST} vault\n{SECOND} web\n", ["vault", "web"], [SECOND, FIRST]),
        (f"{FIRST}  web\n\t{SECOND} vault\r\n0011 \xff\0\n22\n", [], ["0011"]),
        ("", ["vault", "web"], []),
        (None, ["vault", "web"], []),
    ],
)
def test_whom_a_list_admits(tmp_path, written, refused, withdrawn):
    path = tmp_path / "admitted.map"
    if written is not None:
        path.write_text(written, encoding="latin-1", newline="")
    said = look("admission", path=str(path), given_out={"web": FIRST, "vault": SECOND})
    content = path.read_bytes() if path.exists() else b""
    assert said == {"refused": refused, "withdrawn": withdrawn, "sha256": hashlib.sha256(content).hexdigest()}
