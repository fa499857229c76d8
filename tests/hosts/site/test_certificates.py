# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that is withdrawn opens nothing any more; a certificate that is near its end is replaced; a collector that shows another's gets nothing."""

from __future__ import annotations

import base64
import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import CHECKOUT, HANG, READ, Lab, until
from ..drift import red
from .test_hostile import COLLECTORS, send

NUMBERS = """
import os, pathlib, sys, time
flag, number = sys.argv[1], 0
while os.path.exists(flag):
    number += 1
    print(f'number {number} of {os.path.basename(flag)}', flush=True)
    time.sleep(0.005)
pathlib.Path(flag + '.count').write_text(str(number))
"""
LEAST = 1000
"""How many numbers are written in an apply that takes its time."""
SHOWN = "openssl s_client -connect 10.82.3.12:2514 -CAfile /etc/order82/tls/ca.crt < /dev/null 2> /dev/null | openssl x509 -noout -serial"
# Whether a repository knows the account in a file: 401 where it does not.
ACCOUNT = """
import base64, ssl, urllib.error, urllib.parse, urllib.request
address = urllib.parse.urlsplit(open('/root/stolen.repository').read().strip()[5:])
account = base64.b64encode(f'{address.username}:{address.password}'.encode()).decode()
request = urllib.request.Request(
    f'https://{address.hostname}:{address.port}/web/config', method='HEAD', headers={'Authorization': 'Basic ' + account}
)
try:
    print(urllib.request.urlopen(request, context=ssl.create_default_context(cafile='/etc/order82/tls/ca.crt')).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def steal(lab: Lab, host: str) -> None:
    """Bring a host's certificate and key to another, where they are used from then on."""
    for kind in ("crt", "key"):
        text = lab.do(host, f"base64 -w0 /etc/order82/tls/host.{kind}")
        lab.do("vault", f"echo {text} | base64 -d >/root/{host}.{kind}")


def admits(lab: Lab, collector: str, host: str, mark: str) -> bool:
    """Whether a collector takes a record from who has this host's stolen key."""
    message = f"<14>1 2026-11-24T00:00:00Z vault a - - - stolen {mark}".encode()
    _code, said = send(lab, "vault", collector, f"/root/{host}.crt", f"/root/{host}.key", message)
    return said == "OK\n"


@contextlib.contextmanager
def numbered(lab: Lab, host: str, mark: str) -> Iterator[list[int]]:
    """Meanwhile this host writes numbered messages, some 200 a second; how many they were stands in the list at the end."""
    flag, program = f"/run/{mark}", shlex.quote(NUMBERS)
    count: list[int] = []
    lab.do(host, f"touch {flag}; systemd-run --quiet --unit {mark} -p RemainAfterExit=yes python3 -c {program} {flag}")
    try:
        yield count
    finally:
        lab.do(host, f"rm {flag}")
    ended = f"systemctl show -P SubState {mark}"
    until(HANG, lambda: lab.do(host, ended).strip() in {"exited", "failed"}, f"the end of the numbers on {host}")
    count.append(int(lab.do(host, f"cat {flag}.count; systemctl stop {mark}; rm {flag}.count")))


