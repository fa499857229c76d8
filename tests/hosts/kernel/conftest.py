# SPDX-License-Identifier: GPL-3.0-or-later
"""The one server of the scenario as the gateway of the tests of NAT; both ends of its flows."""

from __future__ import annotations

from ..nat.conftest import ends, gateways

__all__ = ["ends", "gateways"]
