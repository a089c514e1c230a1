"""Queries that are the bytes of a file: a request's body, a blob of a database, a file that is open already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lookalike.errors import UsageError
from lookalike.scratch import Scratch
from lookalike.text import file_name

_UNNAMED: Final = "bytes"


@contextmanager
def content_as_file(query: Any) -> Iterator[tuple[Path, str]]:
    """The bytes in a file of their own, for readers, whose processes open nothing but files; and what it was called.

    query: bytes, or an open binary file, which is read from its beginning where it can be wound back. Raises UsageError
    (neither, opened as text, empty).
    """
    content = _content(query)
    with Scratch("query") as scratch:
        place = scratch.folder / "query"
        place.write_bytes(content)
        yield place, _name(query)


def _content(query: Any) -> bytes:
    if isinstance(query, bytes | bytearray | memoryview):
        content: Any = bytes(query)
    elif callable(getattr(query, "read", None)):
        if query.seekable():
            query.seek(0)
        content = query.read()
    else:
        raise UsageError(f"a query is a file, its bytes, an open file or a NumPy array; got {type(query).__name__}")
    if isinstance(content, str):
        raise UsageError("the query is a file that was opened as text; open it in binary mode: open(path, 'rb')")
    if not content:
        raise UsageError("the query has no bytes; a file that cannot be read twice may have been read already")
    return bytes(content)


def _name(query: Any) -> str:
    name = getattr(query, "name", "")
    return file_name(name) if isinstance(name, str) and name else _UNNAMED
