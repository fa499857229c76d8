# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a collector's record store, for those who look into it."""

from __future__ import annotations

from ..records import settings
from ._registry import ObservationError


def the_settings():
    """Read them.

    :return: settings.Settings
    :raises ObservationError: they can't be read.
    """
    try:
        return settings.load()
    except settings.SettingsError as error:
        raise ObservationError(str(error)) from error
