"""index_dataset: a public collection, laid out as its authors publish it, into a gallery."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence

import numpy as np

from lookalike import pixels
from lookalike.datasets.collection import Dataset, Item, label_row
from lookalike.errors import REASONS, UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.store import Batch, NewRecord, record_id
from lookalike.types import Refusal
from lookalike.verbs.index import IndexResult, Progress, index

_BATCH = 256  # arrays encoded and stored together, in one transaction


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
        added=len(fresh) - len(refused), skipped=len(dataset.items) - len(fresh), refused=tuple(refused), files=1,
        ignored=0, unmatched=0, records=gallery.store.count(), seconds=time.monotonic() - started,
    )  # fmt: skip


def _digest(item: Item) -> str:
    try:
        with item.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise UsageError(f"{item.path} cannot be read ({REASONS['not-readable']})") from None


def _add(
    gallery: Gallery, sha256: str, items: Sequence[Item], total: int, progress: Progress | None
) -> list[Refusal]:
    refused: list[Refusal] = []
    for start in range(0, len(items), _BATCH):
        records = list(_records(gallery, sha256, items[start : start + _BATCH], refused))
        gallery.store.write(Batch(records=records))
        if progress:
            progress(total - len(items) + min(start + _BATCH, len(items)), total)
    return refused


def _records(
    gallery: Gallery, sha256: str, items: Sequence[Item], refused: list[Refusal]
) -> Iterator[NewRecord]:
    recipe = gallery.spec.preprocessing
    shown = []
    for item in items:
        try:
            array = np.empty(0) if item.pixels is None else item.pixels
            shown.append((item, pixels.picture(pixels.from_array(array), recipe.percentiles)))
        except UnreadableImageError as error:
            refused.append(Refusal(f"{item.path}#{item.row}", error.reason))
    if not shown:
        return
    inputs = np.stack([pixels.model_input(picture, recipe) for _, picture in shown])
    vectors = gallery.encoder.encode_inputs(inputs)
    for i, (item, picture) in enumerate(shown):
        row = label_row(item)
        yield NewRecord(
            source=str(item.path), sha256=sha256, frame=item.row, patient=row.patient, labels=row.labels,
            attributes=row.attributes or {}, vectors=vectors[i : i + 1], thumbnail=pixels.thumbnail(picture),
        )  # fmt: skip
