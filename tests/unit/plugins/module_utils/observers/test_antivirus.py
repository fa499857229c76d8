# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers.antivirus import made, signatures_in

NEW = "ClamAV-VDB:16 Sep 2021 08-32 -0400:62:6647427:90:aa:bb:sigmgr:1631795562"
OLD = NEW.replace("08-32", "08:32")


@pytest.mark.parametrize("header", [NEW, OLD])
def test_an_official_database_says_itself_how_old_it_is(tmp_path, header):
    path = tmp_path / "main.cvd"
    path.write_bytes(header.ljust(512).encode() + b"\x1f\x8b")
    assert (signatures_in(str(path)), made(str(path))) == (6647427, 1631795562)


def test_what_is_no_database_is_not_counted_as_one(tmp_path):
    path = tmp_path / "daily.cvd"
    path.write_bytes(b"<html>")
    with pytest.raises(ValueError, match="is no database of ClamAV"):
        signatures_in(str(path))


def test_other_files_have_one_signature_a_line(tmp_path):
    path = tmp_path / "site.hdb"
    path.write_text("# a comment\naa:1:x\n\nbb:2:y\n")
    assert signatures_in(str(path)) == 2
