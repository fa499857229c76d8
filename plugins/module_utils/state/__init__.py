# SPDX-License-Identifier: GPL-3.0-or-later
"""What a measure lays down on a host, as data: brought about, compared, and taken away again.

The controller renders a role's C(state.yml) (plugins/plugin_utils/state_values.py) and sends it whole; everything here
runs on the managed host (Python 3.9 or newer, standard library only).
"""
