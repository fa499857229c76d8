# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: of which version a command is."""

from __future__ import annotations

import hashlib

from ..plugin_utils.host_zipapp import zipapp


def command_version(path) -> str:
    """Say of which version the command is that is laid down; see command_version.yml."""
    return f"{path} {hashlib.sha256(zipapp()).hexdigest()[:16]}"


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict:
        """By name."""
        return {"command_version": command_version}
