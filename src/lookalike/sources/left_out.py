"""Leave out of a source what a filter on the files' own headers does not take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from lookalike.errors import UsageError
from lookalike.filters import Filter, fields, matches
from lookalike.plugins import suggestion
from lookalike.readers.events import Finished, Frame
from lookalike.readers.kept import KEPT
from lookalike.types import SetApart

LEFT_OUT: Final = "left out by --where-source"
"""The kind of a file that a filter leaves out."""

_BESIDES: Final = ("source", "kind")

Read = TypeVar("Read")


def check_source_filter(tree: Filter) -> None:
    """Raise UsageError if a filter names what is not known while a source is read."""
    known = [*KEPT, *_BESIDES]
    for name in sorted(fields(tree) - {*known}):
        raise UsageError(
            f"a filter on a source asks for what a file's header says, its path (source) or its kind (picture, "
            f"volume), got {name!r}.{suggestion(name, known)}"
        )


def leave_out(events: Iterable[Read], tree: Filter | None) -> Iterator[Read | SetApart]:
    """The events without the frames of files and volumes that do not satisfy the filter: those are set apart."""
    left_out: set[str] = set()
    taken: set[str] = set()
    for event in events:
        if tree is not None and isinstance(event, Frame):
            (taken if matches(tree, _fields_of(event)) else left_out).add(event.source)
            if event.source not in taken:
                continue
        if isinstance(event, Finished) and event.source in left_out - taken:
            yield SetApart(event.source, LEFT_OUT)
        else:
            yield event


def _fields_of(frame: Frame) -> dict[str, list[str]]:
    found = {name: [str(value)] for name, value in frame.attributes.items()}
    return {**found, "source": [frame.source], "kind": ["volume" if frame.depth > 1 else "picture"]}
