# SPDX-License-Identifier: GPL-3.0-or-later
"""The record store of a collector: C(<store>/<class>/<YYYY-MM-DD>/<host>.log) in UTC days."""
