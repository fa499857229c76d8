# SPDX-License-Identifier: GPL-3.0-or-later
"""Intrusion detection on this host: does Suricata see, does it keep up, and which rules has it."""
