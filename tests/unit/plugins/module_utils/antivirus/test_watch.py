# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib

import pytest
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.trial import is_self_test
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.trial import test_file as the_file
from ansible_collections.order82.baseline.plugins.module_utils.antivirus.watch import found_in


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("/srv/a: Eicar-Test FOUND", "/srv/a"),
        ("/srv/a: b FOUND: Eicar-Test FOUND", "/srv/a: b FOUND"),
        ("/srv/two\nlines: X FOUND", "/srv/two\nlines"),
        (list(b"/srv/\xff: X FOUND"), "/srv/\udcff"),
        ("/srv/a: OK", None),
        ("ClamInotif: watching '/home' (and all sub-directories)", None),
        ("relative: X FOUND", None),
        (None, None),
    ],
)
def test_a_scanners_sentence_names_a_file(message, path):
    assert found_in(message) == path


def test_a_virus_with_the_name_of_a_self_test_is_still_one():
    own = hashlib.sha256(the_file()).hexdigest()
    assert is_self_test("/srv/.order82-self-test-1", own)
    assert not is_self_test("/srv/.order82-self-test-1", "0" * 64)
    assert not is_self_test("/srv/eicar.com", own)
