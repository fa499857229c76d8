# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible itself, for tests that compare with it.

Its loader must be there before anything of the collection is imported: filters are found through it.
"""

from __future__ import annotations

from ansible.plugins.loader import init_plugin_loader

init_plugin_loader()
