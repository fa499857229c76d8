# SPDX-License-Identifier: GPL-3.0-or-later
"""An account on a host, or who has the host's account at a repository, tries to profit from what is put back, and to prevent it."""

from __future__ import annotations

import json
import shlex

import pytest

from ..conftest import HANG, Lab, until
from .test_antivirus import WRITE_TEST_FILE, is_quarantined

AS_USER = "runuser -u www-data -- sh -c {}"
TARGET = "/etc/profile.d"
"""What lies there root runs at its next login."""

SEND = """
import base64, hashlib, ssl, sys, urllib.error, urllib.parse, urllib.request
address = urllib.parse.urlsplit(open('/etc/order82/backup/vault.repository').read().strip()[5:])
account = base64.b64encode(f'{address.username}:{address.password}'.encode()).decode()
context = ssl.create_default_context(cafile='/etc/order82/tls/ca.crt')
for kind in sys.argv[2:]:
    codes = set()
    for number in range(25):
        content = f'{sys.argv[1]} {number}'.encode()
        url = f'https://{address.hostname}:{address.port}{address.path}{kind}/{hashlib.sha256(content).hexdigest()}'
        request = urllib.request.Request(url, data=content, headers={'Authorization': 'Basic ' + account})
        try:
            codes.add(urllib.request.urlopen(request, context=context).status)
        except urllib.error.HTTPError as error:
            codes.add(error.code)
    print(kind, *sorted(codes))
"""
"""Send so many files that are none of a repository's with the host's own account; print the answers by kind."""

OURS = "restic --no-cache --no-lock -q -r /srv/backup/web --password-file /etc/order82/backup_repository/web {}"
"""What a repository can do with the backups of its host."""


def as_user(lab: Lab, command: str) -> None:
    """On web, as the web server's account."""
    lab.do("web", AS_USER.format(shlex.quote(command)))


def swap(lab: Lab, folder: str) -> None:
    """The account puts a symlink to a folder of root's in the place of its own."""
    as_user(lab, f"mv {folder}/d {folder}/real; ln -s {TARGET} {folder}/d")


def sent(lab: Lab, mark: str, *kinds: str) -> dict[str, list[int]]:
    """What the repository answered to what somebody sent with web's account."""
    said = lab.do("web", f"python3 -c {shlex.quote(SEND)} {mark} {' '.join(kinds)}")
    return {kind: [int(code) for code in codes] for kind, *codes in map(str.split, said.splitlines())}


def lies(lab: Lab, kind: str) -> set[str]:
    """The files of web's repository on vault."""
    return set(lab.do("vault", f"ls /srv/backup/web/{kind}").split())


def test_a_restore_goes_through_no_symlink_of_an_account(lab: Lab, mark: str) -> None:
    folder = f"/srv/www/{mark}"
    as_user(lab, f"mkdir -p {folder}/d; echo id >{folder}/d/{mark}.sh")
    lab.do("web", "order82 backup run pages")
    swap(lab, folder)
    try:
        lab.do("web", "order82 backup restore pages")
        assert not lab.host("web").file(f"{TARGET}/{mark}.sh").exists
        assert lab.do("web", f"stat -c '%F %U' {folder}/d; cat {folder}/d/*") == "directory www-data\nid\n"
        newest = lab.do("web", "ls -d /var/lib/order82-backup/set-aside/*Z | tail -n 1").strip()
        assert lab.do("web", f"readlink {newest}{folder}/d") == f"{TARGET}\n"
    finally:
        lab.do("web", f"rm -r {folder}; rm -f {TARGET}/{mark}.sh")
    lab.green("web")


def test_the_quarantine_gives_nothing_back_through_a_symlink_of_an_account(lab: Lab, mark: str) -> None:
    folder = f"/srv/www/{mark}"
    as_user(lab, f"mkdir -p {folder}/d; {WRITE_TEST_FILE} >{folder}/d/{mark}.sh")
    found = is_quarantined(lab, "web", f"{folder}/d/{mark}.sh")
    swap(lab, folder)
    try:
        refused = lab.host("web").run(f"order82 antivirus give-back {found['id']}")
        assert refused.rc == 2
        assert "is a symlink of www-data" in refused.stderr
        assert not lab.host("web").file(f"{TARGET}/{mark}.sh").exists
        assert found["id"] in lab.do("web", "order82 antivirus list")
    finally:
        lab.do("web", f"rm -r {folder}; rm -f {TARGET}/{mark}.sh")
    lab.green("web")


def test_a_repository_reads_no_key_of_its_hosts(lab: Lab, mark: str) -> None:
    key = f"/etc/nginx/{mark}"
    lab.do(
        "web",
        f"openssl genpkey -algorithm ED25519 -out {key} && order82 backup run system; code=$?; rm {key}; exit $code",
    )
    lab.do(
        "vault", f"rm -rf /root/seen; {OURS.format('restore latest --tag set=system,part=data --target /root/seen')}"
    )
    try:
        assert lab.do("vault", "ls /root/seen/etc/nginx/nginx.conf")
        assert lab.do("vault", "grep -rlE '^-----BEGIN ([A-Z]+ )?PRIVATE KEY' /root/seen", ok=(1,)) == ""
        found = lab.do("vault", "find /root/seen -name 'shadow*' -o -path '*/etc/order82/*'")
        assert found == ""
        assert key in lab.do("vault", "cat /root/seen/var/lib/order82-backup/staging/system/private-keys").split()
    finally:
        lab.do("vault", "rm -rf /root/seen")


def test_who_has_the_account_of_a_host_does_not_stop_its_backups(lab: Lab, mark: str) -> None:
    before = {kind: lies(lab, kind) for kind in ("keys", "index", "snapshots")}
    answers = sent(lab, mark, "keys", "index", "snapshots", "locks")
    assert all(code >= 400 for code in answers["keys"]), answers
    until(HANG, lambda: all(lies(lab, kind) == was for kind, was in before.items()), "what is no backup is set aside")
    until(HANG, lambda: lab.host("web").run("order82 backup run pages").rc == 0, "a backup")
    assert lies(lab, "keys") == before["keys"]
    lab.arrived("measure_state", "vault", "the repository of web: files that its key did not make were set aside")
    lab.green("web", "vault")


@pytest.fixture
def unguarded(lab: Lab, mark: str) -> set[str]:
    """A repository as the version before left it, into which somebody has put keys; give back its own key."""
    own = lies(lab, "keys")
    lab.do("vault", "systemctl stop order82-repository-guard; chmod -R u+w /srv/backup/web")
    assert sent(lab, mark, "keys") == {"keys": [200]}
    return own


def test_a_repository_that_was_flooded_before_is_of_use_again(lab: Lab, unguarded: set[str]) -> None:
    lab.do("vault", "systemctl start order82-repository-guard")  # which is there when it has made order
    assert lies(lab, "keys") == unguarded
    lab.do("web", "order82 backup run pages")
    newest = json.loads(lab.do("web", "order82 backup list --json"))["backups"]
    assert {one["repository"] for one in newest if one["set"] == "pages"} == {"collector1", "vault"}
    lab.green("web", "vault")
