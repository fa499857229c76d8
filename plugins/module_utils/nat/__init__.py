# SPDX-License-Identifier: GPL-3.0-or-later
"""Who had which public address and port: the plan, its records, and the answer to the question."""
