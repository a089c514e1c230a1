"""The processes that draw pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def drawers(process: psutil.Process) -> list[psutil.Process]:
    """Zygotes and their children; not the process that forks zygotes."""
    return [one for each in _mothers(process) for one in _children(each, recursive=True)]


def zygotes(process: psutil.Process) -> list[psutil.Process]:
    """Those that fork a child for what is drawn."""
    return [one for each in _mothers(process) for one in _children(each)]


def held(process: psutil.Process) -> list[int]:
    """How many children each of those has."""
    return [len(_children(one)) for one in zygotes(process)]


def _mothers(process: psutil.Process) -> list[psutil.Process]:
    return [one for one in _children(process, recursive=True) if _draws(one) and not _draws(_parent(one))]


def _children(process: psutil.Process, *, recursive: bool = False) -> list[psutil.Process]:
    """None of one that has just ended, as the last picture's child may have."""
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=recursive)
    return []


def _parent(process: psutil.Process) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        return process.parent()
    return None


def _draws(process: psutil.Process | None) -> bool:
    with suppress(psutil.NoSuchProcess):  # also of one that has just ended
        return process is not None and any("display_worker" in part for part in process.cmdline())
    return False


@contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Drawing processes that do nothing, as those of a file that takes long."""
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.suspend()
    try:
        yield
    finally:
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.resume()
