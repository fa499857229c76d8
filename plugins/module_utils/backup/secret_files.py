# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in no backup: whoever can read a repository could act as this host with it, or read all its other backups.

On a machine that is made anew a host makes a new key, and the controller signs it; what opens its backups lies on the
controller. Of other programs' keys there is a list, for who brings them back or asks for new ones.
"""

from __future__ import annotations

import os
import re
import stat

LIST = "private-keys"
"""The file, beside the lists of packages and disks, that names the keys of other programs."""
OURS = "/etc/order82"
"""Key, passwords and accounts; all of it comes from the controller."""
NEVER = (
    OURS,
    "/etc/ssh/ssh_host_*_key",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
)
"""Patterns of restic-backup(1), for every set. A restore of the system leaves all of it alone that it finds."""
SYSTEM = (
    "/etc/letsencrypt/accounts",
    "/etc/NetworkManager/system-connections",
    # The certificate of ssl-cert's key, which each machine makes for itself: it is of no use with another one.
    "/etc/ssl/certs/ssl-cert-snakeoil.pem",
)
"""The same for the set of kind C(system), beside the files that L(found) names."""
_KEY = re.compile(
    rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\r?$|^\s*PrivateKey\s*=\s*\S|^Private-key-format:",
    re.MULTILINE,
)
"""PEM and OpenPGP; WireGuard; DNSSEC."""
_SUFFIXES = (".p12", ".pfx", ".jks", ".keystore", ".keytab")
_MOST_BYTES = 1 << 20


def found(top="/etc"):
    """The files in a folder in which a private key is, as paths."""
    paths = []
    for folder, _folders, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if _has_key(path):
                paths.append(path)
    return sorted(paths)


def _has_key(path):
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # a symlink, or gone by now
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        return path.endswith(_SUFFIXES) or bool(_KEY.search(file.read(_MOST_BYTES)))


def pattern(path):
    """The pattern that excludes just this path (restic-backup(1), after Go's path/filepath.Match)."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)
