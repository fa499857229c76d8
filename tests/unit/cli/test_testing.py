# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a test, and that nothing passes which has proved nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.paths import CHECKOUT
from cli.testing import steps
from cli.testing.sanity import as_sanity, is_left_out
from cli.testing.shares import ACCOUNTS, GROUPS, share
from cli.testing.steps import Count, Step, Took, as_one, as_pytest, as_scenario, listed, pytest_count, reason
from cli.testing.suite import add_up, cost, longest_first, quick_steps, scenario_names


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("============ 9 passed in 2.31s ============", Count(9, 0)),
        ("=== 1 failed, 8 passed, 2 skipped in 61.00s (0:01:01) ===", Count(8, 1)),
        ("=== 2 errors in 0.50s ===", Count(0, 2)),
        ("=== 3 passed, 1 warning in 0.1s ===\ntext\n= 4 passed in 1.00s =", Count(7, 0)),
        ("\x1b[32m=== \x1b[1m5 passed\x1b[0m\x1b[32m in 0.10s\x1b[0m ===", Count(5, 0)),
        ("5 passed in 0.10s", Count(5, 0)),
        ("=== no tests ran in 0.01s ===", Count(0, 0)),
        ("TASK [it passed in 3.1s]", Count(0, 0)),
    ],
)
def test_pytest_is_believed_by_its_closing_line(output: str, expected: Count) -> None:
    assert pytest_count(output) == expected


def test_one_program_is_one_test() -> None:
    assert as_one("", 0) == Count(1, 0)
    assert as_one("", 2) == Count(0, 1)


def test_pytest_that_ends_badly_without_a_failed_test_is_a_failure() -> None:
    assert as_pytest("3 passed in 1.0s", 0) == Count(3, 0)
    assert as_pytest("1 failed, 3 passed in 1.0s", 1) == Count(3, 1)
    assert as_pytest("3 passed in 1.0s", 2) == Count(3, 1)
    assert as_pytest("no tests ran in 0.01s", 5) == Count(0, 1)
    assert as_pytest("no tests ran in 0.01s", 0) == Count(0, 1)


def test_a_scenario_counts_beside_its_tests_and_is_nothing_without_them() -> None:
    assert as_scenario("= 9 passed in 2.0s =", 0) == Count(10, 0)
    assert as_scenario("= 9 passed in 2.0s =", 1) == Count(9, 1)
    assert as_scenario("= 1 failed, 8 passed in 2.0s =", 1) == Count(8, 2)
    assert as_scenario("PLAY RECAP", 0) == Count(0, 1)


def test_sanity_checks_that_looked_at_nothing_are_a_failure() -> None:
    assert as_sanity('Running sanity test "pep8"', 0) == Count(1, 0)
    assert as_sanity('Running sanity test "pep8"', 1) == Count(0, 1)
    assert as_sanity("WARNING: All targets skipped.", 0) == Count(0, 1)
    assert as_sanity("", 0) == Count(0, 1)


def test_counts_add_up() -> None:
    first, second = Took("a", 2.0, 1.0), Took("b", 4.0, 3.0)
    assert add_up([Count(1, 2, took=(first,)), Count(3, 4, took=(second,))]) == Count(4, 6, took=(first, second))
    assert add_up([]) == Count(0, 0)


BROKEN = """
import pytest

@pytest.fixture(scope="module")
def server():
    assert 1 == 2, "nobody answers" + "!" * 400

def test_page(server):
    pass

@pytest.mark.parametrize("host", ["app on 12"])
def test_host(server, host):
    pass

def test_count():
    assert [1] == [2]
"""


def test_a_failure_is_told_by_what_failed_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    file = tmp_path / "test_broken.py"
    file.write_text(BROKEN)
    # As molecule does: the last lines of a scenario are not pytest's.
    words = f"{sys.executable} -m pytest -p no:cacheprovider -q {file}; code=$?; seq 100; exit $code"
    count = Step("broken", ["sh", "-c", words], counted=as_pytest, folder=tmp_path).run()
    assert (count.passed, count.failed) == (0, 3)
    assert [name.rpartition("::")[2] for name in count.failing] == ["test_count", "test_page", "test_host[app on 12]"]
    said = capsys.readouterr().err
    assert said.count("nobody answers") == 1, "one reason of two tests is said once"
    assert "assert [1] == [2]" in said
    assert "test_broken.py:6: AssertionError" in said
    assert max(map(len, said.splitlines()[1:])) < 310


