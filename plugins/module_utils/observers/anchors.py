# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether the hashes of a collector's sealed days are at the third places that it has."""

from __future__ import annotations

import time

from ..records import anchoring, anchors, store
from ._store import the_settings

_SHOWN = 20
_LATE_SECONDS = 2 * 3600


def see_anchors():
    return look(the_settings(), time.time())


def look(settings, now):
    """See what was not made, not brought, or is not there any more.

    :param float now: seconds since 1970. A day that has been over for two hours is to be there.
    """
    first_open = str(store.today(now - _LATE_SECONDS))
    made, places, missing, newest = anchoring.made(settings.store), anchors.places(), [], {}
    over = {str(day) for one in settings.classes for day in store.days(settings.store, one) if str(day) < first_open}
    missing += ["no anchor was made of %s" % day for day in sorted(over - set(made))]
    for place in places:
        brought = anchors.delivered(place) & set(made)
        newest[place.name] = max(brought, default="")
        for day, text in made.items():
            if day not in brought:
                missing += ["%s: %s was not brought" % (place.name, day)] if day < first_open else []
            elif place.way == "folder" and text not in anchors.in_folder(settings, place, day):
                missing.append("%s: %s is not there any more, or is another" % (place.name, day))
    return {
        "places": len(places),
        "texts": len(made),
        "newest": newest,
        "missing": missing[:_SHOWN],
        "missing_count": len(missing),
    }
