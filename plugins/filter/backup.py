# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: accounts of a repository of backups."""

from __future__ import annotations

import base64
import hashlib


def htpasswd_sha(password) -> str:
    """What a password is in a file of accounts; see htpasswd_sha.yml."""
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "{SHA}" + base64.b64encode(digest).decode("ascii")


class FilterModule:
    """Ansible's entry."""

    def filters(self):
        """The filters of this file by name."""
        return {"htpasswd_sha": htpasswd_sha}
