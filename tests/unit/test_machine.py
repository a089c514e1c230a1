"""How many processors and how much memory a process may use, from trees of files and from a real control group."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

import lookalike
from lookalike.machine import usable_memory, usable_processors

CORES = len(os.sched_getaffinity(0))
MIB = 1 << 20
V2 = "31 23 0:28 {seen} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = (
    "32 31 0:29 {seen} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 {seen} /sys/fs/cgroup/memory rw,relatime shared:9 master:1 - cgroup none rw,memory"
)
NESTED = "7:cpuacct,cpu:/unit/job\n6:memory:/unit/job\n1:name=systemd:/unit/job\n0::/unit/job"

Tree = Callable[[str, str, Mapping[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A root with these groups of the process, mounts, and files below ``sys/fs/cgroup``."""

    def make(groups: str, mounts: str, files: Mapping[str, str]) -> Path:
        told = {"proc/self/cgroup": groups, "proc/self/mountinfo": f"1 0 8:1 / / rw - ext4 /dev/root rw\n{mounts}"}
        for name, text in {**told, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()}}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path

    return make


@pytest.fixture(autouse=True)
def many_processors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may run on 64, whatever machine this is."""
    if "real_group" not in request.fixturenames:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"unit/job/cpu.max": "400000 100000"}, 4),
        ({"unit/job/cpu.max": "150000 100000"}, 2),  # a part of one counts
        ({"unit/job/cpu.max": "5000 100000"}, 1),
        ({"unit/job/cpu.max": "max 100000"}, 64),
        ({"unit/job/cpu.max": "max 100000", "unit/cpu.max": "300000 100000"}, 3),  # a group above holds too
        ({"unit/job/cpu.max": "200000 100000", "unit/cpu.max": "300000 100000", "cpu.max": "700000 50000"}, 2),
        ({"unit/job/cpu.max": "9900000 100000"}, 64),  # more than it may run on
        ({"other/cpu.max": "100000 100000"}, 64),  # somebody else's
        ({"unit/job/cpu.max": "nonsense"}, 64),
        ({"unit/job/cpu.max": "100000 0"}, 64),
        ({}, 64),
    ],
)
def test_a_quota_of_version_2(tree: Tree, limits: Mapping[str, str], expected: int) -> None:
    assert usable_processors(tree("0::/unit/job", V2.format(seen="/"), limits)) == expected


@pytest.mark.parametrize(
    ("quota", "period", "expected"), [("250000", "100000", 3), ("-1", "100000", 64), ("50000", "50000", 1)]
)
def test_a_quota_of_version_1(tree: Tree, quota: str, period: str, expected: int) -> None:
    folder = "cpu,cpuacct/unit/job"
    limits = {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": period}
    assert usable_processors(tree(NESTED, V1.format(seen="/"), limits)) == expected


@pytest.mark.parametrize(
    ("group", "seen"),
    [
        ("0::/docker/abc", "/docker/abc"),  # a container that sees its own group as the root of the mount
        ("0::/", "/"),  # or has a namespace of groups
        ("0::/../../abc", "/"),  # or was moved out of that
        ("0::/elsewhere", "/docker/abc"),
    ],
)
def test_in_a_container_the_mount_is_the_group(tree: Tree, group: str, seen: str) -> None:
    root = tree(group, V2.format(seen=seen), {"cpu.max": "200000 100000", "memory.max": str(512 * MIB)})
    assert (usable_processors(root), usable_memory(root)) == (2, 512 * MIB)


def test_a_blank_in_the_place_of_the_groups(tree: Tree) -> None:
    mounts = V2.format(seen="/").replace("/sys/fs/cgroup", "/sys/fs/cgroup/of\\040all")
    assert usable_processors(tree("0::/", mounts, {"of all/cpu.max": "100000 100000"})) == 1


def test_both_versions_at_once(tree: Tree) -> None:
    """As systemd's hybrid layout has them: the stricter one holds."""
    mounts = f"{V1.format(seen='/')}\n{V2.format(seen='/').replace('/sys/fs/cgroup', '/sys/fs/cgroup/unified')}"
    folder = "cpu,cpuacct/unit"
    limits = {f"{folder}/cpu.cfs_quota_us": "500000", f"{folder}/cpu.cfs_period_us": "100000"}
    assert usable_processors(tree(NESTED, mounts, limits)) == 5
    assert usable_processors(tree(NESTED, mounts, {**limits, "unified/unit/cpu.max": "200000 100000"})) == 2


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"unit/job/memory.max": str(900 * MIB), "unit/memory.max": str(700 * MIB)}, 700),
        (
            {"unit/job/memory.max": str(900 * MIB), "unit/job/memory.high": str(600 * MIB)},
            600,
        ),  # slowed down from there
        ({"unit/job/memory.max": "max", "unit/memory.max": str(100 * MIB)}, 100),
    ],
)
def test_memory_of_version_2(tree: Tree, limits: Mapping[str, str], expected: int) -> None:
    assert usable_memory(tree("0::/unit/job", V2.format(seen="/"), limits)) == expected * MIB


def test_memory_of_version_1(tree: Tree) -> None:
    limits = {"memory/unit/memory.limit_in_bytes": str(300 * MIB)}
    limits["memory/unit/job/memory.limit_in_bytes"] = "9223372036854771712"  # none
    assert usable_memory(tree(NESTED, V1.format(seen="/"), limits)) == 300 * MIB


def test_without_a_limit_it_is_the_machine_s(tmp_path: Path) -> None:
    assert usable_processors(tmp_path) == 64
    there = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    assert usable_memory(tmp_path) == int(there.split()[1]) * 1024


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A control group of processors that is this test's, of either version, below the one it runs in."""
    mounts = [Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/cpu,cpuacct"), Path("/sys/fs/cgroup")]
    for mount in (each for each in mounts if (each / "cgroup.procs").exists()):
        group = mount / f"lookalike-test-{os.getpid()}"
        with suppress(OSError):
            group.mkdir()
            try:
                if any((group / name).exists() for name in ("cpu.cfs_quota_us", "cpu.max")):
                    (group / "job").mkdir()
                    yield group
                    return
            finally:
                for each in (group / "job", group):
                    with suppress(FileNotFoundError):
                        each.rmdir()
    pytest.skip("control groups are not this user's to make")


def test_a_real_group(real_group: Path) -> None:
    """The kernel's own files, and a process in a group below the one that has the quota."""
    if (real_group / "cpu.max").exists():
        (real_group / "cpu.max").write_text("60000 100000")
    else:
        (real_group / "cpu.cfs_quota_us").write_text("60000")
    asked = "from lookalike.machine import usable_processors; print(usable_processors())"
    joined = f'echo 0 > {real_group}/job/cgroup.procs; exec "$@"'
    done = subprocess.run(
        ["bash", "-euc", joined, "-", sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == 1
    assert usable_processors() == CORES  # of this process, which is not in it


def test_nobody_else_counts_processors() -> None:
    """Doctor alone asks how many the machine has, to say it beside."""
    package = Path(lookalike.__file__).parent
    asking = {p.name for p in package.rglob("*.py") if "cpu_count" in (text := p.read_text()) or "getaffinity" in text}
    assert asking == {"machine.py", "doctor.py"}
