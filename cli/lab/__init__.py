# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: Debian hosts with systemd, in podman containers, on networks of their own."""
