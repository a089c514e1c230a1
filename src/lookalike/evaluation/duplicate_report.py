"""The report of the audit for near-duplicates: a row a pair, and what they mean in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from lookalike.evaluation.near_duplicates import DuplicateKind, NearDuplicate, kinds_in_words
from lookalike.evaluation.tables import Format, Tabled, as_json, render
from lookalike.types import Record

_SHOWN: Final = 200  # rows of the printed table
_PATIENT: Final = {True: "same", False: "another", None: "not known"}


@dataclass(frozen=True, slots=True)
class DuplicateRecord:
    """A record of a pair."""

    id: str
    source: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two records that are copies of one picture. kind: what the one is of the other: "same-bytes" (shown, they are the
    same byte for byte), "re-encoded" (compressed, resized, brighter, noisy), "framed" (with another margin),
    "cropped", "mirrored", "rotated". score: the correlation of their details after registration, at least 0.99.
    same_patient: None where the patient of either is not known.
    """

    kind: DuplicateKind
    score: float
    same_patient: bool | None
    first: DuplicateRecord
    second: DuplicateRecord


@dataclass(frozen=True, slots=True)
class DuplicateAudit(Tabled):
    """compared: the records that have a picture to compare, of all ``records``. kinds: pairs by kind. pairs: those of
    other patients first, then those of unknown ones, each kind by score.
    """

    records: int
    compared: int
    kinds: dict[str, int]
    pairs: tuple[DuplicatePair, ...]
    warnings: tuple[str, ...]

    def tables(self, form: Format = "text") -> str:
        """A row a pair, the first 200. "json": every field of the result."""
        if form == "json":
            return as_json(self)
        title = f"Near-duplicates: {len(self.pairs)} pairs among {self.compared} records"
        return render(title, [_HEAD, *map(_row, self.pairs[:_SHOWN])], form)

    def __str__(self) -> str:
        return "\n".join([*([self.tables()] if self.pairs else []), *self.warnings])


_HEAD: Final = ("kind", "score", "patient", "first", "second", "ids")


def _row(pair: DuplicatePair) -> Sequence[str]:
    names = [PurePath(each.source).name for each in (pair.first, pair.second)]
    ids = f"{pair.first.id} {pair.second.id}"
    return [pair.kind, f"{pair.score:.3f}", _PATIENT[pair.same_patient], *names, ids]


def duplicate_audit(records: dict[str, Record], compared: int, found: Sequence[NearDuplicate]) -> DuplicateAudit:
    """The audit of the pairs that were found. records: by their ids."""
    order = {False: 0, None: 1, True: 2}
    ranked = sorted(found, key=lambda each: (order[each.same_patient], each.kind, -each.score, each.first, each.second))
    pairs = tuple(
        DuplicatePair(
            each.kind, each.score, each.same_patient, _record(records[each.first]), _record(records[each.second])
        )
        for each in ranked
    )
    counts = dict(Counter(str(each.kind) for each in ranked).most_common())
    return DuplicateAudit(len(records), compared, counts, pairs, _warnings(pairs, len(records) - compared))


def _record(record: Record) -> DuplicateRecord:
    return DuplicateRecord(record.id, record.source, record.labels)


def _warnings(pairs: Sequence[DuplicatePair], lacking: int) -> tuple[str, ...]:
    sentences = [
        f"{len(these)} pairs {whose} ({kinds_in_words(Counter(each.kind for each in these))}): {what}"
        for same, whose, what in _MEANING
        if (these := [each for each in pairs if each.same_patient is same])
    ]
    if any(pair.first.labels != pair.second.labels for pair in pairs):
        differ = sum(pair.first.labels != pair.second.labels for pair in pairs)
        sentences.append(f"{differ} pairs bear different labels: one of the two is wrong, or says more.")
    if lacking:
        sentences.append(f"{lacking} records have no thumbnail and were not compared.")
    return tuple(sentences or ["No near-duplicates were found."])


_MEANING: Final = (
    (False, "are of different patients", "a score that has both sides counts copies, or a patient has two names."),
    (None, "are of records whose patient is not known", "nothing keeps them on one side of a split."),
    (True, "are of one patient", "they never answer each other."),
)