def test_withdrawn_and_renewed_certificates_open_nothing_any_more_and_the_new_ones_are_in_use(
    lab: Lab, mark: str
) -> None:
    """web's key is withdrawn, and collector2's certificate renewed. collector1, to which nobody applies, knows of both.

    What receives on collector2 has another configuration then, and starts anew with its port; on collector1 the front does.
    Nothing is lost by it, of web, whose forwarders start anew as well, and of vault, which nobody touches.
    """
    for host in ("web", "collector2"):
        steal(lab, host)
    assert [admits(lab, at, host, mark) for at in COLLECTORS for host in ("web", "collector2")] == [True] * 4
    stolen = lab.do("web", "cat /etc/order82/backup/vault.repository")
    lab.do("web", f"echo {shlex.quote(stolen)} >/root/stolen.repository; chmod 0600 /root/stolen.repository")
    known = f"python3 -c {shlex.quote(ACCOUNT)}"
    assert lab.do("web", known) == "200\n"
    before = lab.do("web", SHOWN)

    command = [str(CHECKOUT / "baseline"), "revoke", "web", "-i", str(lab.inventory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for at in COLLECTORS:
        until(HANG, lambda at=at: not admits(lab, at, "web", mark), f"the refusal of web's key by {at}")
        assert admits(lab, at, "collector2", mark)
    assert lab.do("web", known) == "401\n"
    assert {"order82.certificate", "log_forwarder.forwarding"} <= red(lab.look(["web"]))["web"]
    lab.do("web", f"seq -f 'number %.0f of {mark}' 1000 | systemd-cat -t probe")

    changed = {"collector1": "order82-front", "collector2": "order82-collect"}
    runs = {at: lab.do(at, f"systemctl show -P InvocationID {unit}") for at, unit in changed.items()}
    during = f"during-{mark}"
    with numbered(lab, "web", during) as of_web, numbered(lab, "vault", during) as of_vault:
        lab.play("site.yml", "-e", "order82_certificate_renew_days=1000", "--limit", "web,collector2")
    for at, unit in changed.items():
        assert lab.do(at, f"systemctl show -P InvocationID {unit}") != runs[at], f"{unit} on {at} did not change"
    for host, [count] in {"web": of_web, "vault": of_vault}.items():
        assert count > LEAST
        for at in COLLECTORS:
            words = ("records", "count", "system", "--host", host, "--matching", f"of {during}")
            until(
                HANG,
                lambda at=at, host=host, words=words, count=count: (
                    lab.order82(at, *map(shlex.quote, words))[host]["records"] == count
                ),
                f"{count} numbers of {host} on {at}, each as one record",
            )
    assert lab.do("web", SHOWN) != before
    started = lab.do(
        "web",
        'stat -c %Y /etc/order82/tls/host.crt; date -d "$(systemctl show -P ActiveEnterTimestamp order82-forward@collector2)" +%s',
    )
    certificate, forwarder = map(int, started.split())
    assert forwarder >= certificate
    for at in COLLECTORS:
        for host in ("web", "collector2"):
            until(HANG, lambda at=at, host=host: not admits(lab, at, host, mark), f"the refusal of {host}'s by {at}")
        numbers = f"{READ} /srv/records/system/*/web.log* | grep -ao 'number [0-9]* of {mark}' | sort -u | wc -l"
        until(HANG, lambda at=at, numbers=numbers: lab.do(at, numbers) == "1000\n", f"all numbers on {at}")
    assert lab.do("web", known) == "401\n"
    lab.do("web", "rm /root/stolen.repository; systemctl start order82-backup-drill")  # signed with the new key
    lab.green()


@pytest.fixture
def impostor(lab: Lab, mark: str, tmp_path: Path) -> Iterator[None]:
    """collector2 shows a certificate of our authority for another name."""
    pki = lab.inventory / ".pki"
    asked = ["-subj", f"/CN={mark}", "-addext", f"subjectAltName=DNS:{mark}"]
    signed = ["-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", "-days", "2", "-copy_extensions", "copy"]
    for words in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "host.key"],
        ["req", "-new", "-key", "host.key", *asked, "-out", "other.csr"],
        ["x509", "-req", "-in", "other.csr", *signed, "-out", "host.crt"],
    ):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    for name in ("host.key", "host.crt"):
        text = base64.b64encode((tmp_path / name).read_bytes()).decode()
        lab.do("collector2", f"cd /etc/order82/tls; cp -a {name} {name}.was; echo {text} | base64 -d > {name}")
    lab.do("collector2", "systemctl restart order82-collect")
    yield
    lab.do("collector2", "cd /etc/order82/tls; for f in host.key host.crt; do mv $f.was $f; done")
    lab.do("collector2", "systemctl restart order82-collect")
    lab.green()


def test_impostor_gets_nothing_and_the_collector_all_of_it(lab: Lab, mark: str, impostor: None) -> None:
    """A forwarder that refuses its collector says so through the other one, and sends all when the right one is back."""
    numbers = f"{READ} /srv/records/system/*/web.log* | grep -ao 'number [0-9]* of {mark}' | sort -u | wc -l"
    lab.do("web", f"seq -f 'number %.0f of {mark}' 5000 | systemd-cat -t refused")
    until(
        HANG,
        lambda: lab.records("collector1", "security_event", "web", f"DNSname: {mark}"),
        "the refusal on the other collector",
    )
    until(HANG, lambda: int(lab.do("collector1", numbers)) == 5000, "all numbers on the other collector")
    assert int(lab.do("collector2", numbers)) == 0
    lab.do("collector2", "cd /etc/order82/tls; for f in host.key host.crt; do cp -a $f.was $f; done")
    lab.do("collector2", "systemctl restart order82-collect")
    until(HANG, lambda: int(lab.do("collector2", numbers)) == 5000, "all numbers once the right certificate is back")
