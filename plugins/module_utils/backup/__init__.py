# SPDX-License-Identifier: GPL-3.0-or-later
"""Redundant backup that is proven by restoring (article 7(2)): what runs on the host that is backed up."""
