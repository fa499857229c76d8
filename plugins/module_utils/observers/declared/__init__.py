# SPDX-License-Identifier: GPL-3.0-or-later
"""What each observer takes, and the facts that it gives.

What it does stands in the module beside this package that it names, and is read where somebody looks: the controller
never does, and a host would need a fifth of an inspection to read them all.
"""

from __future__ import annotations

from . import alarms, backup, host, logins, protection, records, translation

OBSERVERS = {
    **host.OBSERVERS,
    **records.OBSERVERS,
    **logins.OBSERVERS,
    **translation.OBSERVERS,
    **protection.OBSERVERS,
    **backup.OBSERVERS,
    **alarms.OBSERVERS,
}
"""All observers by name."""
