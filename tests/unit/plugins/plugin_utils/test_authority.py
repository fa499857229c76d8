# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host hands in is made with openssl, as a host would that lies; what is given out is read with it, too."""

from __future__ import annotations

import datetime
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from ansible_collections.order82.baseline.plugins.plugin_utils import authority
from ansible_collections.order82.baseline.plugins.plugin_utils.authority import Says
from ansible_collections.order82.baseline.plugins.plugin_utils.documents import DataError

WEB = Says("web", ("DNS:web",), ("clientAuth",))
VAULT = Says("vault", ("DNS:vault", "IP:10.82.3.13"), ("clientAuth", "serverAuth"))
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
# What a host on the lab got signed: the vault's address, the right to sign others, and to be a server.
GREEDY = (
    *("-addext", "subjectAltName=DNS:collector1,DNS:vault,IP:10.82.3.13"),
    *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=digitalSignature,keyCertSign"),
    *("-addext", "extendedKeyUsage=serverAuth,clientAuth"),
)


def openssl(*words, ok=True, **options) -> str:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False, **options)
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    return done.stdout + done.stderr


class Host(NamedTuple):
    """A folder in which a host makes keys and requests."""

    folder: Path

    def asks(self, subject="/CN=web", *words, key=EC) -> str:
        """A request with a new key."""
        where = ("-keyout", self.folder / "host.key", "-out", self.folder / "host.csr")
        openssl("req", "-new", *key, "-nodes", "-subj", subject, *words, *where)
        return (self.folder / "host.csr").read_text()

    def asks_again(self, subject="/CN=web", *words) -> str:
        """A request with the same key."""
        return openssl("req", "-new", "-key", self.folder / "host.key", "-subj", subject, *words)


@pytest.fixture
def host(tmp_path):
    (tmp_path / "host").mkdir()
    return Host(tmp_path / "host")


@pytest.fixture
def pki(tmp_path):
    return tmp_path / "pki"


def place(pki, name="web"):
    return pki / "hosts" / f"{name}.crt"


def shown(pki, name="web") -> str:
    return openssl("x509", "-noout", "-text", "-nameopt", "RFC2253", "-in", place(pki, name))


def serves(pki, purpose, name="web", *words) -> bool:
    """Whether TLS would take it for that."""
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", pki / "ca.crt", "-purpose", purpose, *words, place(pki, name)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def as_before(pki, request: str, *words) -> None:
    """Sign what a request says, as versions before did."""
    openssl(
        *("x509", "-req", "-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", "-days", 800, "-copy_extensions", "copyall"),
        *("-out", place(pki), *words),
        input=request,
    )


def test_a_certificate_says_what_the_inventory_says(pki, host):
    authority.sign(pki, VAULT, host.asks("/CN=vault"), 800)
    text = shown(pki, "vault")
    assert "Subject: CN=vault\n" in text
    assert "DNS:vault, IP Address:10.82.3.13\n" in text
    assert "CA:FALSE" in text
    assert "TLS Web Client Authentication, TLS Web Server Authentication\n" in text
    assert serves(pki, "sslclient", "vault")
    assert serves(pki, "sslserver", "vault")
    assert authority.given_out(pki, VAULT) == {
        "sha256": openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", place(pki, "vault"))
        .strip()
        .partition("=")[2]
        .replace(":", "")
        .lower(),
        "wrong": "",
        "days_left": 799,
    }


def test_of_a_greedy_request_only_the_key_is_taken(pki, host):
    authority.sign(pki, WEB, host.asks("/CN=web", *GREEDY), 800)
    text = shown(pki)
    for taken in ("collector1", "vault", "10.82.3.13", "CA:TRUE", "Certificate Sign", "Server Authentication"):
        assert taken not in text
    assert serves(pki, "sslclient")
    assert not serves(pki, "sslserver")
    assert openssl("x509", "-noout", "-pubkey", "-in", place(pki)) == openssl(
        "pkey", "-pubout", "-in", host.folder / "host.key"
    )


def test_what_it_signs_with_that_key_nobody_takes(pki, host):
    """Were the certificate an authority's, its owner could make others."""
    authority.sign(pki, WEB, host.asks("/CN=web", *GREEDY), 800)
    forged = host.folder / "forged.crt"
    request = openssl("req", "-new", *EC, "-nodes", "-keyout", "/dev/null", "-subj", "/CN=collector1")
    openssl(
        "x509", "-req", "-CA", place(pki), "-CAkey", host.folder / "host.key", "-days", 9, "-out", forged, input=request
    )
    openssl("verify", "-CAfile", pki / "ca.crt", "-untrusted", place(pki), forged, ok=False)


