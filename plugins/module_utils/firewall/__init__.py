# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may reach this host: rules that are undone by themselves unless they are confirmed."""
