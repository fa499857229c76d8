# SPDX-License-Identifier: GPL-3.0-or-later
"""No account pushes the records of others out of this host's journal: who wrote how much, and who is held."""