def refused(pki, request, sentence, says=WEB):
    before = place(pki, says.host).read_bytes() if place(pki, says.host).exists() else None
    with pytest.raises(DataError, match=sentence) as error:
        authority.sign(pki, says, request, 800)
    text = str(error.value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 400
    assert (place(pki, says.host).read_bytes() if place(pki, says.host).exists() else None) == before


@pytest.mark.parametrize(
    "subject",
    [
        "/CN=collector1",
        "/CN=collector1/CN=web",
        "/CN=web/CN=collector1",
        "/O=unit/CN=web",
        "/CN=web+O=unit",
        "/CN=WEB",
        "/CN=web\x1b[2J",
        "/CN=\u202ebew",
        "/O=web",
    ],
)
def test_a_request_for_another_name_is_refused(pki, host, subject):
    authority.sign(pki, WEB, host.asks(), 800)
    refused(pki, host.asks(subject, "-utf8", "-multivalue-rdn", *GREEDY), "^the request of web is for ")


def test_anothers_request_is_refused(pki, host):
    """It is public, and signed well: with a key that this host does not have."""
    refused(pki, host.asks("/CN=collector1"), "^the request of web is for 'CN=collector1'")


def test_anothers_key_is_refused(pki, host):
    """A request in the host's own name, with the public key of another, signed with the host's own."""
    der = host.folder / "host.der"
    requests = []
    for subject in ("/CN=collector1", "/CN=web"):
        host.asks(subject)
        openssl("req", "-in", host.folder / "host.csr", "-outform", "der", "-out", der)
        requests.append(der.read_bytes())
    points = [request[request.index(b"\x03\x42\x00\x04") :][:68] for request in requests]
    der.write_bytes(requests[1].replace(points[1], points[0]))
    refused(pki, openssl("req", "-inform", "der", "-in", der), "is not signed with the key that it names")


def test_a_changed_request_is_refused(pki, host):
    der = host.folder / "host.der"
    host.asks()
    openssl("req", "-in", host.folder / "host.csr", "-outform", "der", "-out", der)
    content = bytearray(der.read_bytes())
    at = bytes(content).index(b"web")
    for position in (at, len(content) - 9):
        changed = bytearray(content)
        changed[position] ^= 1
        der.write_bytes(changed)
        refused(pki, openssl("req", "-inform", "der", "-in", der), "the request of web is (not signed|for )")


@pytest.mark.parametrize(
    "key",
    [
        ("-newkey", "rsa:1024"),
        ("-newkey", "rsa:2048"),
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-224"),
        ("-newkey", "ed25519"),
    ],
)
def test_a_key_of_another_kind_is_refused(pki, host, key):
    refused(pki, host.asks(key=key), "^the request of web (has a key of another kind than EC P-256|can't be read)")


@pytest.mark.parametrize(
    "request_",
    [
        "",
        "no request",
        "\0" * 100,
        "\udc80",
        "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\nMIIBAA==\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 15000 + "\n-----END CERTIFICATE REQUEST-----\n",
        "x" * 50_000_000,
    ],
    ids=range(8),
)
def test_rubbish_is_refused_at_once(pki, request_):
    began = time.monotonic()
    refused(pki, request_, "^the request of web (can't be read|has 50000000 characters)")
    assert time.monotonic() - began < 5


def test_a_certificate_in_place_of_a_request_is_refused(pki, host):
    authority.sign(pki, WEB, host.asks(), 800)
    refused(pki, place(pki).read_text(), "can't be read")


def test_a_key_that_was_withdrawn_is_never_signed_again(pki, host):
    request = host.asks()
    authority.sign(pki, WEB, request, 800)
    assert authority.withdraw(pki, "web", only_look=True)
    assert place(pki).exists()
    assert authority.withdraw(pki, "web")
    assert not authority.withdraw(pki, "web")
    assert authority.admitted(pki, ["web"]) == {}
    assert "was withdrawn" in authority.given_out(pki, WEB)["wrong"]
    for again in (request, host.asks_again()):
        refused(pki, again, "^the key in the request of web was withdrawn")
    refused(pki, host.asks_again("/CN=vault"), "^the key in the request of vault was withdrawn", VAULT)
    authority.sign(pki, WEB, host.asks(), 800)
    assert authority.given_out(pki, WEB)["wrong"] == ""


def test_a_renewed_certificate_takes_the_place_of_the_one_before(pki, host):
    authority.sign(pki, WEB, host.asks(), 800)
    before = authority.admitted(pki, ["web"])
    authority.sign(pki, WEB, host.asks_again(), 800)
    after = authority.admitted(pki, ["web"])
    assert after != before
    said = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", place(pki))
    assert after == {"web": said.strip().partition("=")[2].replace(":", "")}


def test_only_hosts_that_have_a_certificate_are_admitted(pki, host):
    authority.sign(pki, WEB, host.asks(), 800)
    assert set(authority.admitted(pki, ["collector1", "web"])) == {"web"}
    assert authority.admitted(pki, ["collector1"]) == {}
    place(pki).write_text("-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n")
    with pytest.raises(DataError, match="is no certificate: remove it"):
        authority.admitted(pki, ["web"])


def test_it_holds_for_clocks_that_lag(pki, host):
    authority.sign(pki, WEB, host.asks(), 800)
    now = int(time.time())
    assert serves(pki, "sslclient", "web", "-attime", str(now - 23 * 3600))
    assert not serves(pki, "sslclient", "web", "-attime", str(now - 25 * 3600))
    assert serves(pki, "sslclient", "web", "-attime", str(now + 799 * 86400))
    assert not serves(pki, "sslclient", "web", "-attime", str(now + 801 * 86400))


def test_a_forged_certificate_of_before_is_seen_and_goes_with_the_next(pki, host):
    """What a version before signed: the name of a collector, the vault's address, CA:TRUE and serverAuth."""
    authority.sign(pki, WEB, host.asks(), 800)
    as_before(pki, host.asks("/CN=collector1", *GREEDY))
    assert serves(pki, "sslserver")
    forged = authority.admitted(pki, ["web"])
    found = authority.given_out(pki, WEB)
    assert found["wrong"] == "the certificate of web has the subject 'CN=collector1' and not 'CN=web'"
    authority.sign(pki, WEB, host.asks(), 800)
    assert authority.given_out(pki, WEB)["wrong"] == ""
    assert authority.admitted(pki, ["web"]) != forged


USUAL = {
    "subjectAltName": "DNS:web",
    "keyUsage": "critical,digitalSignature",
    "extendedKeyUsage": "critical,clientAuth",
}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({}, ""),  # as versions before made it for a host that does not lie
        ({"basicConstraints": "critical,CA:FALSE"}, ""),
        ({"subjectAltName": "DNS:web,DNS:collector1"}, "names"),
        ({"subjectAltName": "DNS:web,IP:10.82.3.13"}, "names"),
        ({"subjectAltName": "URI:web"}, "names"),
        ({"subjectAltName": None}, "names"),
        ({"extendedKeyUsage": "clientAuth,serverAuth"}, "usages"),
        ({"extendedKeyUsage": "serverAuth"}, "usages"),
        ({"extendedKeyUsage": "anyExtendedKeyUsage"}, "usages"),
        ({"extendedKeyUsage": None}, "usages"),
        ({"basicConstraints": "CA:TRUE"}, "right to sign others"),
        ({"keyUsage": "digitalSignature,keyCertSign"}, "key usage"),
        ({"keyUsage": None}, "key usage"),
        ({"tlsfeature": "status_request"}, "further extensions"),
    ],
)
def test_each_thing_that_it_says_otherwise_is_seen(pki, host, changed, what):
    authority.sign(pki, WEB, host.asks(), 800)
    said = {key: value for key, value in {**USUAL, **changed}.items() if value}
    as_before(pki, host.asks("/CN=web", *[word for pair in said.items() for word in ("-addext", "=".join(pair))]))
    wrong = authority.given_out(pki, WEB)["wrong"]
    assert wrong.startswith(f"the certificate of web has the {what} ") if what else wrong == ""


