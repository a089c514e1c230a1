"""The processes that draw pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def drawers(process: psutil.Process) -> list[psutil.Process]:
    return [one for one in process.children(recursive=True) if _draws(one)]


def _draws(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # also of one that has just ended
        return any("display_worker" in part for part in process.cmdline())
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
