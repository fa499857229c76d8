# SPDX-License-Identifier: GPL-3.0-or-later
"""The key with which a collector signs its seals, and the public keys of all time (ssh-keygen(1), C(-Y))."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import tempfile

from .. import login, processes
from . import chain, packing, spoken
from . import settings as record_settings
from . import store as record_store

FOLDER = "/etc/order82/seal"
"""Of the private key: below /etc/order82, which is in no backup (backup/secret_files.py)."""
SIGNERS = "allowed_signers"
"""In the store, where it stays with the seals that it verifies; for everybody to read."""
NAMESPACE = "order82-seal"
_ARMOUR, _COLUMNS = "-----%s SSH SIGNATURE-----", 70
_PUBLIC = re.compile(r"ssh-ed25519 [A-Za-z0-9+/=]+")


def public(store):
    """The public keys of all time, oldest first, as C(ssh-ed25519 AAAA...).

    :return: list of str; empty where there is none yet.
    """
    return [found[0] for found in map(_PUBLIC.search, _signers(store).splitlines()) if found]


def row(collector, key):
    """The line of a key in the file of public keys."""
    return '%s namespaces="%s" %s\n' % (collector, NAMESPACE, key)


def ensure(store, collector):
    """Make the key where there is none, and see that its public half is among those of all time.

    :raises OSError: it can't be.
    """
    if os.path.exists(_key()):
        _keep(store, collector, _of(_key()))
    else:
        rotate(store, collector)


def rotate(store, collector):
    """Make a new key, with which is signed from now on; what the old one signed stays verifiable.

    The public half is there before anything is signed, and the old private half is nowhere any more.

    :return: str: the new public key.
    """
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    new = _key() + ".new"
    for left in (new, new + ".pub"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(left)
    _keygen(["-q", "-t", "ed25519", "-N", "", "-C", collector, "-f", new])
    key = _of(new)
    _keep(store, collector, key)
    os.unlink(new + ".pub")
    _sync(new)
    os.replace(new, _key())
    _sync(FOLDER)
    return key


def sign(content):
    """The signature of a text.

    :param bytes content: the text.
    :return: bytes, as C(ssh-keygen -Y verify -s) reads them.
    """
    return _keygen(["-Y", "sign", "-q", "-n", NAMESPACE, "-f", _key()], content)


def is_signed(content, signature, collector, keys):
    """Whether a text bears a collector's signature by one of some keys.

    :param bytes content: the text.
    :param bytes signature: what stands in the file of the signature.
    :param list keys: as L(public) gives them.
    """
    if not _is_as_written(signature):
        return False
    with tempfile.TemporaryDirectory(prefix="order82-seal-") as folder:
        paths = [os.path.join(folder, name) for name in ("signers", "signature")]
        for path, text in zip(paths, ("".join(row(collector, key) for key in keys).encode("utf-8"), signature)):
            with open(path, "wb") as file:
                file.write(text)
        words = ["-Y", "verify", "-q", "-n", NAMESPACE, "-I", collector, "-f", paths[0], "-s", paths[1]]
        return processes.run(["ssh-keygen", *words], given=content).returncode == 0


def _is_as_written(signature):
    """Whether it has each byte that ssh-keygen wrote, which reads others for the same (PROTOCOL.sshsig)."""
    rows = signature.decode("ascii", "replace").split("\n")
    if len(rows) < 4:
        return False
    try:
        text = base64.b64encode(base64.b64decode("".join(rows[1:-2]), validate=True)).decode("ascii")
    except ValueError:
        return False
    lines = [text[begin : begin + _COLUMNS] for begin in range(0, len(text), _COLUMNS)]
    return rows == [_ARMOUR % "BEGIN", *lines, _ARMOUR % "END", ""]


def _of(path):
    found = _PUBLIC.search(_keygen(["-y", "-P", "", "-f", path]).decode("utf-8", "replace"))
    if not found:
        raise OSError("%s is no key of ed25519" % path)
    return found[0]


def _key():
    return os.path.join(FOLDER, "key")


def _signers(store):
    with record_store.opened(store) as folder:
        return (chain.read(folder, SIGNERS) or b"").decode("utf-8", "replace")


def _keep(store, collector, key):
    if key not in public(store):
        content = (_signers(store) + row(collector, key)).encode("utf-8")
        with record_store.opened(store) as folder:
            packing.put(folder, SIGNERS, content, (os.geteuid(), os.getegid()), 0o444)


def _keygen(words, given=None):
    done = processes.run(["ssh-keygen", *words], given=given)
    if done.returncode:
        raise OSError("ssh-keygen %s: %s" % (words[0], done.stderr.decode("utf-8", "replace").strip()))
    return done.stdout


def _sync(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def command(arguments):
    """order82 records rotate-key"""
    del arguments
    settings = record_settings.load()
    if not settings.host:
        raise ValueError("this collector does not know its name yet: apply the role log_collector again")
    with record_store.alone(settings.store):
        key = rotate(settings.store, settings.host)
        return spoken.by_hand(["rotated by %s: seals with %s" % (login.account(), key), "seals with " + key], [])
