# SPDX-License-Identifier: GPL-3.0-or-later
"""In a container, to which the kernel gives no audit: said before anything changes, and in the report, and never passed."""

from __future__ import annotations

from ..conftest import Lab


def test_audit_is_refused_where_the_kernel_gives_none(lab: Lab) -> None:
    said = lab.apply("audit_trail", "gateway", "-e", "audit_trail_state=present", ok=(2,))
    assert "gives containers no audit" in " ".join(said.split())
    assert not lab.host("gateway").package("auditd").is_installed


def test_an_inspection_says_why_it_does_not_apply(lab: Lab) -> None:
    results = [one for one in lab.look()["results"] if one["check"].startswith("audit_trail.")]
    assert {one["host"] for one in results} == set(lab.managed())
    assert {one["outcome"] for one in results} == {"not_applicable"}
    results = [one for one in results if one["check"] != "audit_trail.as_laid_down"]  # which asks for nothing of it
    assert all("container" in one["message"]["en"] and "容器" in one["message"]["zh"] for one in results)
