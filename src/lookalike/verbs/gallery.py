"""gallery: what a gallery holds and can do, and its spaces."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from lookalike.asking.background import space_background
from lookalike.encoders import PatchEncoder
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.store.browse import count_refused, field_kinds, label_counts
from lookalike.store.edit import remove_space
from lookalike.store.patches import kept
from lookalike.types import BASE


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


def warm(gallery: Gallery) -> None:
    """Load what the first of many queries would wait for, and keep the records in memory from now on."""
    gallery.store.hold()
    gallery.index()
    space_background(gallery, BASE)
    _ = gallery.encoder
