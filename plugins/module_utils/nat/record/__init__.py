# SPDX-License-Identifier: GPL-3.0-or-later
"""On a gateway: the plan in the kernel, and the record of who got which public address and port, and when."""
