# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test's sanity checks, on a copy of the collection as it would be built.

ansible-test insists on a real folder .../ansible_collections/NAMESPACE/NAME. It makes virtual environments with a
script that it downloads; where that can't be had, a script of ours stands in its place, in a home folder of its own.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from ..errors import BaselineError
from ..paths import CACHE, CHECKOUT
from ..process import run
from .steps import Count, Step, as_one

HOME = CACHE / "ansible-test"
RUNNING = "Running sanity test"
ALSO = "tests/sanity/"
"""What ansible-test reads though it is not built into the collection."""
GET_PIP = """\
import subprocess
import sys
import tempfile

subprocess.run([sys.executable, "-m", "ensurepip"], check=True)
options = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *options], check=True)
"""


def check() -> Count:
    """Run the sanity checks. The copy is not below the checkout, or ansible-test would see that git ignores it."""
    provide_get_pip()
    with tempfile.TemporaryDirectory(prefix="order82-sanity-") as folder:
        tree = Path(folder) / "ansible_collections" / "order82" / "baseline"
        copy_collection(tree)
        return step(tree).run()


def step(tree: Path) -> Step:
    """The sanity checks of a tree."""
    # Only real interpreters: a version manager's stand-ins for versions that are not chosen make ansible-test fail.
    folders = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    env = {"HOME": str(HOME), "PATH": os.pathsep.join(folders), "PIP_QUIET": "1"}
    command = ["ansible-test", "sanity", "--color", "no"]
    return Step("ansible-test sanity", command, counted=as_sanity, folder=tree, env=env, notable="ERROR|FATAL")


def as_sanity(output: str, code: int) -> Count:
    """ansible-test is one test, which fails also when it found nothing to look at."""
    return as_one(output, code if RUNNING in output and "All targets skipped" not in output else 1)


def copy_collection(tree: Path) -> None:
    """Copy what git knows, or would know after 'git add', less what is not built into the collection."""
    listed = run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], failing="git ls-files", cwd=CHECKOUT
    )
    left_out = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text()).get("build_ignore", [])
    for name in filter(None, listed.stdout.split("\0")):
        source = CHECKOUT / name
        if source.is_file() and (name.startswith(ALSO) or not is_left_out(name, left_out)):
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def is_left_out(name: str, patterns: list[str]) -> bool:
    """Whether galaxy.yml's build_ignore names this file or a folder that it is in."""
    path = Path(name)
    return any(fnmatch.fnmatch(str(part), pattern) for part in (path, *path.parents) for pattern in patterns)


def provide_get_pip() -> None:
    """Put our script where this ansible-test looks for the one it would download."""
    found = importlib.util.find_spec("ansible_test")
    if found is None or not found.submodule_search_locations:
        raise BaselineError("ansible-test is not installed: remove .venv and run this again")
    source = Path(found.submodule_search_locations[0]) / "_internal" / "python_requirements.py"
    for version in set(re.findall(r"\bpip='([\d.]+)'", source.read_text())):
        script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(GET_PIP)
