# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller asks of a host in one call: bring one measure about, and look at the others."""

from __future__ import annotations

import os

from . import applying, manifest
from .host import Host
from .laying import bring_about, look


def carry_out(request):
    """Do what is asked.

    :param dict request: C(bring) with C(state), C(packages), C(debconf) and C(diversions); C(look), a list of states;
        C(check).
    :return: dict with C(brought) (a module's result, or null) and C(looks) (role to what L(look) says).
    """
    # A hardened host has another (027, 077), with which packages would lay what their own accounts can't read.
    before = os.umask(0o022)
    try:
        return _carry_out(request)
    finally:
        os.umask(before)


def _carry_out(request):
    host = Host()
    brought = None
    if request["bring"]:
        brought = _bring(request["bring"], request["check"], host)
        host.forget()
    looks = {}
    if not (brought or {}).get("failed"):
        host.units([entry["name"] for state in request["look"] for entry in state["units"]])
        looks = {state["role"]: look(state, host) for state in request["look"]}
    return {"brought": brought, "looks": looks}


def _bring(bring, check, host):
    if check:
        return bring_about(bring["state"], bring, check, host)
    role = bring["state"]["role"]
    with applying.held() as changed:
        noted = manifest.stamp(role)
        brought = bring_about(bring["state"], bring, check, host)
        if brought["changed"] or manifest.stamp(role) != noted:
            changed()
    return brought
