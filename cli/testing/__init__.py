# SPDX-License-Identifier: GPL-3.0-or-later
"""`./baseline test`: every test of this checkout, in one go."""
