# SPDX-License-Identifier: GPL-3.0-or-later
"""Each inspection logs in to each host, and both collectors must have it: who, from where, until when (article 7(3))."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from ..conftest import HANG, READ, Lab, until
from ..drift import Drift, broken
from .test_arrival import ADMINISTRATOR, SSH
from .test_drift import DRIFTS, LOGINS

CHECK = "log_collector.logins"
ACCOUNT = "order82-probe"
WEB = "10.82.3.20"
PROBE = "/root/probe"
"""On the host of somebody else who has got hold of the key."""


def seen(lab: Lab, *, anew: bool) -> list[dict]:
    """What both collectors observe, of the last logins or of new ones."""
    collectors = lab.collectors()
    result = lab.look(collectors, again={host: {CHECK} for host in collectors} if anew else {})
    return [one["observed"] for one in result["results"] if one["check"] == CHECK]


def test_it_is_found_whole_on_both_collectors(lab: Lab) -> None:
    lab.green()
    for observed in seen(lab, anew=True):
        assert observed["found"] == len(lab.managed())
        assert {one.partition(":")[0] for one in observed["sessions"]} == set(lab.managed())


BROKEN = {
    # The site's own rule: it is not touched, and the report says what keeps the account out. Debian 12: a newer sshd shuts an
    # address out for a while that is refused again and again (PerSourcePenalties), and this is Ansible's.
    "a rule of the site keeps the account out": Drift(
        {"web": "echo 'AllowUsers ops root' >/etc/ssh/sshd_config.d/x.conf; systemctl reload ssh"},
        {"web": "rm /etc/ssh/sshd_config.d/x.conf; systemctl reload ssh"},
        LOGINS,
    ),
    "logouts leave no record": Drift(
        {"vault": r"sed -i.was '/pam_unix/s/^/#/' /etc/pam.d/common-session"},
        {"vault": "mv /etc/pam.d/common-session.was /etc/pam.d/common-session"},
        LOGINS,
    ),
}
WORDS = {
    "a rule of the site keeps the account out": ("web: ", "not allowed because not listed in AllowUsers"),
    "logouts leave no record": ("vault: ", "is on record, and no logout"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_keeps_it_off_the_record_is_said(lab: Lab, name: str) -> None:
    host, words = WORDS[name]
    with broken(lab, BROKEN[name]):
        result = lab.sees(BROKEN[name])
        for one in (one for one in result["results"] if one["check"] == CHECK):
            (missing,) = one["observed"]["missing"]
            assert missing.startswith(host)
            assert words in missing


def test_nobody_else_can_write_that_it_was(lab: Lab) -> None:
    """An account of the host, and another host's root, who know all about the login that sshd kept to itself."""
    drift = DRIFTS["logins leave no record"]
    with broken(lab, drift):
        lab.sees(drift)
        identity = lab.logins()["web"]["identity"]
        says = (
            f"Accepted publickey for {ACCOUNT} from 127.0.0.1 port 40001 ssh2: ED25519-CERT SHA256:x ID {identity} (serial 0) CA ED25519 SHA256:y",
            f"pam_unix(sshd:session): session opened for user {ACCOUNT}(uid=999) by (uid=0)",
            f"pam_unix(sshd:session): session closed for user {ACCOUNT}",
        )
        for host, account in (("web", "ops"), ("vault", "root")):
            for text in says:
                lab.do(host, f"runuser -u {account} -- logger --id=4242 -t sshd {shlex.quote(text)}")
            # In whatever class: of root's programs that have ended already the name is believed.
            for collector in lab.collectors():
                files = f"/srv/records/*/*/{host}.log*"
                until(
                    HANG,
                    lambda at=collector, files=files: lab.do(at, f"{READ} {files} | grep -aF {identity}", ok=(0, 1)),
                    f"what was made up on {host}, on {collector}",
                )
        for observed in seen(lab, anew=False):
            assert [one.partition(":")[0] for one in observed["missing"]] == ["web"]


def test_nothing_can_be_done_with_it(lab: Lab, tmp_path: Path) -> None:
    """Even who has the key, and comes from elsewhere, runs nothing and gets through to nothing, and is told of as everybody is."""
    lab.do("subscriber", f"rm -f {PROBE} {PROBE}-cert.pub; ssh-keygen -q -t ed25519 -N '' -f {PROBE}")
    (tmp_path / "probe.pub").write_text(lab.do("subscriber", f"cat {PROBE}.pub"))
    signing = ["ssh-keygen", "-q", "-s", str(lab.inventory / ".pki" / "login"), "-I", "order82-by-hand", "-n", ACCOUNT]
    subprocess.run([*signing, str(tmp_path / "probe.pub")], check=True)
    lab.do("subscriber", f"echo '{(tmp_path / 'probe-cert.pub').read_text().strip()}' >{PROBE}-cert.pub")
    ssh = f"{SSH} -i {PROBE} -o CertificateFile={PROBE}-cert.pub {ACCOUNT}@{WEB}"
    for tries in ("id", "-s sftp", "-tt", "-W 127.0.0.1:22", "-N -o ExitOnForwardFailure=yes -R 8022:127.0.0.1:22"):
        said = lab.do("subscriber", f"timeout 30 {ssh} {tries} </dev/null 2>/dev/null; echo $?")
        assert said == "255\n", tries  # of ssh's own errors, and nothing before it
    for collector in lab.collectors():
        found = until(
            HANG,
            lambda at=collector: [
                one
                for one in lab.order82(at, "records", "sessions", "--host", "web", "--account", ACCOUNT)
                if "ID order82-by-hand " in one["key"] and one["outcome"] == "closed"
            ],
            f"the pair of login and logout on {collector}",
        )
        assert {one["address"] for one in found} == {ADMINISTRATOR}
        assert all(one["port"].isdigit() for one in found)
