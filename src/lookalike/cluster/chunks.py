"""What a worker is given at a time: a few items, their files as the driver sees them, or these files' bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lookalike.readers.events import Event
from lookalike.readers.pairs import open_regular
from lookalike.readers.pool import files_to_open
from lookalike.types import Item

_ITEMS: Final = 32
_BYTES: Final = 64 << 20  # of a chunk's files, unless one item has more

Seen = tuple[int, int] | None
"""(size in bytes, time of the last change in ns) of a file; None where it is not there."""


@dataclass(eq=False)
class Chunk:
    """Items in a row. events: what was read of them, once it was. lost: how many workers ended while they had it.
    alone: whether it is given to a worker that has nothing else, so that it is known what ended it.
    """

    items: tuple[Item, ...]
    events: list[Event] | None = None
    lost: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class SentFile:
    """path: on the driver's machine. content: the bytes; None where the worker is to look for them at the path, or
    where they cannot be read. broken_link: whether the path is a link that leads to nothing.
    """

    path: str
    seen: Seen
    content: bytes | None = field(default=None, repr=False)
    broken_link: bool = False


@dataclass(frozen=True, slots=True)
class SentChunk:
    """A chunk on its way. files: all that its items' readers may open, each once. whole: their bytes are in it."""

    items: tuple[Item, ...]
    files: tuple[SentFile, ...]
    whole: bool


def chunks_of(items: Iterable[Item]) -> Iterator[Chunk]:
    """Chunks of a few small items, or of a large one."""
    some: list[Item] = []
    room = _BYTES
    for item in items:
        size = sum(found[0] for file in item.files if (found := seen_here(file)))
        if some and (len(some) == _ITEMS or size > room):
            yield Chunk(tuple(some))
            some, room = [], _BYTES
        some.append(item)
        room -= size
    if some:
        yield Chunk(tuple(some))


def sent(chunk: Chunk, *, whole: bool) -> SentChunk:
    """What a worker is sent. whole: with the bytes of the files, for a worker that does not see them."""
    paths = dict.fromkeys(path for item in chunk.items for path in files_to_open(item))
    return SentChunk(
        chunk.items, tuple(_with_bytes(path) if whole else SentFile(path, seen_here(path)) for path in paths), whole
    )


def seen_here(path: str) -> Seen:
    """A file as this machine sees it."""
    with suppress(OSError, ValueError):
        found = os.stat(path)  # noqa: PTH116 - called for every file
        return found.st_size, found.st_mtime_ns
    return None


def _as_seen(path: str) -> SentFile:
    return SentFile(path, seen_here(path))


def _with_bytes(path: str) -> SentFile:
    found = seen_here(path)
    content = None
    with suppress(OSError, ValueError), open_regular(Path(path)) as opened:
        content = opened.read()
    return SentFile(path, found, content, broken_link=found is None and Path(path).is_symlink())
