"""Pictures with their patches: of a file, an array or a record; stored ones first, else made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.masks import Mask
from lookalike.asking.query import read_frames, whose
from lookalike.encoders import PatchEncoder
from lookalike.errors import UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.readers.pool import Frame
from lookalike.store import record_id
from lookalike.store.packed import packed
from lookalike.store.patches import patches_of
from lookalike.types import PatchMap, Record, Vectors

_ASPECT: Final = 0.02  # by how much the shapes of a mask and its picture may differ


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where pictures are taken from: the numbers of the slices, and the record or the frames behind them."""

    name: str
    views: tuple[int, ...]
    patients: set[str]
    thumbnail: bytes
    record: Record | None = None
    frames: tuple[Frame, ...] = ()

    @property
    def depth(self) -> int:
        """How many slices a volume has; 1 for a picture."""
        return self.frames[0].depth if self.record is None else self.record.depth


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture, or one slice of a volume, with its patches. mask: (rows, columns) over it, if one is given."""

    name: str
    slice: int
    patches: PatchMap
    thumbnail: bytes
    source: Source
    mask: NDArray[np.bool_] | None = None


def source_of(gallery: Gallery, query: Any, identity: str | None) -> Source:
    """A file, an array or a record. Raises UsageError, UnreadableImageError, NotFoundError."""
    if (query is None) == (identity is None):
        raise UsageError("give either a query (a file or an array) or the id of a record")
    if identity is not None:
        record = gallery.store.record(identity)
        views, _ = gallery.store.slices_of(record.key)
        return Source(record.id, views, {record.patient}, gallery.store.thumbnail(record.key), record)
    frames = read_frames(gallery, query)
    views = tuple(frame.view for frame in frames)
    middle = frames[len(frames) // 2]
    return Source(middle.source, views, whose(gallery, middle)[0], middle.thumbnail, None, tuple(frames))


def picture_of(
    gallery: Gallery, query: Any, identity: str | None, slice_: int | None, mask: Mask | None = None
) -> Picture:
    """One picture of a source: the slice asked for, else the mask's largest, else the middle one."""
    source = source_of(gallery, query, identity)
    view = chosen_view(source, slice_, mask)
    patches, small = patches_at(gallery, source, view)
    drawn = None if mask is None else mask_at(mask, view, patches)
    return Picture(source.name, view, patches, small, source, drawn)


def chosen_view(source: Source, slice_: int | None, mask: Mask | None) -> int:
    """The slice's number. Raises UsageError if there is no such slice, or the mask marks none that is there."""
    if mask is not None and mask.depth not in (1, source.depth):
        raise UsageError(
            f"the mask has {mask.depth} slices and the query {source.depth}; give a mask of the same volume"
        )
    if slice_ is not None:
        if slice_ in source.views:
            return slice_
        raise UsageError(
            f"there is no slice {slice_}; it has {len(source.views)} from {source.views[0]} to {source.views[-1]} "
            "(blank ones are left out)"
        )
    if mask is not None and mask.depth > 1:
        marked = [view for view in source.views if view in mask.views]
        if not marked:
            raise UsageError("the mask marks no slice of the query that is searched; give the query's own mask")
        return max(marked, key=lambda view: int(mask.views[view].sum()))
    return source.views[len(source.views) // 2]


def mask_at(mask: Mask, view: int, patches: PatchMap) -> NDArray[np.bool_]:
    """The mask over one slice. Raises UsageError if it is empty there, or of another shape than the picture."""
    drawn = mask.views.get(view) if mask.depth > 1 else next(iter(mask.views.values()))
    if drawn is None:
        raise UsageError(f"the mask marks nothing in slice {view}; it marks {_some(sorted(mask.views))}")
    (rows, columns), (high, wide) = mask.shape, patches.shown
    if abs(rows * wide / (columns * high) - 1) > _ASPECT:
        raise UsageError(
            f"the mask is of {rows} x {columns} and the picture of {high} x {wide}; give a mask of the same shape"
        )
    return drawn


def _some(views: list[int]) -> str:
    return f"slices from {views[0]} to {views[-1]}"


def patches_at(gallery: Gallery, source: Source, view: int) -> tuple[PatchMap, bytes]:
    """The patches of one slice, and the small picture that goes with them."""
    if source.record is not None:
        stored = patches_of(gallery.store, source.record.key)
        if view in stored:
            return stored[view], source.thumbnail
    frame = frame_at(gallery, source, view)
    return encoded(gallery, frame), frame.thumbnail


def frame_at(gallery: Gallery, source: Source, view: int) -> Frame:
    """The prepared pixels of one slice; a record's file is read again. Raises UsageError where that is gone."""
    frames = source.frames if source.record is None else frames_of(gallery, source.record)
    return next((one for one in frames if one.view == view), frames[0])


def small_picture(gallery: Gallery, source: Source, view: int) -> bytes:
    """The small JPEG of one slice; b"" where the volume's file can no longer be read."""
    if len(source.views) == 1:
        return source.thumbnail
    try:
        frames = list(source.frames) if source.record is None else frames_of(gallery, source.record)
    except UsageError:
        return b""
    return next((frame.thumbnail for frame in frames if frame.view == view), b"")


def frames_of(gallery: Gallery, record: Record) -> list[Frame]:
    """A record's source, read again. Raises UsageError where it is gone or is another file by now."""
    name = f"{record.source}#{record.frame}" if record.frame else record.source
    try:
        frames = read_frames(gallery, name)
    except (UsageError, UnreadableImageError):
        frames = []
    if not frames or record_id(frames[0].sha256, frames[0].frame) != record.id:
        raise UsageError(
            "the pixels of this record are needed and its file can no longer be read; bring the file back, or run "
            "`lookalike index --patches` on it where no patches are stored"
        )
    return frames


def encoded(gallery: Gallery, frame: Frame) -> PatchMap:
    """The patches of a frame, as they would be stored. Raises UsageError if the encoder gives none."""
    if not isinstance(gallery.encoder, PatchEncoder):
        raise UsageError(
            f"the encoder {gallery.spec.name!r} gives no patch vectors; a gallery made with lite0-inner does"
        )
    inputs = frame.input.astype(np.uint8, copy=False)[None]
    return packed(gallery.encoder.encode_inputs_with_patches(inputs)[1][0], frame.shown)


def vectors_of(gallery: Gallery, source: Source) -> Vectors:
    """The base vectors (views, dim) of every slice."""
    if source.record is not None:
        return gallery.store.vectors_of(source.record.key)
    return gallery.encoder.encode_inputs(np.stack([frame.input for frame in source.frames]))
