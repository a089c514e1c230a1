"""Ranked records, and the signature that all rankers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from lookalike.asking.candidates import Candidates
from lookalike.asking.query import Query
from lookalike.gallery import Gallery
from lookalike.hits import Match, Placed, Region, StudyMatch
from lookalike.store.database import damaged
from lookalike.types import Record

_TOGETHER: Final = 64  # records read at once


@dataclass(frozen=True, slots=True)
class Ranked:
    """A record and its score. match: the matching slices of a volume; region: the place that matches a region; placed:
    where each of several rankings that are fused has it; study: that it stands for.
    """

    record: Record
    score: float
    match: Match | None = None
    region: Region | None = None
    placed: tuple[Placed, ...] = ()
    study: StudyMatch | None = None


Ranker: TypeAlias = Callable[[Gallery, Query, Candidates, int], list[Ranked]]
"""(gallery, query, who may answer, k) -> the k best of them, best first; vectors are compared in ``query.space``.

Fewer come back only if fewer may answer: a record that is removed meanwhile is skipped."""


def records_there(gallery: Gallery, keys: Sequence[int]) -> Iterator[Record]:
    """Records in the order of the keys, read a few at a time, without those that have been removed meanwhile."""
    for start in range(0, len(keys), _TOGETHER):
        some = keys[start : start + _TOGETHER]
        records = gallery.store.records(some)
        yield from (records[key] for key in some if key in records)


def check_removed(gallery: Gallery, version: int) -> None:
    """Check that a key which the index has and the store lacks is of a record removed since a space was at this
    version. Raises DamagedFileError if the vectors have not changed until this moment: then the row is lost. A record
    leaves a part of a gallery by another label as well.
    """
    if gallery.store.version() == version and not gallery.part:
        raise damaged()
