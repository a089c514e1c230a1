"""Which label is taken for which, and the queries of each cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.errors import UsageError
from lookalike.evaluation.experiment import Experiment, Measured
from lookalike.evaluation.tables import TableRows
from lookalike.plugins import suggestion
from lookalike.voting import RowNumbers

_OF_A_CELL: Final = 20  # queries listed of each cell
_LISTED: Final = 1000  # queries listed in all


@dataclass(frozen=True, slots=True)
class NearRecord:
    """A record that may answer a query, and what it bears."""

    id: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnsweredQuery:
    """A query, the label that it bears, and the one that was answered. neighbours: the nearest of the records that may
    answer, best first.
    """

    id: str
    label: str
    answer: str
    neighbours: tuple[NearRecord, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """counts: rows the label of a query, columns the answer, in the order of classes. queries: of each cell the first
    ones, at most twenty, and a thousand in all; fewer where records have been erased since.
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    queries: tuple[AnsweredQuery, ...]

    def cell(self, label: str, answer: str) -> tuple[AnsweredQuery, ...]:
        """The queries that are listed of those that bear one label and were taken for another. Raises UsageError for a
        label that there is not.
        """
        for name in (label, answer):
            if name not in self.classes:
                raise UsageError(f"no query or answer is of the label {name!r}.{suggestion(name, self.classes)}")
        return tuple(each for each in self.queries if (each.label, each.answer) == (label, answer))

    def table(self) -> TableRows:
        """Its counts, with the labels before the rows and above the columns."""
        head = ["bears \\ taken for", *self.classes]
        return [head, *([name, *map(str, row)] for name, row in zip(self.classes, self.counts, strict=True))]


def cell_table(queries: Sequence[AnsweredQuery]) -> TableRows:
    """Queries, a row each, with their neighbours."""
    return [
        ["query", "bears", "taken for", "nearest"],
        *(
            [each.id, each.label, each.answer, ", ".join(f"{n.id} ({'|'.join(n.labels)})" for n in each.neighbours)]
            for each in queries
        ),
    ]


def confusion_of(queries: Sequence[AnsweredQuery]) -> Confusion:
    """The matrix of answered queries, and some of each cell."""
    cells = Counter((each.label, each.answer) for each in queries)
    classes = tuple(sorted({name for cell in cells for name in cell}))
    counts = tuple(tuple(cells[label, answer] for answer in classes) for label in classes)
    return Confusion(classes, counts, some_of_each_cell(queries))


def some_of_each_cell(queries: Sequence[AnsweredQuery]) -> tuple[AnsweredQuery, ...]:
    """At most so many of each cell and in all: no cell has a second one before every cell has its first, errors first.
    In the order of the queries.
    """
    seen: Counter[tuple[str, str]] = Counter()
    ranked = []
    for row, each in enumerate(queries):
        cell = (each.label, each.answer)
        if seen[cell] < _OF_A_CELL:
            ranked.append((seen[cell], each.label == each.answer, row))
        seen[cell] += 1
    return tuple(queries[row] for *_, row in sorted(sorted(ranked)[:_LISTED], key=lambda each: each[-1]))


def nearest_confusion(experiment: Experiment, measured: Measured, space: str) -> Confusion | None:
    """What the nearest record bears as the answer of each query, so that the share on the diagonal, of the queries that
    can be scored, is micro P@1. None where a record bears several labels. Queries that no record may answer are left
    out.
    """
    sides = [side.labels for each in experiment.rounds for side in (each.queries.data, each.among)]
    if any(len(labels) != 1 for side in sides for labels in side):
        return None
    ids = [identity for each in experiment.rounds for identity in each.among.ids]
    labels = [borne for each in experiment.rounds for borne in each.among.labels]
    asked = [borne[0] for each in experiment.rounds for borne in each.queries.data.labels]
    nearest = near_records(ids, labels, measured.nearest[space])
    found = [
        AnsweredQuery(identity, label, near[0].labels[0], near)
        for identity, label, near in zip(measured.askers.ids, asked, nearest, strict=True)
        if near
    ]
    return confusion_of(found) if found else None


def near_records(
    ids: Sequence[str], labels: Sequence[tuple[str, ...]], order: RowNumbers
) -> list[tuple[NearRecord, ...]]:
    """The records of each row of an order; -1 pads."""
    return [tuple(NearRecord(ids[i], labels[i]) for i in row if i >= 0) for row in order]
