# SPDX-License-Identifier: GPL-3.0-or-later
"""The running state of the network, as this host sees it: recorded at an interval, and when something changes."""
