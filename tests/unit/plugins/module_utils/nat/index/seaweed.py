# SPDX-License-Identifier: GPL-3.0-or-later
"""A real object store on this machine: SeaweedFS with each file on two servers, TLS and keys."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

WEED = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
BUCKET = "records"
KEY, SECRET = "nat-key", "it's/+secret"
_RIGHTS = [f"{right}:{BUCKET}" for right in ("Read", "Write", "List")]


class Cluster:
    """Master, two volume servers, filer and gateway, each a process on a free port of 127.0.0.1."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = folder / "authority.pem"
        self.processes = {}
        self.ports = {name: _free() for name in ("master", "one", "two", "filer", "s3")}

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.ports['s3']}"

    def begin(self):
        self._certificate()
        identity = {"name": "nat", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": _RIGHTS}
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        master = f"127.0.0.1:{self.ports['master']}"
        self._run(
            "master", "-mdir", "-defaultReplication=001", "-volumeSizeLimitMB=16", "-peers=none", "-telemetry=false"
        )
        for name in ("one", "two"):
            (self.folder / name).mkdir()
            self.begin_volumes(name)
        self._run("filer", "-defaultStoreDir", f"-master={master}")
        self.begin_gateway()
        shell = f"s3.bucket.create -name {BUCKET}\n"
        argv = [WEED, "shell", f"-master={master}", f"-filer=127.0.0.1:{self.ports['filer']}"]
        subprocess.run(argv, input=shell.encode(), check=True, capture_output=True, cwd=self.folder, timeout=30)

    def begin_gateway(self):
        self._run(
            *(
                "s3",
                None,
                f"-filer=127.0.0.1:{self.ports['filer']}",
                "-config=s3.json",
                "-port.iceberg=0",
                "-port.lance=0",
            ),
            *(f"-cert.file={self.authority}", f"-key.file={self.folder / 'key.pem'}"),
        )

    def begin_volumes(self, name):
        self._run(name, None, f"-dir={self.folder / name}", f"-master=127.0.0.1:{self.ports['master']}", "-max=30")

    def kill(self, name):
        """As a machine that loses its power."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def end(self):
        for name in list(self.processes):
            self.kill(name)

    def files(self, name):
        """How many bytes a volume server keeps."""
        return sum(path.stat().st_size for path in (self.folder / name).glob("*.dat"))

    def _certificate(self):
        """One that is its own authority."""
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-days", "2", "-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", self.folder / "key.pem", "-out", self.authority),
            ],
            check=True,
            capture_output=True,
        )

    def _run(self, name, folder, *words):
        kind = "volume" if name in ("one", "two") else name
        argv = [WEED, "-logtostderr", kind, f"-port={self.ports[name]}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *words]
        if folder:
            (self.folder / name).mkdir()
            argv.append(f"{folder}={self.folder / name}")
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                argv, stdout=log, stderr=log, cwd=self.folder, env=os.environ | {"HOME": str(self.folder)}
            )
        self._wait(name)

    def _wait(self, name):
        """Else the next one waits for seconds before it tries again."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.ports[name]), 1).close()
                return
            except OSError:
                assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()[-2000:]
                time.sleep(0.05)
        raise AssertionError(f"{name} does not listen")


def _free():
    """A port that is free, and so is the one of gRPC, 10000 above."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port < 55000:
                try:
                    other.bind(("127.0.0.1", port + 10000))
                except OSError:
                    continue
                return port
