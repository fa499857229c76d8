# SPDX-License-Identifier: GPL-3.0-or-later
"""The authority on the controller: it gives out certificates, knows what each must say, and which are admitted.

Of what a host hands in only its public key gets into a certificate, and only if the host has shown that it has the
private one: the request is signed with it. Names, usages and times are the controller's.

In the authority's folder: C(ca.key), C(ca.crt); C(hosts/NAME.crt), the one certificate of each host that is admitted;
C(withdrawn/), those whose key was withdrawn and is never signed again.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import fcntl
import hashlib
import ipaddress
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .documents import DataError, brief

try:
    from cryptography import exceptions, x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
except ImportError as error:  # only where ansible-test looks at the file: ansible-core itself needs it
    NO_CRYPTOGRAPHY: ImportError | None = error
else:
    NO_CRYPTOGRAPHY = None
    _USAGES = {"clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH, "serverAuth": ExtendedKeyUsageOID.SERVER_AUTH}
    _EXTENSIONS = {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
    _SIGNING = x509.KeyUsage(True, *[False] * 8)
    _SIGNING_OTHERS = x509.KeyUsage(*[False] * 5, True, True, *[False] * 2)
    _UNREADABLE = (
        ValueError,
        TypeError,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
        exceptions.UnsupportedAlgorithm,
    )

NAME = "order82.baseline authority"
DAYS = 7300
"""So long the authority's own certificate lasts."""
EARLIER = datetime.timedelta(days=1)
"""So long before its signing a certificate begins, for hosts whose clock lags."""
MOST_BYTES = 16384
"""A longer request is none of ours."""
LONGEST_NAME = 64
"""So many characters a subject takes (RFC 5280, ub-common-name)."""
USAGES = ("clientAuth", "serverAuth")

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")


class Says(NamedTuple):
    """What a host's certificate must say, from the inventory.

    C(names): such as C(DNS:web) or C(IP:192.0.2.1).
    C(usages): of C(USAGES).
    """

    host: str
    names: tuple[str, ...]
    usages: tuple[str, ...]