def test_what_the_inventory_says_otherwise_since_is_seen(pki, host):
    authority.sign(pki, VAULT, host.asks("/CN=vault"), 800)
    moved = VAULT._replace(names=("DNS:vault", "IP:10.82.3.14"))
    assert "has the names ['DNS:vault', 'IP:10.82.3.13'] and not" in authority.given_out(pki, moved)["wrong"]
    assert "has the usages" in authority.given_out(pki, VAULT._replace(usages=("clientAuth",)))["wrong"]
    assert authority.given_out(pki, VAULT._replace(names=VAULT.names[::-1], usages=VAULT.usages[::-1]))["wrong"] == ""


def test_a_certificate_of_another_authority_is_seen(pki, host, tmp_path):
    authority.sign(pki, WEB, host.asks(), 800)
    authority.sign(tmp_path / "other", WEB, host.asks(), 800)
    place(pki).write_bytes(place(tmp_path / "other").read_bytes())
    assert authority.given_out(pki, WEB)["wrong"] == "the certificate of web is of another authority than ca.crt"
    place(pki).write_text(openssl("req", "-x509", *EC, "-nodes", "-keyout", "/dev/null", "-subj", "/CN=web"))
    assert "another authority" in authority.given_out(pki, WEB)["wrong"]


def test_one_that_ended_has_no_days_left(pki, host):
    authority.sign(pki, WEB, host.asks(), 1)
    assert authority.given_out(pki, WEB)["days_left"] == 0
    as_before(pki, host.asks(), "-days", "-1")
    assert authority.given_out(pki, WEB)["days_left"] < 0


