"""A study as a query: one of the gallery, by its pseudonym or a record's id, or the images in folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import patients_of_file
from lookalike.asking.priors import earliest, times_of_file, times_of_records
from lookalike.asking.query import Query
from lookalike.asking.studies import Member, by_kind, every_study, kind_of_series, study_of
from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.readers.events import Frame
from lookalike.slices import pool, slice_weights
from lookalike.sources.reading import list_items, read_items
from lookalike.sources.source import source_of
from lookalike.text import absolute, file_name, quoted
from lookalike.types import Record, Vectors

_ENCODED: Final = 16  # pictures encoded at once


@dataclass
class _Series:
    """One picture or volume of a folder: its first frame, and the vectors of all."""

    first: Frame
    vectors: list[NDArray[np.float32]] = field(default_factory=list)

    def member(self) -> Member:
        shares = slice_weights("uniform", np.zeros(len(self.vectors)))
        attributes = {"plane": self.first.plane, **self.first.attributes}
        return Member(kind_of_series(attributes), pool(np.stack(self.vectors), shares)[0])


def open_study(gallery: Gallery, study: str | os.PathLike[str] | Query) -> Query:
    """The study as a query, with a base vector for each of its ``kinds``. A Query of ``read_study`` is returned as it
    is, or read again where it was made for an encoder that answers no more.

    Raises UsageError: it is neither a record, nor a study, nor a folder with images of one study.
    """
    if isinstance(study, Query):
        now = study.encoder == gallery.identity
        return study if now else replace(read_study(gallery, study.source), name=study.name)
    name = os.fspath(study)
    with suppress(NotFoundError):
        return _of_gallery(gallery, every_study(gallery).names.index(known_study(gallery, name)))
    if not os.path.isdir(absolute(name)):  # noqa: PTH112 - False for any impossible name
        raise UsageError(
            f"no study is called {name!r}: give the id of one of its records, the pseudonym that hits have, or the "
            "folder that holds its files"
        )
    return read_study(gallery, [name])


def known_study(gallery: Gallery, name: str) -> str:
    """The study of the gallery that a pseudonym, or the id of one of its records, names. Raises NotFoundError."""
    record = gallery.store.find(name)
    wanted = study_of(gallery, record) if record is not None else name
    if wanted not in every_study(gallery).names:
        raise NotFoundError(f"no record and no study has the id {quoted(name)!r}; ids stand in every search result")
    return wanted


def _of_gallery(gallery: Gallery, number: int) -> Query:
    every = every_study(gallery)
    records = gallery.store.records(every.records[number])
    keys = [key for key in every.records[number] if key in records]
    if not keys:
        raise NotFoundError("the records of this study have been removed meanwhile")
    members = (Member(kind_of_series(records[key].attributes), every.vectors_of[key]) for key in keys)
    patients = frozenset(record.patient for record in records.values())
    query = _query(every.names[number], by_kind(members), patients, records[keys[0]])
    return replace(query, times=times_of_records(gallery, records.values()))


def read_study(gallery: Gallery, folders: Sequence[str | os.PathLike[str]]) -> Query:
    """What lies in some folders, together, as one study. Raises UsageError: no image does, or images of several."""
    encoder = gallery.identity
    series = list(_read_series(gallery, folders).values())
    if not series:
        raise UsageError(f"no image that can be read lies in {', '.join(str(absolute(folder)) for folder in folders)}")
    if (count := len({each.first.study for each in series} - {""})) > 1:
        raise UsageError(f"these are images of {count} studies; give the folder of one")
    firsts = [each.first for each in series]
    named = [patients_of_file(gallery, each.sha256, each.frame, [each.patient]) for each in firsts]
    times = earliest(times_of_file(gallery, each, known) for each, (_, known) in zip(firsts, named, strict=True))
    patients = frozenset().union(*(groups for groups, _ in named))
    query = _query(file_name(folders[0]), by_kind(each.member() for each in series), patients)
    return replace(query, source=tuple(folders), thumbnail=firsts[0].thumbnail, times=times, encoder=encoder)


def _read_series(gallery: Gallery, folders: Sequence[str | os.PathLike[str]]) -> dict[tuple[str, int], _Series]:
    """What lies in folders, encoded as it is read, by the item and its number in it."""
    found: dict[tuple[str, int], _Series] = {}
    for frames in _batches(gallery, folders):
        vectors = gallery.encoder.encode_inputs(np.stack([frame.input for frame in frames]))
        for frame, vector in zip(frames, vectors, strict=True):
            found.setdefault((frame.source, frame.frame), _Series(frame)).vectors.append(vector)
    return found


def _batches(gallery: Gallery, folders: Sequence[str | os.PathLike[str]]) -> Iterator[list[Frame]]:
    items = list_items([source_of(str(absolute(folder))) for folder in folders], gallery.places.owns).items
    frames = (event for event in read_items(gallery.readers, items) if isinstance(event, Frame))
    while batch := list(islice(frames, _ENCODED if gallery.spec.ndim == 2 else 1)):
        yield batch


def _query(name: str, kinds: Mapping[str, Vectors], patients: frozenset[str], record: Record | None = None) -> Query:
    base = np.concatenate(list(kinds.values()))
    return Query(name, base, base, views=(0,) * len(base), patients=patients, record=record, kinds=tuple(kinds))
