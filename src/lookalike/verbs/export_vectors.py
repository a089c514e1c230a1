"""export_vectors: a gallery's vectors as one file for other programs, with labels, split and pseudonyms."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.asking.candidates import candidates
from lookalike.errors import UsageError
from lookalike.exporting.names import export_key, exported_columns, exported_name
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.progress import Progress, followed_by, tracked
from lookalike.sources.vector_files.layout import MADE_BY
from lookalike.sources.vector_files.told import SLICE, SLICES, SPLIT
from lookalike.sources.vector_files.writing import VECTOR_WRITERS, ToldRows, VectorTable
from lookalike.store.browse import field_kinds
from lookalike.text import absolute
from lookalike.types import BASE, Record, Vectors

_TOGETHER: Final = 2000  # records


@dataclass(frozen=True, slots=True)
class VectorsExported:
    """file: where they are. records, vectors: how many; dim: numbers of each. patients: how many different ones, by
    their pseudonyms. columns: what is told of each vector. without: records that have no vector of the encoder.
    """

    file: str
    records: int
    vectors: int
    dim: int
    patients: int
    columns: tuple[str, ...]
    without: int
    notes: tuple[str, ...]


def export_vectors(
    gallery: Gallery,
    to: str | os.PathLike[str],
    *,
    where: str | Filter | None = None,
    space: str = BASE,
    characteristics: bool = False,
    columns: Sequence[str] = (),
    progress: Progress | None = None,
) -> VectorsExported:
    """Write the vectors that a filter allows into a new file, .parquet, .h5, .npz or .csv: a row for each picture, or
    slice of a volume. Beside each: ``id`` (of the record), ``label`` (several with ``|`` between), ``patient_id`` (the
    pseudonym of every export of this gallery), the split where there is one, ``slice`` and ``slices`` in a gallery of
    volumes, and the attributes of known values. The file says which encoder made the vectors, and is read back by
    ``index("vectors:FILE")``. No source, no report.

    space: ``base``, or an adapter whose vectors are wanted. characteristics: sex and age go too. columns: further
    attributes, as they stand. progress: called with how many blocks of records are done, of how many.

    Raises UsageError (another ending, a file that is there, a filter, no such column), MissingExtraError, NotFoundError
    (no such space), GalleryError (the gallery's secret key is not here), DamagedFileError.
    """
    place = absolute(to)
    if place.suffix.lower() not in VECTOR_WRITERS:
        raise UsageError(f"vectors are written to {', '.join(VECTOR_WRITERS)}; got {place.name}")
    if place.exists() or not place.parent.is_dir():
        raise UsageError(f"{place} {'is there already' if place.exists() else 'has no folder'}; name a new file")
    gallery.space(space)
    key, names = export_key(gallery), exported_columns(gallery, columns, characteristics)
    told = _Told(gallery, key, [*([SPLIT] if gallery.store.has_field(SPLIT) else []), *names])
    dim = gallery.project(np.ones((1, gallery.spec.dim), np.float32), space).shape[1]
    table = VectorTable(told.kinds, dim, MADE_BY, json.dumps(_made_by(gallery, space)))
    with followed_by(progress), VECTOR_WRITERS[place.suffix.lower()](place, table) as out:
        for block in tracked(_blocks(gallery, where)):
            for cells, vectors in told.rows(block):
                out.write(cells, gallery.project(vectors, space))
        if not told.vectors:
            raise UsageError("the filter leaves no vector to export")
    return told.result(place, dim)


def _made_by(gallery: Gallery, space: str) -> dict[str, str]:
    """The encoder's identity; an adapter's vectors have a name of their own, so that no gallery mixes them."""
    spec = gallery.spec
    return {**spec.identity} if space == BASE else {**spec.identity, "name": f"{spec.name}/{space}"}


def _blocks(gallery: Gallery, where: str | Filter | None) -> list[list[int]]:
    keys = (
        candidates(gallery, where=where).records(gallery, np.array(sorted(gallery.store.records()), np.int64)).tolist()
    )
    return [keys[start : start + _TOGETHER] for start in range(0, len(keys), _TOGETHER)]


@dataclass
class _Told:
    """What is told of each vector, and how many there were."""

    gallery: Gallery
    key: bytes = field(repr=False)
    names: Sequence[str]
    records: int = 0
    vectors: int = 0
    without: int = 0
    patients: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.names = list(dict.fromkeys(self.names))
        self.volumes = self.gallery.holds_volumes()
        there = field_kinds(self.gallery.store)
        self.kinds: dict[str, type] = {"id": str, "label": str, "patient_id": str}
        self.kinds |= {SLICE: int, SLICES: int} if self.volumes else {}
        self.kinds |= {name: float if there.get(name) == "number" else str for name in self.names}

    def rows(self, keys: Sequence[int]) -> Iterator[tuple[ToldRows, Vectors]]:
        """The cells and vectors of some records."""
        records = self.gallery.store.records(keys)
        found = self.gallery.store.slices_of_each(keys)
        for key, (views, vectors) in found.items():
            yield self._cells(records[key], views), vectors
            self.records, self.vectors = self.records + 1, self.vectors + len(vectors)
        self.without += len(records.keys() - found.keys())

    def _cells(self, record: Record, views: Sequence[int]) -> ToldRows:
        patient = exported_name(self.key, "patient", record.patient)
        self.patients.add(patient)
        same: Mapping[str, object] = {
            "id": record.id,
            "label": "|".join(record.labels),
            "patient_id": patient,
            **({SLICES: record.depth} if self.volumes else {}),
            **{name: record.attributes.get(name) for name in self.names},
        }
        return [{**same, **({SLICE: view} if self.volumes else {})} for view in views]

    def result(self, place: Path, dim: int) -> VectorsExported:
        notes = ["labels and columns that were asked for are written as they stand in the gallery"]
        if self.without:
            notes.append(f"{self.without} records have no vector of this encoder, and are not in the file")
        return VectorsExported(
            str(place), self.records, self.vectors, dim, len(self.patients),
            tuple(self.kinds), self.without, tuple(notes),
        )  # fmt: skip