def sign(folder: Path, says: Says, request: str, days: int) -> None:
    """Give a host its certificate; the one that it had is no longer admitted.

    :param request: what the host hands in, PEM.
    :raises DataError: it is no request of this host, or its key is not to be signed.
    """
    if NO_CRYPTOGRAPHY:
        raise DataError(f"to sign needs cryptography on the controller: pip install cryptography ({NO_CRYPTOGRAPHY})")
    place = _place(folder, says.host)
    key, authority = _authority(folder)
    public = _public_key(folder, says.host, request)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_subject(says.host))
        .issuer_name(authority.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNING, critical=True)
        .add_extension(x509.ExtendedKeyUsage([_USAGES[one] for one in says.usages]), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(one) for one in says.names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_identifier(authority), critical=False)
        .sign(key, hashes.SHA256())
    )
    place.parent.mkdir(mode=0o700, exist_ok=True)
    _write(place, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def withdraw(folder: Path, host: str, only_look: bool = False) -> bool:
    """Have a host's certificate admitted no more, and its key never signed again.

    :param only_look: do nothing.
    :return: whether it had one.
    """
    place = _place(folder, host)
    try:
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
    except FileNotFoundError:
        return False
    if only_look:
        return True
    withdrawn = folder / "withdrawn"
    withdrawn.mkdir(mode=0o700, exist_ok=True)
    place.rename(withdrawn / f"{host}.{digest[:16]}.crt")
    return True


def given_out(folder: Path, says: Says) -> dict[str, object]:
    """The certificate that a host was given.

    :return: C(sha256), empty if there is none; C(wrong), a sentence, empty if the controller would make it so today;
        C(days_left), whole days until it ends.
    """
    place = _place(folder, says.host)
    try:
        pem = place.read_bytes()
    except FileNotFoundError:
        return {"sha256": "", "wrong": f"{says.host} has no certificate, or it was withdrawn", "days_left": 0}
    found = {"sha256": hashlib.sha256(_der(pem, place)).hexdigest(), "wrong": "", "days_left": 0}
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        found["days_left"] = left // datetime.timedelta(days=1)
        found["wrong"] = _what_is_wrong(folder, certificate, says)
    except _UNREADABLE as error:
        found["wrong"] = f"the certificate of {says.host} can't be read: {_shown(str(error))}"
    return found


def admitted(folder: Path, hosts: Iterable[str]) -> dict[str, str]:
    """The certificates by which these hosts are known: name to SHA-256, as HAProxy writes it.

    A host without one is left out.
    """
    found = {}
    for host in hosts:
        place = _place(folder, host)
        with contextlib.suppress(FileNotFoundError):
            found[host] = hashlib.sha256(_der(place.read_bytes(), place)).hexdigest().upper()
    return found


def _place(folder: Path, host: str) -> Path:
    if "/" in host or host.startswith("."):
        raise DataError(f"{brief(host)} can't be the name of a file: give the host another name in the inventory")
    return folder / "hosts" / f"{host}.crt"


def _der(pem: bytes, place: Path) -> bytes:
    """A certificate's bytes, without the cost of understanding them."""
    found = _PEM.search(pem)
    with contextlib.suppress(binascii.Error):
        if found and (der := base64.b64decode(found[1])):
            return der
    raise DataError(f"{place} is no certificate: remove it, then apply to that host")


def _shown(value: object) -> str:
    """What a host may have written, for a terminal: in ASCII, and not longer than a line."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _subject(host: str) -> x509.Name:
    if len(host) > LONGEST_NAME or not host.isascii():
        raise DataError(
            f"{brief(host)} can't stand in a certificate: name the host in {LONGEST_NAME} ASCII characters at most"
        )
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])


def _general(name: str) -> x509.GeneralName:
    kind, _colon, value = name.partition(":")
    try:
        return x509.IPAddress(ipaddress.ip_address(value)) if kind == "IP" else x509.DNSName(value)
    except ValueError as error:
        raise DataError(f"the name {brief(name)} can't stand in a certificate: {error}") from error


def _identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())


def _public_key(folder: Path, host: str, request: str) -> ec.EllipticCurvePublicKey:
    """What alone is taken of a request."""
    again = "remove /etc/order82/tls/host.key and host.csr there, then apply again"
    if len(request) > MOST_BYTES:
        raise DataError(f"the request of {host} has {len(request)} characters: it is none of ours; {again}")
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        named = asked.subject.rfc4514_string()
        public = asked.public_key()
        ours = isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1)
        signed = ours and asked.is_signature_valid
    except _UNREADABLE as error:
        raise DataError(f"the request of {host} can't be read ({_shown(str(error))}): {again}") from error
    if not ours:
        raise DataError(f"the request of {host} has a key of another kind than EC P-256: {again}")
    if not signed:
        raise DataError(f"the request of {host} is not signed with the key that it names: {again}")
    if asked.subject != _subject(host):
        raise DataError(f"the request of {host} is for {_shown(named)}: {again}")
    if _spki(public) in _withdrawn(folder):
        raise DataError(f"the key in the request of {host} was withdrawn: {again}")
    return public


def _withdrawn(folder: Path) -> set[bytes]:
    """The keys that are never signed again."""
    found = set()
    for place in sorted((folder / "withdrawn").glob("*.crt")):
        try:
            found.add(_spki(x509.load_pem_x509_certificate(place.read_bytes()).public_key()))
        except _UNREADABLE as error:
            raise DataError(f"{place} is no certificate: bring it back from your own copy of the folder") from error
    return found


def _spki(public) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _what_is_wrong(folder: Path, certificate: x509.Certificate, says: Says) -> str:
    try:
        certificate.verify_directly_issued_by(_own_certificate(folder))
    except (exceptions.InvalidSignature, OSError, *_UNREADABLE):
        return f"the certificate of {says.host} is of another authority than ca.crt"
    for what, found, wanted in _compared(certificate, says):
        if found != wanted:
            return f"the certificate of {says.host} has the {what} {_shown(found)} and not {_shown(wanted)}"
    return ""


def _compared(certificate: x509.Certificate, says: Says) -> Iterator[tuple[str, object, object]]:
    """What it says, and what it must: name of the thing, found, wanted."""
    extensions = {one.oid: one.value for one in certificate.extensions}
    constraints = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    usage = extensions.get(ExtensionOID.KEY_USAGE)
    names = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ())
    usages = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE, ())
    yield "subject", certificate.subject.rfc4514_string(), _subject(says.host).rfc4514_string()
    yield "names", sorted(map(_as_text, names)), sorted(_as_text(_general(one)) for one in says.names)
    yield "usages", _numbers(usages), _numbers(_USAGES[one] for one in says.usages)
    yield "right to sign others", bool(constraints and constraints.ca), False
    yield "key usage", usage == _SIGNING, True
    yield "further extensions", _numbers(set(extensions) - _EXTENSIONS), []


def _numbers(identifiers: Iterable[x509.ObjectIdentifier]) -> list[str]:
    return sorted(one.dotted_string for one in identifiers)


def _as_text(name: x509.GeneralName) -> str:
    kinds = {x509.DNSName: "DNS", x509.IPAddress: "IP"}
    return f"{kinds.get(type(name), type(name).__name__)}:{name.value}"


def _authority(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Its key and its certificate, made where there are none yet."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        if not (folder / "ca.crt").exists():
            _make_authority(folder)
        try:
            key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
            certificate = _own_certificate(folder)
        except (OSError, *_UNREADABLE) as error:
            raise DataError(
                f"the authority in {folder} can't be read ({error}): bring the folder back from your own copy"
            ) from error
    if _spki(key.public_key()) != _spki(certificate.public_key()):
        raise DataError(f"ca.key and ca.crt in {folder} do not belong together: bring them back from your own copy")
    return key, certificate


def _own_certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())


def _make_authority(folder: Path) -> None:
    if (folder / "ca.key").exists():  # a run was broken off
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    else:
        key = ec.generate_private_key(ec.SECP384R1())
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        _write(folder / "ca.key", pem, 0o600)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNING_OTHERS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "ca.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Ansible signs for several hosts at once, in as many processes: one of them makes the authority."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(place: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by more than it is to be."""
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    beside.replace(place)
