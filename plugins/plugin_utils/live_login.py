# SPDX-License-Identifier: GPL-3.0-or-later
"""One login over SSH, from the controller, as an account that may do nothing: to see later that it was recorded.

The key is made for this login alone, and so is its certificate, whose identity is a random number of the controller's.
sshd writes it into its record (auth.c, auth_log()), so what is found by it is this login and no other; what a host says
of the login is not listened to. The client's address and port are the controller's own knowledge where it connects
itself; behind a proxy (C(ProxyCommand), C(ProxyJump)) only the proxy has them.

OpenSSH's server opens PAM's session when the account is let in, and before the client asks for anything (sshd.c,
privsep_postauth()). So nothing is asked for (C(ssh -N)), and nothing runs on the host.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import secrets
import selectors
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .visible import one_line

ACCOUNT = "order82-probe"
"""As role log_forwarder lays it down."""
SECONDS = 20
"""So long a login may take, from the first packet on; a host that hangs costs the inspection no more."""
_CONNECT_SECONDS = 10
_MOST_BYTES = 65536  # of what ssh says
_SENTENCE = 400
_IN = b"Authenticated to "  # what ssh itself says (sshconnect2.c)
# At DEBUG1 it also tells of what the server says next: its keys (clientloop.c), and remarks on the certificate. Who
# leaves in the middle of that makes sshd write of an error.
_GOES_ON = b"debug1: client_input_global_request: "
_SETTLE_SECONDS = 2
_QUIET_SECONDS = 0.2
_CLOSE_SECONDS = 2
_NOISE = ("debug1: ", "Warning: Permanently added", "mm_receive_fd: ", "proxy dialer ", "OpenSSH_")
_OPTIONS = {
    "BatchMode": "yes",
    "ClearAllForwardings": "yes",
    "ConnectTimeout": str(_CONNECT_SECONDS),
    "ControlMaster": "no",
    "ControlPath": "none",
    "ControlPersist": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "LogLevel": "DEBUG1",
    "PermitLocalCommand": "no",
    "PreferredAuthentications": "publickey",
    "PubkeyAuthentication": "yes",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "Tunnel": "no",
    "UpdateHostKeys": "no",
    "User": ACCOUNT,
}
_OWN_WAYS = ("addressfamily", "bindaddress", "bindinterface", "proxycommand", "proxyjump")
"""With one of these ssh goes as only ssh knows."""
# Connects in ssh's place, writes down from where, and hands the connection over (ProxyUseFdpass, ssh_config(5)).
_CONNECT = """\
import array, json, socket, sys
path, seconds, host, port = sys.argv[1:]
try:
    way = socket.create_connection((host, int(port)), float(seconds))
except OSError as error:
    sys.exit("connect to %s port %s: %s" % (host, port, error))
way.settimeout(None)
with open(path, "w") as file:
    json.dump(way.getsockname()[:2], file)
said = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [way.fileno()]))]
socket.socket(fileno=1).sendmsg([b"0"], said)
"""


def not_by_ssh() -> dict[str, object]:
    """What there is to say of a host to which nobody comes over SSH."""
    return {"by_ssh": False}


def log_in(words: Sequence[str], target: str, key: Path, seen_as: str = "") -> dict[str, object]:
    """Log in once, and out again.

    :param words: the program C(ssh) with the options of the way to the host, as for Ansible.
    :param target: the host, as C(ssh) takes it.
    :param key: the private key that signs for these logins; hosts have its public half.
    :param seen_as: the address from which the host sees the controller, where something on the way translates it.
    :return: C(by_ssh); C(account); C(identity) of the certificate; C(began) (RFC 3339, UTC); C(address) and C(port)
        of the controller, empty and 0 where only a proxy knows them; C(seen_as); C(why) it did not get in, one
        sentence, or empty; and C(refused), whether the host itself refused it.
    """
    found = {
        "by_ssh": True,
        "account": ACCOUNT,
        "identity": "order82-" + secrets.token_hex(16),
        "began": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "address": "",
        "port": 0,
        "seen_as": seen_as,
        "why": "",
        "refused": False,
    }
    if not key.is_file():
        return found | {"why": f"{key} is not there on the controller: apply the role log_forwarder"}
    try:
        with tempfile.TemporaryDirectory(prefix="order82-login-") as name:
            folder = Path(name)
            _make_certificate(folder, key, str(found["identity"]))
            ours = [f"-o{option}={value}" for option, value in _OPTIONS.items()]
            ours += [f"-oIdentityFile={folder}/key", f"-oCertificateFile={folder}/key-cert.pub"]
            own = folder / "own"
            way = [word for word in words[1:] if word != "-q"]  # then ssh would not say that it is in
            if _goes_straight([words[0], *ours, *way, target]):
                program = folder / "connect.py"
                program.write_text(_CONNECT, encoding="utf-8")
                before = shlex.join([sys.executable, "-I", str(program), str(own), str(_CONNECT_SECONDS)])
                ours += ["-oProxyCommand=" + before.replace("%", "%%") + " %h %p", "-oProxyUseFdpass=yes"]
            # What stands first is what ssh takes (ssh_config(5)).
            is_in, said = _run([words[0], "-N", "-T", *ours, *way, target])
            with contextlib.suppress(OSError, ValueError):
                found["address"], found["port"] = json.loads(own.read_text(encoding="utf-8"))
    except (OSError, subprocess.SubprocessError) as error:
        return found | {"why": one_line(str(error), _SENTENCE)}
    if not is_in:
        found["why"], found["refused"] = _last_of(said), "Permission denied" in said
    return found


def _make_certificate(folder: Path, key: Path, identity: str) -> None:
    """Make C(key) and C(key-cert.pub).

    The certificate has no end: the key to it is gone in a moment, and a host's clock may be wrong.
    """
    one = folder / "key"
    for words in (
        ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(one)],
        ["-q", "-s", str(key), "-I", identity, "-n", ACCOUNT, "-O", "clear", f"{one}.pub"],
    ):
        done = subprocess.run(
            ["ssh-keygen", *words], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS
        )
        if done.returncode:
            raise OSError(f"ssh-keygen: {done.stderr.decode(errors='replace').strip()}")


def _goes_straight(words: Sequence[str]) -> bool:
    """Whether ssh would open the connection itself, and in no special way (C(ssh -G))."""
    done = subprocess.run(
        [words[0], "-G", *words[1:]], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS
    )
    settings = dict(line.partition(" ")[::2] for line in done.stdout.decode(errors="replace").splitlines())
    return done.returncode == 0 and all(settings.get(name, "none") in ("none", "any") for name in _OWN_WAYS)


def _run(words: Sequence[str]) -> tuple[bool, str]:
    """Run ssh until it is let in or ends, or it is time; then nothing of it is left.

    :return: whether it was let in, and what it said.
    """
    said, until, is_in = bytearray(), time.monotonic() + SECONDS, False
    program = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(program.stderr, selectors.EVENT_READ)
            while len(said) < _MOST_BYTES:
                if not selector.select(max(0.0, until - time.monotonic())):
                    said += b"" if is_in else f"\nit did not answer within {SECONDS} s\n".encode()
                    break
                piece = os.read(program.stderr.fileno(), 4096)
                if not piece:
                    break
                said += piece
                if not is_in and _has_line(said, _IN):
                    is_in, until = True, min(until, time.monotonic() + _SETTLE_SECONDS)
                if is_in and _has_line(said, _GOES_ON):
                    until = min(until, time.monotonic() + _QUIET_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.terminate()  # ssh says good-bye to the server
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(_CLOSE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        program.stderr.close()
    return is_in, said.decode(errors="replace")


def _has_line(said: bytes | bytearray, begin: bytes) -> bool:
    return said.startswith(begin) or b"\n" + begin in said


def _last_of(said: str) -> str:
    """Why ssh did not get in, in its own last words."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith(_NOISE)]
    return one_line("; ".join(lines[-3:]) or "ssh ended without a word", _SENTENCE)
