# SPDX-License-Identifier: GPL-3.0-or-later
"""nfdump, the peer of a trace: nfcapd on loopback, fed with IPFIX; then nfdump's scan of what it wrote."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import struct
import subprocess
import time
from pathlib import Path

PORT = 29995
MOST = 5_000_000
"""So many records it gets; a scan of more goes over the same file several times."""
_IPFIX = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (152, 8), (153, 8), (225, 4), (227, 2), (230, 1))
_SESSION = struct.Struct(">IIHHBQQIHB")


class Nfdump:
    """nfcapd on loopback, fed with IPFIX; then nfdump's scan of what it wrote."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.sent = 0
        self.process = subprocess.Popen(
            ["nfcapd", "-w", str(folder), "-b", "127.0.0.1", "-p", str(PORT), "-y", "-B", "67108864", "-t", "86400"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", PORT))
        template = b"".join(struct.pack(">HH", *field) for field in _IPFIX)
        self._send(struct.pack(">HHHH", 2, 8 + len(template), 256, len(_IPFIX)) + template)

    def feed(self, base) -> None:
        """Send the sessions of a part; no more than MOST in all."""
        if self.sent >= MOST:
            return
        rows = base.execute(
            'select inside, destination, inside_port, destination_port, protocol, "end" - lasted, "end", public, '
            "public_port, 5 from part order by number"
        ).fetchall()
        for start in range(0, len(rows), 30):
            body = b"".join(_SESSION.pack(*row) for row in rows[start : start + 30])
            self._send(struct.pack(">HH", 256, 4 + len(body)) + body)
            self.sent += len(body) // _SESSION.size
            if start % 30000 == 0:
                time.sleep(0.01)

    def _send(self, body: bytes) -> None:
        self.socket.send(struct.pack(">HHIII", 10, 16 + len(body), int(time.time()), self.sent, 1) + body)

    def finish(self) -> None:
        """Let it write its file."""
        time.sleep(2)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.socket.close()

    def scan(self, truth: list, records: int) -> dict:
        """Time nfdump's search for a public address and port over so many records."""
        [path] = [path for path in self.folder.iterdir() if path.name.startswith("nfcapd.")]
        summary = run(["nfdump", "-I", "-r", str(path)])
        stored = int(next(line for line in summary.splitlines() if line.startswith("Flows:")).split()[1])
        if not 0.99 * self.sent <= stored <= self.sent:
            raise RuntimeError(f"nfcapd stored {stored} of {self.sent} records")
        links = max(1, round(records / stored))
        for number in range(1, links):
            os.link(path, self.folder / f"nfcapd.20260101{number:04}")
        taken = []
        for row in truth[:5]:
            begin = time.perf_counter()
            run(
                [
                    *("nfdump", "-R", str(self.folder), "-q", "-o", "fmt:%ts %te %sa %sp %nsa %nsp"),
                    f"src nip {row['public_address']} and src nport {row['public_port']} and proto {row['protocol']}",
                ]
            )
            taken.append(time.perf_counter() - begin)
        return {
            "stored": stored,
            "links": links,
            "bytes": path.stat().st_size / stored,
            "scan_seconds": statistics.median(taken) * records / (stored * links),
        }


def run(argv: list[str]) -> str:
    """A program's output.

    :raises RuntimeError: it did not end well.
    """
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
