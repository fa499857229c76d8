# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.observers import antivirus
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


@pytest.fixture
def look(tmp_path, monkeypatch):
    """What is seen of databases, given by name with their ages in days."""
    monkeypatch.setattr(antivirus, "DATABASES", str(tmp_path))

    def look(**ages):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, age in ages.items():
            header = f"ClamAV-VDB:16 Sep 2021 08-32 -0400:62:7:90:aa:bb:sigmgr:{int(time.time() - age * 86400)}"
            (tmp_path / name.replace("_", ".")).write_bytes(header.ljust(512).encode())
        (tmp_path / "site.hdb").write_text("aa:1:x\n")
        return antivirus.see_signatures(max_age_days=7)

    return look


def test_each_official_database_is_judged_by_its_own_age(look):
    seen = look(main_cvd=1800, daily_cvd=90)
    assert (seen["missing"], seen["old"], seen["newest_age_days"]) == ([], ["daily"], 0)
    assert seen["official_age_days"] == {"main": 1800, "daily": 90}
    assert look(main_cvd=1800, daily_cvd=90, daily_cld=1)["old"] == []
    assert look(main_cvd=1800, daily_cvd=-3)["old"] == ["daily"]


def test_signatures_of_the_site_alone_are_not_what_goes_round(look):
    assert look()["missing"] == ["main", "daily"]
    assert look(daily_cld=1)["missing"] == ["main"]
    assert look(bytecode_cvd=1, main_cvd=1)["missing"] == ["daily"]
