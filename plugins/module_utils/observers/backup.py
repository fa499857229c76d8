# SPDX-License-Identifier: GPL-3.0-or-later
"""How the observers of backups look."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from ..backup import drilling, finding, restic, running
from ..backup import settings as backup_settings
from ._registry import ObservationError, side_by_side

_NOBODY = "0" * 64
"""The id of a snapshot that is nobody's: a server that lets a host delete says that there is none."""
_FORBIDDEN = 403
_DELETES = (200, 204, 404)
"""What a server says that would have deleted it."""
_SECONDS = 20
_WRONG = ("error", "doubt")
_MOST_BYTES = 16 << 20


def _settings():
    try:
        return backup_settings.load()
    except backup_settings.SettingsError as error:
        raise ObservationError(str(error)) from error


def backups(max_age_hours):
    """Ask every repository, as a restore would."""
    settings = _settings()
    old, unusable, ages = [], [], {}
    places = restic.repositories(settings)
    for name, (found, error) in zip(
        places, side_by_side(lambda place: _newest(settings, place, max_age_hours), places.values())
    ):
        if error:
            unusable.append(error)
            continue
        for wanted in sorted(settings.sets):
            age = (time.time() - found[wanted]) / 3600 if wanted in found else None
            ages["%s in %s" % (wanted, name)] = None if age is None else round(age, 1)
            if age is None or not _young(age, max_age_hours):
                old.append("%s in %s" % (wanted, name))
    return {
        "repositories": sorted(settings.repositories),
        "domain_count": len(set(settings.domains.values())),
        "age_hours": ages,
        "old": old,
        "failed": _failed(settings),
        "unusable": unusable,
    }


def _young(age, max_age_hours):
    return 0 <= age + 1 <= max_age_hours + 1


def _newest(settings, place, max_age_hours):
    """When the newest backup of each set in a repository was made, by set; and why nobody knows, if so.

    Where the backups of the last run are young, the repository need only say that it still has their snapshots. To open
    it (restic) takes a third of a second of the processor, so that is for the rest.
    """
    made = {one["set"]: one for one in running.made() if one["repository"] == place.name}
    times = {name: finding.moment(made[name]["at"]).timestamp() for name in settings.sets if name in made}
    if len(times) == len(settings.sets) and all(
        _young((time.time() - at) / 3600, max_age_hours) for at in times.values()
    ):
        ids = {made[name][part] for name in times for part in ("snapshot", "manifest")}
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # restic says what it is
            there = _snapshots(place)
            # restic up to 0.16 tells the first eight digits only.
            if all(any(name.startswith(one) for name in there) for one in ids):
                return times, None
    try:
        found = finding.backups(place)
    except OSError as error:
        return {}, str(error)
    return {one.set: one.at.timestamp() for one in found}, None  # the newest are the last


def _snapshots(place):
    """The ids of a repository's snapshots that are not empty (restic's REST API, version 2)."""
    headers = {"Accept": "application/vnd.x.restic.rest.v2"}
    with _ask(place.address_file, place.ca_file, "snapshots/", "GET", headers) as answer:
        return {one["name"] for one in json.loads(answer.read(_MOST_BYTES)) if one["size"]}


def _failed(settings):
    """Of sets and repositories that there still are."""
    return [
        "%s%s to %s: %s" % (part, one["set"], one["repository"], "; ".join(one[key] for key in _WRONG if key in one))
        for what, part in (("run", ""), ("log", "the log of "))
        for one in running.failures(what)
        if one["set"] in settings.sets and one["repository"] in settings.repositories
    ]


def append_only():
    """Try to delete a snapshot that is not there, with the host's own account."""
    deletable, unusable = [], []
    settings = _settings()
    names = sorted(settings.repositories)
    tried = side_by_side(lambda name: _tried(settings.repositories[name], settings.ca_file), names)
    for name, (code, error) in zip(names, tried):
        if error:
            unusable.append("the repository %s: %s" % (name, error))
        elif code in _DELETES:
            deletable.append(name)
        elif code != _FORBIDDEN:
            unusable.append("the repository %s answered with HTTP status %d" % (name, code))
    return {"deletable": deletable, "unusable": unusable}


def _tried(address_file, ca_file):
    """What the server said, or why nobody knows."""
    try:
        return _delete(address_file, ca_file), None
    except (OSError, ValueError) as error:
        return None, str(error) or type(error).__name__


def _delete(address_file, ca_file):
    try:
        with _ask(address_file, ca_file, "snapshots/" + _NOBODY, "DELETE", {}) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def _ask(address_file, ca_file, path, method, headers):
    """Ask a repository with the host's own account."""
    with open(address_file, encoding="utf-8") as file:
        address = urllib.parse.urlsplit(file.read().strip().partition("rest:")[2])
    plain = urllib.parse.urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))
    # The server asks for no account (RFC 7617): it is given at once, as restic does.
    account = base64.b64encode(("%s:%s" % (address.username, address.password)).encode()).decode("ascii")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
    )
    request = urllib.request.Request(
        plain + path, method=method, headers={"Authorization": "Basic " + account, **headers}
    )
    return opener.open(request, timeout=_SECONDS)


def drill():
    try:
        with open(drilling.REPORT, encoding="utf-8") as file:
            report = json.load(file)
    except FileNotFoundError:
        return {"age_days": -1, "wrong": [], "tried": [], "missing": [], "genuine": False}
    settings = _settings()
    tried = ["%s from %s" % (one["set"], one["repository"]) for one in report["results"]]
    wanted = ["%s from %s" % (one, name) for one in settings.sets for name in settings.repositories]
    return {
        "age_days": round((time.time() - finding.moment(report["at"]).timestamp()) / 86400, 2),
        "wrong": [
            "%s from %s: %s" % (one["set"], one["repository"], one["wrong"][0])
            for one in report["results"]
            if one["wrong"]
        ],
        "tried": sorted(tried),
        "missing": sorted(set(wanted) - set(tried)),
        "genuine": drilling.verified(),
    }
