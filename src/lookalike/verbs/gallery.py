"""gallery: what a gallery holds and can do, and its spaces."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from lookalike.asking.background import space_background
from lookalike.encoders import PatchEncoder
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.sources.item_labels import NamedSource
from lookalike.sources.stored_items import is_there
from lookalike.store.browse import count_refused, field_kinds, label_counts
from lookalike.store.edit import move_sources, remove_space
from lookalike.store.patches import kept
from lookalike.text import absolute
from lookalike.types import BASE

_NAMED: Final = 3  # sources that are not at their new place


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """text, patches: whether it encodes text, and gives a vector for each patch. trained_on: names of collections."""

    name: str
    dim: int
    text: bool
    note: str
    patches: bool
    trained_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """A space: the encoder's own vectors, or those vectors projected by an adapter."""

    name: str
    kind: Literal["base", "adapter"]


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """An attribute that a filter can name."""

    name: str
    kind: Literal["text", "number"]


@dataclass(frozen=True)
class GalleryInfo:
    """records, refused: how many. spaces: the base space first. labels: the most frequent first. volumes: whether
    there are any. patches: whether regions can be searched.
    """

    name: str
    records: int
    refused: int
    encoder: EncoderInfo
    spaces: tuple[SpaceInfo, ...]
    fields: tuple[FieldInfo, ...]
    labels: tuple[str, ...]
    volumes: bool
    patches: bool


def gallery_info(gallery: Gallery) -> GalleryInfo:
    """The gallery, its encoder, and what they can do."""
    spec, store = gallery.spec, gallery.store
    patches = isinstance(gallery.encoder, PatchEncoder)
    return GalleryInfo(
        gallery.folder.name,
        store.count(),
        count_refused(store),
        EncoderInfo(spec.name, spec.dim, spec.text, spec.note, patches, tuple(sorted(spec.trained_on))),
        list_spaces(gallery),
        tuple(FieldInfo(name, kind) for name, kind in field_kinds(store).items()),
        tuple(name for name, _ in label_counts(store)),
        gallery.holds_volumes(),
        kept(store),
    )


def count_records(gallery: Gallery) -> int:
    """How many records there are."""
    return gallery.store.count()


def list_spaces(gallery: Gallery) -> tuple[SpaceInfo, ...]:
    """The encoder's own space first, then the adapted ones by name."""
    rows = sorted(gallery.store.spaces().values(), key=lambda row: (row.adapter is not None, row.name))
    return tuple(SpaceInfo(row.name, "base" if row.adapter is None else "adapter") for row in rows)


def drop_space(gallery: Gallery, name: str) -> None:
    """Remove an adapted space with its adapter and index. Raises NotFoundError, UsageError for the base space."""
    if gallery.space(name).adapter is None or name == BASE:
        raise UsageError(f"{name!r} is the encoder's own space and stays; only adapted spaces can be removed")
    with gallery.writing():
        remove_space(gallery.store, name)
        for folder in ("adapters", "indexes", "maps"):
            for file in (gallery.folder / folder).glob(f"{name}.*"):
                with suppress(OSError):
                    file.unlink()


@dataclass(frozen=True, slots=True)
class RelocateResult:
    """relocated: how many sources have their new place. missing: how many stay, since nothing is at the new place; the
    first three of them.
    """

    relocated: int
    missing: int
    first_missing: tuple[NamedSource, ...]


def relocate(gallery: Gallery, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> RelocateResult:
    """Tell a gallery that the files at and below ``old`` lie at ``new`` now: of every record from there the source is
    changed if something is at its new place. Nothing is read or encoded.

    Raises UsageError where no record is from there, GalleryError (another process is writing).
    """
    before, after = str(absolute(old)), str(absolute(new))
    with gallery.writing():
        moved, left = move_sources(gallery.store, before, lambda source: _new_place(source, before, after))
    if not moved and not left:
        raise UsageError(f"no record is from {before}; lookalike doctor --gallery G names sources that are missing")
    return RelocateResult(moved, len(left), tuple(map(NamedSource, left[:_NAMED])))


def _new_place(source: str, old: str, new: str) -> str | None:
    place = new + source[len(old) :]
    return place if is_there(place) else None


def warm(gallery: Gallery) -> None:
    """Load what the first of many queries would wait for, and keep the records in memory from now on."""
    gallery.store.hold()
    gallery.index()
    space_background(gallery, BASE)
    _ = gallery.encoder
