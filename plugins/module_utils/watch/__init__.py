# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch over measures: what is stopped or changed without announcement is recorded, and put right."""
