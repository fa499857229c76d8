# SPDX-License-Identifier: GPL-3.0-or-later
"""Who had this public address and port at this time, as far as records go, with the evidence."""
