# SPDX-License-Identifier: GPL-3.0-or-later
"""Viruses on this host: what ClamAV finds is put aside with all that is needed to give it back."""
