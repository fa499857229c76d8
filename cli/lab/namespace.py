# SPDX-License-Identifier: GPL-3.0-or-later
"""How podman is called here.

Every call loses the right to set the clock (CAP_SYS_TIME) first: a privileged container gets what podman itself has,
so no host of a lab can ever change this machine's clock, whatever a role does.

Where cgroups are not v2 (old or nested machines), podman and systemd refuse each other. There every call enters a
mount namespace that persists as a file and in which a cgroup2 hierarchy lies over /sys/fs/cgroup. It must be the same
namespace for all calls, or a restart can't find the containers' networks again.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
from pathlib import Path
from typing import Any

from ..errors import BaselineError
from ..paths import CACHE, RUN
from ..process import run

MOUNT = RUN / "mount"
CONFIG = CACHE / "containers.conf"
CAP_SYS_RESOURCE = 24
IN_NAMESPACE = "umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"


def podman(*arguments: str | Path, failing: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run podman with its output captured; see process.run."""
    return run(command(*arguments), failing=failing, env=environment(), **options)


def podman_json(*arguments: str) -> Any:
    """What podman tells as JSON."""
    return json.loads(podman(*arguments, failing=f"podman {arguments[0]}").stdout or "[]")


def command(*arguments: str | Path) -> list[str]:
    """The words of a podman call."""
    prefix = [] if has_cgroup2() else ["nsenter", f"--mount={MOUNT}", "--wd=/"]
    drop = ["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time"]
    return [*prefix, *drop, "podman", *(str(argument) for argument in arguments)]


def environment() -> dict[str, str]:
    """The environment of a podman call."""
    return os.environ | {"CONTAINERS_CONF": str(CONFIG)}


def prepare() -> None:
    """Make podman usable: its settings, and the namespace where one is needed. Costs next to nothing when done."""
    if os.geteuid() != 0:
        raise BaselineError("the lab needs root, since its hosts are real systems with networks: run it with sudo")
    CACHE.mkdir(parents=True, exist_ok=True)
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = container_settings(has_cgroup2(), may_raise_limits())
        if not CONFIG.exists() or CONFIG.read_text() != settings:
            CONFIG.write_text(settings)
        if not has_cgroup2() and not namespace_lives():
            make_namespace()


def has_cgroup2() -> bool:
    """Whether this machine has the cgroups that systemd in a container needs."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def may_raise_limits() -> bool:
    """Whether this process may raise resource limits; podman's defaults need that."""
    status = Path("/proc/self/status").read_text()
    held = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(held, 16) >> CAP_SYS_RESOURCE & 1)


def container_settings(cgroup2: bool, raise_limits: bool) -> str:
    """The text of containers.conf: only what has to differ from podman's defaults on this machine."""
    lines = ["[containers]", "pids_limit = 0", 'base_hosts_file = "none"']
    if not raise_limits:
        files = hard_limit(resource.RLIMIT_NOFILE, 1 << 20)
        # podman lowers its own limit of processes to the number of process ids, so more could not be given.
        processes = hard_limit(resource.RLIMIT_NPROC, 16384)
        lines.append(f'default_ulimits = ["nofile={min(1024, files)}:{files}", "nproc={processes}:{processes}"]')
    lines += ["[network]", 'network_backend = "netavark"', "[engine]", 'runtime = "crun"', 'events_logger = "file"']
    if not cgroup2:
        lines.append('cgroup_manager = "cgroupfs"')
    return "\n".join(lines) + "\n"


def hard_limit(which: int, most: int) -> int:
    """This process's own hard limit, or most where that is less."""
    limit = resource.getrlimit(which)[1]
    return most if limit == resource.RLIM_INFINITY else min(limit, most)


def namespace_lives() -> bool:
    """Whether the namespace's file is still a mounted namespace (a boot, or an umount, leaves an empty file)."""
    probe = "[ -e /sys/fs/cgroup/cgroup.controllers ]"
    return MOUNT.exists() and run(["nsenter", f"--mount={MOUNT}", "--wd=/", "sh", "-c", probe]).returncode == 0


def make_namespace() -> None:
    """Make the namespace. Its file must lie on a private mount, or it could not hold a namespace."""
    what = "preparing cgroup v2 for the lab"
    run(["umount", "-l", MOUNT])
    if run(["mountpoint", "-q", RUN]).returncode != 0:
        run(["mount", "--bind", RUN, RUN], failing=what)
        run(["mount", "--make-private", RUN], failing=what)
    MOUNT.touch()
    run(["unshare", f"--mount={MOUNT}", "--propagation", "private", "sh", "-c", IN_NAMESPACE], failing=what)
