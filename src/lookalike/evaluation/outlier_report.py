"""What an audit of outliers says: a row a record or study, farthest first, and how well distances tell known ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lookalike.columns import paragraphs
from lookalike.evaluation.tables import render

OutlierUnit: TypeAlias = Literal["record", "study"]


@dataclass(frozen=True, slots=True)
class Outlier:
    """distance: 0 to 2. percentile: the percentage of the reference that is nearer to the rest of it. Of a study id,
    source and labels are those of its farthest record, distance is the mean of its records'; study: its pseudonym, or
    that record's id where none is known; records: how many were compared.
    """

    id: str
    source: str
    labels: tuple[str, ...]
    distance: float
    percentile: float
    study: str = ""
    records: int = 1


@dataclass(frozen=True, slots=True)
class KnownOutliers:
    """Of what was compared, records or studies, those that are known to be outliers: how many are, how many are not.
    auc: how often one that is lies farther than one that is not; interval: its 95 % interval, patients drawn at
    random, None with fewer than ten patients, of whom it would say too little.
    """

    outliers: int
    others: int
    auc: float | None
    interval: tuple[float, float] | None

    def sentence(self, unit: OutlierUnit) -> str:
        """What it says, for people."""
        counts = f"Known outliers: {self.outliers} of the compared {_PLURAL[unit]}, {self.others} not"
        if self.auc is None:
            return f"{counts}; no curve without both."
        between = "too few patients for an interval"
        if self.interval is not None:
            between = f"95 % {self.interval[0]:.3f} to {self.interval[1]:.3f}, patients drawn at random"
        return (
            f"{counts}; one of the first lies farther than one of the others in {self.auc:.3f} of the pairs (area "
            f"under the ROC curve; {between})."
        )


_PLURAL: dict[OutlierUnit, str] = {"record": "records", "study": "studies"}


@dataclass(frozen=True, slots=True)
class OutlierAudit:
    """reference: how many records it has. records: how many others were compared. limit: the distance that 95 % of the
    reference records stay below; beyond: how many others lie above it, by_chance: how many would if they were like the
    reference. auc: how often one of the others is farther than one of the reference. outliers: the farthest first.
    known: how well distances tell those that are known to be outliers, None if none were named. per: "study" where all
    of these count studies instead of records.
    """

    reference: int
    records: int
    limit: float | None
    beyond: int
    by_chance: float
    auc: float | None
    outliers: tuple[Outlier, ...]
    notes: tuple[str, ...]
    known: KnownOutliers | None = None
    per: OutlierUnit = "record"

    def __str__(self) -> str:
        of_studies = self.per == "study"
        rows = [["distance", "percentile", "labels", *(["study", "records"] * of_studies), "record", "source"]]
        for each in self.outliers:
            whole = [each.study, str(each.records)] * of_studies
            told = [f"{each.distance:.3f}", f"{each.percentile:.1f}", "|".join(each.labels)]
            rows.append([*told, *whole, each.id, each.source])
        return render("Farthest from the reference", rows, "text") + "\n" + paragraphs(self.notes)
