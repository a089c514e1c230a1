"""The processes that draw pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def drawers(process: psutil.Process) -> list[psutil.Process]:
    """Zygotes and their children; not the process that forks zygotes."""
    return [one for each in _mothers(process) for one in each.children(recursive=True)]


def zygotes(process: psutil.Process) -> list[psutil.Process]:
    """Those that fork a child for what is drawn."""
    return [one for each in _mothers(process) for one in each.children()]


def _mothers(process: psutil.Process) -> list[psutil.Process]:
    return [one for one in process.children(recursive=True) if _draws(one) and not _draws(one.parent())]


def _draws(process: psutil.Process | None) -> bool:
    with suppress(psutil.NoSuchProcess):  # also of one that has just ended
        return process is not None and any("display_worker" in part for part in process.cmdline())
    return False


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Drawing processes that do nothing, as those of a file that takes long."""
    for one in processes:
        one.suspend()
    try:
        yield
    finally:
        for one in processes:
            if one.is_running():
                one.resume()