def sign_once(pki, name, request):
    authority.sign(pki, Says(name, (f"DNS:{name}",), ("clientAuth",)), request, 800)


def test_many_at_once_make_one_authority(pki, host):
    names = [f"host{number}" for number in range(8)]
    requests = [host.asks(f"/CN={name}") for name in names]
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(sign_once, [pki] * 8, names, requests))
    for name in names:
        assert serves(pki, "sslclient", name)
    assert sorted(path.name for path in pki.iterdir()) == ["ca.crt", "ca.key", "hosts"]
    assert len(list((pki / "hosts").iterdir())) == 8


def test_the_authoritys_key_is_its_owners_alone(pki, host):
    authority.sign(pki, WEB, host.asks(), 800)
    assert (pki / "ca.key").stat().st_mode & 0o777 == 0o600
    assert pki.stat().st_mode & 0o777 == 0o700
    text = openssl("x509", "-noout", "-text", "-in", pki / "ca.crt")
    assert "CA:TRUE, pathlen:0" in text
    left = datetime.timedelta(seconds=7299 * 86400)
    openssl("x509", "-noout", "-checkend", int(left.total_seconds()), "-in", pki / "ca.crt")


def test_an_authority_of_before_goes_on(pki, host):
    """Its key was written by another program, in another form."""
    pki.mkdir()
    openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", pki / "ca.key")
    openssl(
        *("req", "-x509", "-new", "-key", pki / "ca.key", "-subj", "/CN=order82.baseline authority", "-days", 7300),
        *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-out", pki / "ca.crt"),
    )
    before = (pki / "ca.crt").read_bytes()
    authority.sign(pki, WEB, host.asks(), 800)
    assert (pki / "ca.crt").read_bytes() == before
    assert serves(pki, "sslclient")
    assert authority.given_out(pki, WEB)["wrong"] == ""


def test_an_authority_without_its_key_is_not_made_anew(pki, host):
    authority.sign(pki, WEB, host.asks(), 800)
    key = (pki / "ca.key").read_bytes()
    (pki / "ca.key").unlink()
    with pytest.raises(DataError, match="bring the folder back"):
        authority.sign(pki, WEB, host.asks(), 800)
    (pki / "ca.key").write_text(openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout"))
    with pytest.raises(DataError, match="do not belong together"):
        authority.sign(pki, WEB, host.asks(), 800)
    (pki / "ca.key").write_bytes(key)
    (pki / "ca.crt").unlink()  # a run that was broken off
    authority.sign(pki, WEB, host.asks(), 800)
    assert serves(pki, "sslclient")


@pytest.mark.parametrize("name", ["a/b", "../web", "..", "w" * 65, "网"])
def test_a_name_that_no_certificate_takes_is_refused(pki, host, name):
    authority.sign(pki, WEB, host.asks(), 800)
    with pytest.raises(DataError, match=r"can't (be the name of a file|stand in a certificate)"):
        authority.sign(pki, Says(name, (f"DNS:{name}",), ("clientAuth",)), host.asks(), 800)
    assert [path.name for path in (pki / "hosts").iterdir()] == ["web.crt"]
