"""What the records of a map say, to colour it by: a field, or how wrong a space is; and the names of its groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.samples import whole_patients
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.errors import NotFoundError, UsageError
from lookalike.evaluation.label_order import label_error
from lookalike.evaluation.labelled import records_of
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.mapping.columns import MapColumn, number_column, text_column, values_by_row
from lookalike.mapping.groups import Borne, Trait, by_words, in_bands, traits_of
from lookalike.mapping.kept import UNGROUPED, MapDrawing
from lookalike.mapping.layout import Method
from lookalike.plugins import suggestion
from lookalike.store import BASE
from lookalike.store.browse import field_kinds
from lookalike.store.value_columns import ValueColumn
from lookalike.text import quoted
from lookalike.types import Keys
from lookalike.verbs.map import kept_drawing, map_gallery

MOST_COMPARED: Final = 30_000  # labelled records that are compared with each other for their errors
_LABEL: Final = "label"
_PATIENT: Final = "patient"
_OURS: Final = frozenset(["frame", "split", "uncertain", "slices"])  # they say nothing of what is seen


@dataclass(frozen=True, slots=True)
class MapGroup:
    """Records that lie together. number: from 0, the largest first. x, y: its middle. records, patients: how many.
    name: what stands out most, "" where nothing does. traits: what does, with the figures.
    """

    number: int
    x: float
    y: float
    records: int
    patients: int
    name: str
    traits: tuple[Trait, ...]


@dataclass(frozen=True, slots=True, repr=False)
class MapGroups(ListResult[MapGroup]):
    """items: the groups of a map, the largest first. ungrouped: how many records are of none."""

    method: str
    space: str
    items: tuple[MapGroup, ...]
    ungrouped: int


@of_one_encoder
def map_groups(gallery: Gallery, *, method: Method = "umap", space: str = BASE, seed: int = 0) -> MapGroups:
    """The groups that show on the map of a space, each named by what stands out in it; the map is drawn if need be.

    A group is named by a label, a value of a field, or a word of its texts that at least half of its patients have,
    that much fewer elsewhere do, and that is not there by chance: on labels without meaning one map in a hundred has
    a name. Patients are counted, each once. Names are as the records are now.

    Raises as ``map_gallery``.
    """
    drawn = kept_drawing(gallery, method=method, space=space, seed=seed)
    if drawn is None:
        map_gallery(gallery, method=method, space=space, seed=seed)
        drawn = kept_drawing(gallery, method=method, space=space, seed=seed)
    if drawn is None:
        raise UsageError("groups are told of a map that is kept, and this gallery cannot be written to")
    patients = _numbered_patients(gallery, drawn.keys)
    traits = traits_of(drawn.groups, patients, list(_said(gallery, drawn.keys)))
    items = tuple(_group(drawn, patients, number, each) for number, each in enumerate(traits))
    return MapGroups(method, space, items, int((drawn.groups == UNGROUPED).sum()))


def _group(drawn: MapDrawing, patients: NDArray[np.int64], number: int, traits: tuple[Trait, ...]) -> MapGroup:
    rows = np.flatnonzero(drawn.groups == number)
    x, y = np.median(drawn.plane[rows], axis=0).astype(float).round(6).tolist()
    return MapGroup(number, x, y, len(rows), len(np.unique(patients[rows])), traits[0].name if traits else "", traits)


def map_column(gallery: Gallery, drawn: MapDrawing, field: str = _LABEL) -> MapColumn:
    """What the records of a map say in a field, as "label", or as "patient". Raises UsageError: no record has it."""
    if field not in (_LABEL, _PATIENT) and not gallery.store.has_field(field):
        raise UsageError(f"no record has a field {quoted(field)!r}.{suggestion(field, gallery.store.field_names())}")
    column = _column(gallery, field)
    values = values_by_row(column, drawn.keys)
    if field in (_LABEL, _PATIENT) or field_kinds(gallery.store).get(field) != "number":
        return text_column(values, column.values.texts)
    numbers = np.append(column.values.numbers, np.nan)
    return number_column(numbers[values])


def map_errors(
    gallery: Gallery, drawn: MapDrawing, space: str = BASE, *, most: int = MOST_COMPARED, seed: int = 0
) -> MapColumn:
    """How wrong a space is about each record of a map, 0 to 1: the share of the vote of its nearest records of other
    patients that does not go to its label. Of more labelled records than ``most`` about so many are compared with each
    other, those of patients drawn at random by the seed; of the others nothing is told. Raises UsageError: no such
    vote.
    """
    labelled = values_by_row(_column(gallery, _LABEL), drawn.keys) >= 0
    rows = np.flatnonzero(labelled)
    compared = rows[whole_patients(_numbered_patients(gallery, drawn.keys[rows]), most, seed)] if len(rows) else rows
    data = records_of(gallery, drawn.keys[compared])
    error = label_error(replace(data, vectors=gallery.project(data.vectors, space))) if data.ids else np.empty(0)
    if not np.isfinite(error).any():
        raise UsageError("an error is told where records of two patients and two labels are there")
    by_id = dict(zip(data.ids, error.tolist(), strict=True))
    column = number_column(np.array([by_id.get(identity, np.nan) for identity in drawn.ids]), 0.0, 1.0)
    return column if len(compared) == len(rows) else replace(column, sampled=len(compared))


def kept_or_refused(gallery: Gallery, method: Method, space: str) -> MapDrawing:
    """The map as it is kept. Raises NotFoundError where it has not been drawn since the records changed."""
    drawn = kept_drawing(gallery, method=method, space=space)
    if drawn is None:
        raise NotFoundError("this map has not been drawn since the records changed: POST /map", "not-made")
    return drawn


def _column(gallery: Gallery, field: str) -> ValueColumn:
    column = gallery.store.column(field)
    if column is None:
        raise UsageError(
            "the fields of so many records are not held in memory, which a map needs: map fewer by --where"
        )
    return column


def _numbered_patients(gallery: Gallery, keys: Keys) -> NDArray[np.int64]:
    values = values_by_row(_column(gallery, _PATIENT), keys)
    return np.asarray(np.unique(values, return_inverse=True)[1], np.int64)


def _said(gallery: Gallery, keys: Keys) -> Iterator[Borne]:
    """What the records of a map say in every field, in groups of which something may stand out."""
    same = {column for columns in gallery.store.same_fields().values() for column in columns}
    kinds = {name: kind for name, kind in field_kinds(gallery.store).items() if name not in _OURS | same}
    for field, kind in {_LABEL: "text", **kinds}.items():
        column = _column(gallery, field)
        row_of = np.full(int(max(column.records.max(initial=0), keys.max(initial=0))) + 1, -1, np.int64)
        row_of[keys] = np.arange(len(keys))
        rows = row_of[column.records]
        there = rows >= 0
        rows, codes = rows[there], column.codes[there].astype(np.int64)
        if not len(rows):
            continue
        if kind == "number":
            yield in_bands(field, rows, column.values.numbers[codes])
        else:
            each = Borne(field, rows, codes, column.values.texts)
            yield each if field == _LABEL else by_words(each)
