"""The patches of a query's pictures: stored ones where the query is a record with patches, else computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from lookalike.asking.query import Query, query_frames
from lookalike.encoders import PatchEncoder
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.readers.events import Frame
from lookalike.store.packed import packed
from lookalike.store.patches import StoredPatches, patches_of, read_patches
from lookalike.types import PatchMap

_TOGETHER: Final = 16  # slices encoded at once


def patches_at(gallery: Gallery, query: Query, view: int) -> tuple[PatchMap, bytes]:
    """The patches of one slice, and its small JPEG; b"" for a record's stored patches."""
    return next(patches_at_each(gallery, query, [view]))


def patches_at_each(gallery: Gallery, query: Query, views: Iterable[int]) -> Iterator[tuple[PatchMap, bytes]]:
    """As ``patches_at``, of several slices, in their order; stored ones are read once."""
    stored = {} if query.record is None else patches_of(gallery.store, query.record.key)
    for view in views:
        if view in stored:
            yield stored[view], query.thumbnail
        else:
            frame = frame_at(gallery, query, view)
            yield encoded(gallery, frame), frame.thumbnail


def all_patches(gallery: Gallery, query: Query) -> Iterator[list[StoredPatches]]:
    """The patches of every slice of a query that is a record, some at a time: stored, or computed from its file."""
    if query.record is None:
        raise UsageError("a hit is a record of the gallery")
    stored = list(read_patches(gallery.store, [query.record.key]))
    if sum(map(len, stored)) == len(query.views):
        yield from stored
        return
    frames = query_frames(gallery, query)
    for start in range(0, len(frames), _TOGETHER):
        some = frames[start : start + _TOGETHER]
        yield [StoredPatches(query.record.key, frame.view, encoded(gallery, frame)) for frame in some]


def frame_at(gallery: Gallery, query: Query, view: int) -> Frame:
    """The prepared pixels of one slice. Raises UsageError where a record's file is gone."""
    frames = query_frames(gallery, query)
    return next((frame for frame in frames if frame.view == view), frames[0])


def small_picture(gallery: Gallery, query: Query, view: int) -> bytes:
    """The small JPEG of one slice; b"" where the volume's file can no longer be read."""
    if len(query.views) == 1:
        return query.thumbnail or (b"" if query.record is None else gallery.store.thumbnail(query.record.key))
    try:
        frames = query_frames(gallery, query)
    except UsageError:
        return b""
    return next((frame.thumbnail for frame in frames if frame.view == view), b"")


def encoded(gallery: Gallery, frame: Frame) -> PatchMap:
    """The patches of a frame, as they would be stored. Raises UsageError if the encoder gives none."""
    if not isinstance(gallery.encoder, PatchEncoder):
        raise UsageError(f"the encoder {gallery.spec.name!r} gives no patch vectors; a gallery made with lite0 does")
    inputs = frame.input.astype(np.uint8, copy=False)[None]
    return packed(gallery.encoder.encode_inputs_with_patches(inputs)[1][0], frame.shown)
