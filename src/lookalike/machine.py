"""What of the machine this process may use: processors and memory, as a container, a unit or an administrator limits
them.

What a process may run on (affinity, which tells of cpusets) says nothing of a quota: a container that is given two
processors' time of 64 sees 64, and as many threads wait for their turn most of the time. Quotas stand in the control
groups of Linux, of either version, and hold for the groups below
(https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path("/")


def usable_processors(root: Path = ROOT) -> int:
    """How many processors this process can keep busy, at least 1; a part of one counts as one. root: below which
    ``proc`` and the control groups lie.
    """
    quotas = (math.ceil(quota) for quota in _quotas(root))
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def usable_memory(root: Path = ROOT) -> int:
    """How many bytes this process and those beside it in its group may use before they are slowed down or killed."""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([there, *_memory_limits(root)])


def _quotas(root: Path) -> Iterator[float]:
    """Processors, as a share of time, of each group that has a quota."""
    for group in _groups(root, ""):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        yield from _share(quota, period)
    for group in _groups(root, "cpu"):
        yield from _share(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))


def _share(quota: str, period: str) -> Iterator[float]:
    """Of "max", -1 and what is not there: none."""
    if quota.isdigit() and period.isdigit() and int(period):
        yield int(quota) / int(period)


def _memory_limits(root: Path) -> Iterator[int]:
    files = [group / name for group in _groups(root, "") for name in ("memory.max", "memory.high")]
    files += [group / "memory.limit_in_bytes" for group in _groups(root, "memory")]
    yield from (int(limit) for limit in map(_read, files) if limit.isdigit())


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it, as far as they are seen. controller: of version 1;
    "": the groups of version 2.
    """
    path = _path_of_group(root, controller)
    mount = _mount(root, controller)
    if path is None or mount is None:
        return
    seen, place = mount
    below = path.relative_to(seen) if path.is_relative_to(seen) and ".." not in path.parts else PurePosixPath()
    yield from (place / each for each in (below, *below.parents))


def _path_of_group(root: Path, controller: str) -> PurePosixPath | None:
    """The name of this process's group: ``4:cpu,cpuacct:/path``, or ``0::/path`` of version 2."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") if controller else (number, controllers) == ("0", ""):
            return PurePosixPath(path)
    return None


def _mount(root: Path, controller: str) -> tuple[PurePosixPath, Path] | None:
    """Which group is mounted, and where: ``31 23 0:28 GROUP PLACE rw ... - cgroup2 cgroup2 rw`` (proc(5))."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        about, _, kind = line.partition(" - ")
        fields, system = about.split(), kind.split()
        if len(fields) < 5 or len(system) < 3:
            continue
        if system[0] == ("cgroup" if controller else "cgroup2") and (
            not controller or controller in system[2].split(",")
        ):
            return PurePosixPath(_unescaped(fields[3])), root / _unescaped(fields[4]).lstrip("/")
    return None


def _unescaped(text: str) -> str:
    """A blank in a path stands as \\040 there."""
    return text.encode("latin-1", "replace").decode("unicode_escape") if "\\" in text else text


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
