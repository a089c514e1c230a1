"""Pictures of another part of the body than is recorded: by what neighbours record, and by lying far from all others.

Where a gallery holds several parts, the nearest records of other patients contradict what is recorded
(``audited_field``). A picture of a part that the gallery does not hold has no such neighbours: it lies far from the
nearest tenth of those with which it is recorded, a tenth so that a few of its kind cannot vouch for one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike.asking.candidates import open_rows
from lookalike.evaluation.metadata_report import AuditedField, audited_field
from lookalike.evaluation.metadata_votes import Neighbourhood
from lookalike.evaluation.orientation import spread_of
from lookalike.evaluation.recorded_fields import LABEL, recorded_values
from lookalike.metrics import Floats
from lookalike.types import Record, Vectors
from lookalike.voting import mean_cosine, nearest_rows

VOTERS: Final = 15
FARTHEST: Final = 4.5  # standard deviations of the logarithm of the distance, above the median
_FEWEST: Final = 10  # records of a part, to be compared among themselves
_NEAREST: Final = 0.1  # of them
_LEAST: Final = 5  # but so many
_NAMES: Final = ("bodypartexamined", "bodypart", "bodyregion")


@dataclass(frozen=True, slots=True)
class AnotherPart:
    """A record whose picture seems to be of another part. suggested: which, "" where it is like none here. value,
    threshold: by how much its neighbours' vote leads; or its distance, in standard deviations above the median.
    """

    row: int
    recorded: str
    suggested: str
    value: float
    threshold: float


def part_field(records: Sequence[Record]) -> str:
    """The field in which records name the part of the body, or the labels."""
    names = dict.fromkeys(name for record in records for name in record.attributes)
    squeezed = {"".join(filter(str.isalnum, name)).lower(): name for name in names}
    return next((squeezed[name] for name in _NAMES if name in squeezed), LABEL)


def of_another_part(
    records: Sequence[Record], vectors: Vectors, field: str, seed: int
) -> tuple[AuditedField, list[AnotherPart]]:
    """What is known of the field, and the records whose pictures do not fit to what it says. vectors: (n, dim).

    Raises UsageError: no record has the field.
    """
    patients = [record.patient for record in records]
    written = recorded_values(records, field).values
    told, suspects, _ = audited_field(field, records, Neighbourhood(vectors, patients, VOTERS), seed)
    rows = {record.id: row for row, record in enumerate(records)}
    found = {
        rows[each.id]: AnotherPart(
            rows[each.id], each.recorded, each.suggested, each.share - each.recorded_share, told.threshold or 0.0
        )
        for each in suspects
    }
    for group in _groups(written, apart=told.threshold is not None):
        for row, far in zip(group, _farness(vectors[group], [patients[row] for row in group]), strict=True):
            if far >= FARTHEST and row not in found:
                found[row] = AnotherPart(row, written[row], "", round(far, 4), FARTHEST)
    return told, [found[row] for row in sorted(found)]


def _groups(written: Sequence[str], *, apart: bool) -> Iterator[list[int]]:
    """The rows that are compared with one another: those of one value where pictures tell the values apart."""
    rest: list[int] = []
    for value in sorted(set(written)):
        rows = [row for row, each in enumerate(written) if each == value]
        if apart and value and len(rows) >= _FEWEST:
            yield rows
        else:
            rest += rows
    if len(rest) >= _FEWEST:
        yield rest


def _farness(vectors: Vectors, patients: Sequence[str]) -> list[float]:
    """How far each of some records (n, dim) lies from the nearest of the others, in robust standard deviations."""
    opened, asking = open_rows(patients), [(patient,) for patient in patients]
    nearest = max(_LEAST, round(_NEAREST * len(patients)))
    cosines = nearest_rows(vectors, vectors, nearest, allowed=lambda block: opened(asking[block]))[1]
    logs: Floats = np.log(np.maximum(1 - mean_cosine(cosines), 1e-6))
    known = np.isfinite(logs)
    if not known.any():
        return [0.0] * len(logs)
    middle, spread = float(np.median(logs[known])), max(spread_of(logs[known]), 1e-6)
    return [float(each) for each in np.where(known, (logs - middle) / spread, 0.0)]
