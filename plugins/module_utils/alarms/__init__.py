# SPDX-License-Identifier: GPL-3.0-or-later
"""Alarms reach people: what the measures say of themselves is followed on a collector, and told by mail and webhook."""
