# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole lab: every managed host is recorded, an exception is seen as one, a host out of reach is not forgotten."""

from __future__ import annotations

import datetime
import json
import shlex
from pathlib import Path

import pytest

from ..conftest import Lab
from ..drift import Drift, broken, red

COLLECTORS = ("collector1", "collector2")
EDITED, MANIFEST = "/etc/chrony/chrony.conf", "/var/lib/order82/manifest/time_sync.json"
EDIT = f"""
import base64, hashlib, json
document = json.load(open("{MANIFEST}"))
[entry] = [one for one in document["state"]["files"] if one["path"] == "{EDITED}"]
text = open("{EDITED}", "rb").read() + b"# as root on the host likes it\\n"
entry.update(content=base64.b64encode(text).decode(), sha256=hashlib.sha256(text).hexdigest())
json.dump(document, open("{MANIFEST}", "w"), sort_keys=True)
open("{EDITED}", "wb").write(text)
"""
EDITED_ALIKE = Drift(
    {"web": f"cp -a {EDITED} {MANIFEST} /root && python3 -c {shlex.quote(EDIT)}"},
    {
        "web": f"cd /root && cp -a chrony.conf {EDITED} && cp -a time_sync.json {MANIFEST} && rm chrony.conf time_sync.json"
    },
    {"web": {"time_sync.as_laid_down"}},
)
MANAGED = (*COLLECTORS, "gateway", "vault", "web")


def test_subscriber_reaches_the_outside_through_the_gateway(lab: Lab) -> None:
    lab.do("subscriber", "ping -c 2 -W 2 198.18.0.10")


def test_outside_does_not_reach_the_inside_through_the_gateway_but_an_administrator_does(lab: Lab) -> None:
    """Both know the way; the subscriber's host has no guard of its own, the collector's lets the administrator in."""
    lab.do("web", "nc -z -w 20 10.82.3.100 22")
    assert lab.host("outside").run("nc -z -w 2 -s 198.18.0.10 10.82.3.100 22").rc != 0
    lab.do("outside", "nc -z -w 20 -s 198.18.0.67 10.82.3.11 22")


@pytest.mark.parametrize("host", MANAGED)
def test_every_managed_host_is_recorded_twice(lab: Lab, host: str, mark: str) -> None:
    lab.do(host, f"logger -t probe {mark}")
    lab.arrived("system", host, mark)


def test_collection_leaves_unmanaged_hosts_alone(lab: Lab) -> None:
    for host in ("subscriber", "outside"):
        assert not lab.host(host).file("/etc/order82").exists


def test_host_out_of_reach_is_not_run_and_the_report_still_comes(lab: Lab, tmp_path: Path) -> None:
    ghost = tmp_path / "ghost.yml"
    ghost.write_text(
        "all: {children: {webs: {hosts: {ghost: {order82_address: 10.82.3.99, ansible_host: ghost.invalid}}}}}\n"
    )
    result = lab.inspect(tmp_path, "-i", str(ghost))
    outcomes = {host: {one["outcome"] for one in result["results"] if one["host"] == host} for host in ("ghost", "web")}
    assert outcomes["ghost"] <= {"not_run", "not_applicable"}
    assert "not_run" in outcomes["ghost"]
    assert "pass" in outcomes["web"]
    assert not any(one["outcome"] == "pass" for one in result["provisions"] if "time_sync.running" in one["checks"])
    assert (tmp_path / "latest" / "index.html").stat().st_size > 1000


@pytest.mark.parametrize(("days", "outcome"), [(1, "waived"), (-1, "fail")])
def test_waived_is_neither_passed_nor_failed_until_it_expires(
    lab: Lab, tmp_path: Path, days: int, outcome: str
) -> None:
    expires = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days)
    waivers = tmp_path / "waivers.yml"
    # A key that others can read is seen twice, by its own check and by the comparison: each needs its exception.
    waivers.write_text(
        "order82_waivers:\n"
        + "".join(
            f"  - {{check: {check}, hosts: [web], reason: a test, owner: the tester, expires: '{expires}'}}\n"
            for check in ("order82.key", "order82.as_laid_down")
        )
    )
    lab.do("web", "chmod 0644 /etc/order82/tls/host.key")
    try:
        result = lab.inspect(tmp_path, "-e", f"@{waivers}")
    finally:
        lab.do("web", "chmod 0640 /etc/order82/tls/host.key")
    (one,) = [one for one in result["results"] if (one["host"], one["check"]) == ("web", "order82.key")]
    assert one["outcome"] == outcome
    (provision,) = [one for one in result["provisions"] if one["id"] == "art14-3"]
    assert provision["outcome"] == outcome


def test_limited_inspection_says_so_and_sees_who_edits_manifest_and_file_alike(lab: Lab, tmp_path: Path) -> None:
    """The host's own comparison finds nothing then: it is asked again, with what the controller would lay down."""
    with broken(lab, EDITED_ALIKE):
        result = lab.inspect(tmp_path, "--limit", "web")
    assert {one["host"] for one in result["results"]} == {"web"}
    assert red(result) == EDITED_ALIKE.red
    (one,) = [one for one in result["results"] if one["check"] == "time_sync.as_laid_down"]
    assert any(EDITED in said for said in one["observed"]["differs"])
    assert "-# as root on the host likes it" in one["observed"]["differences"][EDITED]


def test_logins_of_administrators_do_not_speak_for_subscribers(lab: Lab) -> None:
    """The lab says that its subscribers have fixed addresses; who does not say so must show their sessions (article 7(3))."""
    unit = {"name": "a test", "types": ["access_provider"], "services": ["uses_nat"]}
    result = lab.look((), ("-e", json.dumps({"order82_unit": unit})))
    (one,) = (one for one in result["provisions"] if one["id"] == "art7-3")
    assert (one["outcome"], one["because"]) == ("fail", "nobody")
    assert "access_servers" in one["reason"]["en"]
    lab.green()
