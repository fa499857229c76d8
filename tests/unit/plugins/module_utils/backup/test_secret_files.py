# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.backup import kinds, secret_files
from ansible_collections.order82.baseline.plugins.module_utils.backup.settings import Set


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pem", "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nMII=\n"),
        ("rsa", "-----BEGIN RSA PRIVATE KEY-----\r\nMII=\r\n"),
        ("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n"),
        ("ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"),
        ("gpg", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n"),
        ("wg0.conf", "[Interface]\nPrivateKey = aGVsbG8=\n"),
        ("Kexample.+013+1.private", "Private-key-format: v1.3\n"),
        ("store.p12", "\x00"),
    ],
)
def test_a_private_key_is_found_whatever_the_file_is_called(tmp_path, name, content):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_bytes(content.encode())
    assert secret_files.found(str(tmp_path)) == [str(tmp_path / "deep" / name)]


def test_what_only_speaks_of_keys_is_none_and_nothing_is_followed_nor_waited_for(tmp_path):
    (tmp_path / "script").write_text("grep -q -- '-----BEGIN PRIVATE KEY-----' \"$1\"\n#PrivateKey = here\n")
    (tmp_path / "cert").write_text("-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n")
    (tmp_path / "pub").write_text("-----BEGIN PUBLIC KEY-----\nMII=\n")
    (tmp_path / "link.p12").symlink_to("script")
    os.mkfifo(tmp_path / "pipe.p12")
    assert secret_files.found(str(tmp_path)) == []


def test_the_keys_of_a_host_of_ours_are_found(tmp_path):
    key = tmp_path / "host.key"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", key], check=True
    )
    assert secret_files.found(str(tmp_path)) == [str(key)]


def test_a_name_excludes_itself_only():
    assert secret_files.pattern("/etc/a*b[c]?\\d") == "/etc/a\\*b\\[c]\\?\\\\d"


def test_no_set_of_files_takes_them_in(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "STAGING", str(tmp_path / "staging"))
    taken = kinds.take(Set("all", "files", ("/etc",), ("*.tmp",)))
    assert taken.paths == ("/etc",)
    assert set(taken.exclude) == {"*.tmp", *secret_files.NEVER}
