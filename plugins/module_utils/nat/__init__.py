# SPDX-License-Identifier: GPL-3.0-or-later
"""Who had which public address and port.

The data goes one way, record -> index -> answer, and no room knows the ones after it. What all of them share stands
here, and the area's command line.
"""