def test_a_step_says_how_long_it_took_and_how_much_of_it_was_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    # The work is a grandchild's, and the rest of the time is spent waiting.
    words = ["sh", "-c", f"sh -c '{sys.executable} -c \"{busy}\"; true'; sleep 0.5"]
    [took] = Step("busy", words).run().took
    assert (took.step, took.seconds >= 0.8) == ("busy", True)
    assert 0.3 <= took.cpu < took.seconds
    assert cost(took).startswith("busy ")


def test_a_failure_of_another_program_is_told_by_its_last_lines() -> None:
    output = "ERROR in molecule\n" + "\n".join(map(str, range(100)))
    assert listed(output) == []
    assert reason(output, "")[-1] == "99"
    assert reason(output, "ERROR") == ["ERROR in molecule"]


def test_what_galaxy_leaves_out_is_left_out() -> None:
    patterns = ["cli", "baseline", "*.tar.gz", ".ci"]
    assert is_left_out("cli/lab/ssh.py", patterns)
    assert is_left_out("baseline", patterns)
    assert is_left_out("order82-baseline-0.1.0.tar.gz", patterns)
    assert not is_left_out("plugins/modules/baseline.py", patterns)


def test_the_longest_scenario_begins_first_and_none_is_left_out():
    names = scenario_names()
    assert longest_first(names)[:4] == ["site", "backup", "nat", "kernel"]
    assert longest_first(["standby", "nat"]) == ["nat", "standby"]
    assert sorted(longest_first(names)) == names


@pytest.mark.skipif(
    os.geteuid() != 0 or not (GROUPS / "cpu.shares").exists(), reason="needs root and cgroups v1 for processors"
)
@pytest.mark.parametrize(("longest", "shares"), [(True, "3072"), (False, "1024")])
def test_what_a_step_starts_has_its_share_of_the_processors(longest: bool, shares: str) -> None:
    name = f"a test {os.getpid()}"
    with share(name, longest) as part:
        group = GROUPS / f"order82-test-a-test-{os.getpid()}"
        assert (group / "cpu.shares").read_text().strip() == shares
        # Also in a session of its own, as each service of a host is.
        done = subprocess.run(
            [*part.words, "setsid", "cat", "/proc/self/cgroup"], capture_output=True, text=True, check=True
        )
        assert f":cpu:/{group.name}\n" in done.stdout
    assert not group.exists()


@pytest.mark.skipif(
    os.geteuid() != 0 or not (ACCOUNTS / "cpuacct.usage").exists(), reason="needs root and cgroups v1 that count"
)
def test_what_a_step_takes_is_counted_whoever_waited_for_it() -> None:
    with share(f"a test {os.getpid()}", longest=False) as part:
        before = part.taken()
        busy = "import os\nos.fork() or [os.setsid(), sum(range(20_000_000))]"
        # Nobody waits for the child: its parent ends at once, and its output ends with it.
        subprocess.run([*part.words, sys.executable, "-c", busy], stdout=subprocess.PIPE, check=True)
        assert before is not None
        assert (part.taken() or 0) - before > 0.1


def test_where_there_are_no_groups_the_others_are_nice(tmp_path: Path) -> None:
    with share("a test", True, tmp_path, tmp_path) as part:
        assert part.words == ()
        assert part.taken() is None
    with share("a test", False, tmp_path, tmp_path) as part:
        done = subprocess.run([*part.words, "nice"], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 3
    assert list(tmp_path.iterdir()) == []


def test_side_by_side_the_same_unit_tests_are_run_each_of_them_once() -> None:
    def files(alone: bool) -> list[Path]:
        commands = [step.command for step in quick_steps(alone) if step.counted is as_pytest]
        assert len(commands) == 1 + 2 * alone
        found = []
        for _pytest, *words in commands:
            folders = [word for word in words if not word.startswith("-")]
            ignored = [word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]
            paths = [path for folder in folders for path in (CHECKOUT / folder).rglob("test_*.py")]
            found += [path for path in paths if not any(path.is_relative_to(CHECKOUT / one) for one in ignored)]
        return sorted(found)

    assert files(alone=True) == files(alone=False)
    assert len(set(files(alone=True))) == len(files(alone=True)) > 100
