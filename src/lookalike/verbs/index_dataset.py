"""index_dataset: a public collection, laid out as its authors publish it, into a gallery."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike import pixels, slices
from lookalike.errors import REASONS, UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.sources.collections.collection import Dataset, Item, label_row
from lookalike.store import Batch, NewRecord, record_id
from lookalike.types import Image, Refusal
from lookalike.verbs.index import IndexResult, Progress, index

_BATCH: Final = 256  # arrays encoded and stored together, in one transaction
_VOLUMES: Final = 16  # of which each has many slices


def index_dataset(gallery: Gallery, dataset: Dataset, *, progress: Progress | None = None) -> IndexResult:
    """Index every picture of a collection with its labels, patient, split and attributes.

    Files go through ``index``; pictures that are arrays of one file are encoded here, one record a row.
    Either way a run that was cut short is finished by running it again. Raises what ``index`` raises.
    """
    if dataset.items[0].pixels is None:
        return index(gallery, [item.path for item in dataset.items], labels=dataset.table(), progress=progress)
    started = time.monotonic()
    with gallery.writing():
        sha256 = _digest(dataset.items[0])
        known = {record.id for record in gallery.store.records().values()}
        fresh = [item for item in dataset.items if record_id(sha256, item.row) not in known]
        refused = _add(gallery, sha256, fresh, len(dataset.items), progress)
        gallery.store.write(Batch(finished={sha256: str(dataset.items[0].path)}))
        gallery.index()
    return IndexResult(
        added=len(fresh) - len(refused),
        skipped=len(dataset.items) - len(fresh),
        refused=tuple(refused),
        files=1,
        ignored=0,
        unmatched=0,
        records=gallery.store.count(),
        seconds=time.monotonic() - started,
    )


def _digest(item: Item) -> str:
    try:
        with item.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise UsageError(f"{item.path} cannot be read ({REASONS['not-readable']})") from None


def _add(gallery: Gallery, sha256: str, items: Sequence[Item], total: int, progress: Progress | None) -> list[Refusal]:
    refused: list[Refusal] = []
    at_once = _VOLUMES if items and items[0].solid else _BATCH
    for start in range(0, len(items), at_once):
        records = list(_records(gallery, sha256, items[start : start + at_once], refused))
        gallery.store.write(Batch(records=records))
        if progress:
            progress(total - len(items) + min(start + at_once, len(items)), total)
    return refused


def _records(gallery: Gallery, sha256: str, items: Sequence[Item], refused: list[Refusal]) -> Iterator[NewRecord]:
    read: list[tuple[Item, _Views]] = []
    for item in items:
        try:
            read.append((item, _views(gallery, item)))
        except UnreadableImageError as error:
            refused.append(Refusal(f"{item.path}#{item.row}", error.reason))
    if not read:
        return
    vectors = gallery.encoder.encode_inputs(np.concatenate([views.inputs for _, views in read]))
    ends = np.cumsum([len(views.inputs) for _, views in read])
    for (item, views), end in zip(read, ends, strict=True):
        row = label_row(item)
        depth = {"slices": float(views.depth)} if views.depth > 1 else {}
        yield NewRecord(
            source=str(item.path),
            sha256=sha256,
            frame=item.row,
            patient=row.patient,
            labels=row.labels,
            attributes={**(row.attributes or {}), **depth},
            vectors=vectors[end - len(views.inputs) : end],
            views=views.numbers,
            thumbnail=pixels.thumbnail(views.shown),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Views:
    """What is encoded of one item: inputs (n, ...), the number of each as a slice, and what a listing shows."""

    inputs: NDArray[Any]
    numbers: tuple[int, ...]
    depth: int
    shown: PIL.Image.Image


def _views(gallery: Gallery, item: Item) -> _Views:
    """Raises UnreadableImageError."""
    recipe = gallery.spec.preprocessing
    array = np.empty(0) if item.pixels is None else item.pixels
    if not item.solid:
        shown = pixels.picture(pixels.from_array(array), recipe.percentiles)
        return _Views(pixels.model_input(shown, recipe)[None], (0,), 1, shown)
    volume = Image(array[..., None])
    cuts = list(slices.cut(volume, gallery.volume_recipe))
    _, depth, middle = cuts[len(cuts) // 2]
    if recipe.volume is not None:
        return _Views(slices.volume_input(volume, recipe)[None], (0,), 1, middle)
    inputs = np.stack([pixels.model_input(picture, recipe) for _, _, picture in cuts])
    return _Views(inputs, tuple(number for number, _, _ in cuts), depth, middle)
