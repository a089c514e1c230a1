"""What the protocol ``classifiers`` says of each method, and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lookalike.columns import paragraphs
from lookalike.evaluation.confusion import AnsweredQuery, Confusion
from lookalike.evaluation.scores import Interval
from lookalike.evaluation.tables import Format, Tabled, as_json, cell, render
from lookalike.store import BASE


@dataclass(frozen=True, slots=True)
class LabelScores:
    """One label, on queries that its thresholds have not seen. auc: over the pairs within a fold. sensitivity,
    specificity: at the Youden threshold; with _at_90: at the threshold of 90 % sensitivity. precision, recall, f1: of
    the most probable label as the answer; precision is None where it is never the answer.
    """

    queries: int
    auc: float | None
    sensitivity: float | None
    specificity: float | None
    sensitivity_at_90: float | None
    specificity_at_90: float | None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None


@dataclass(frozen=True, slots=True)
class MethodScores:
    """accuracy: the share of queries whose most probable label is one of theirs; macro_accuracy: its mean over the
    labels. Intervals: 95 %, bootstrap by patient. ece: expected calibration error, of the most probable label, or with
    several labels of every label; ece_chance: what a perfect calibration would show on as many queries; ece_before,
    brier_before: without calibration. abstained: the share of queries too far from their fold's gallery;
    accuracy_answered: of the others. confusion: rows the true label, columns the answer, None with several labels.
    macro_f1: the mean over the labels. adjusted_rand: the agreement of answers and labels as two partitions of the
    queries, 0 by chance (Hubert and Arabie, J. Classif. 2, 1985). set_coverage, with its interval: the share of queries
    whose label is in their set, and set_size: how many labels these hold on average; None if no set was asked for or
    can be given. answered: the queries of each cell of the confusion, as ``Confusion`` lists them; their neighbours by
    the base vectors.
    """

    accuracy: float
    accuracy_interval: Interval
    macro_accuracy: float
    macro_interval: Interval
    macro_auc: float | None
    ece: float
    ece_before: float
    ece_chance: float
    brier: float
    brier_before: float
    abstained: float
    accuracy_answered: float | None
    per_label: dict[str, LabelScores]
    confusion: tuple[tuple[int, ...], ...] | None
    seconds: float
    macro_f1: float | None = None
    adjusted_rand: float | None = None
    set_coverage: float | None = None
    set_interval: Interval = (None, None)
    set_size: float | None = None
    answered: tuple[AnsweredQuery, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassifierReport(Tabled):
    """methods: the scores of each. classes: in the order of the confusion matrices. silhouette: how well the labels
    part the base vectors, across patients (``separation.silhouettes``), mean over the labels; None with several labels.
    set: the coverage of sets that was asked for. space: whose values are told apart, and whose adapter answers.
    """

    methods: dict[str, MethodScores]
    classes: tuple[str, ...]
    multi_label: bool
    queries: int
    patients: int
    folds: int
    seed: int
    split_hash: str
    encoder: dict[str, Any]
    notes: tuple[str, ...]
    silhouette: float | None = None
    set: float | None = None
    space: str = BASE

    def confusion(self, method: str) -> Confusion | None:
        """Which label a method takes for which; None with several labels. Raises KeyError: a method it has not."""
        found = self.methods[method]
        return None if found.confusion is None else Confusion(self.classes, found.confusion, found.answered)

    def tables(self, form: Format = "text") -> str:
        """A row a method; the labels of each; and with one label a record its confusion matrix. "json": every field."""
        if form == "json":
            return as_json(self)
        tables = [_overall(self), *([] if self.set is None else [_sets(self, self.set)])]
        tables += [] if self.silhouette is None else [_separation(self.silhouette)]
        tables += [_labels(name, scores) for name, scores in self.methods.items()]
        tables += [_confusion(self, name) for name, scores in self.methods.items() if scores.confusion]
        return "\n".join(render(title, rows, form) for title, rows in tables)

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)


def _overall(report: ClassifierReport) -> tuple[str, list[list[str]]]:
    head = [
        "method",
        "accuracy",
        "macro accuracy",
        "macro AUC",
        "macro F1",
        "Rand",
        "ECE",
        "ECE before",
        "ECE by chance",
        "Brier",
        "Brier before",
        "abstained",
        "accuracy answered",
    ]
    rows = [
        [
            name,
            cell(s.accuracy, s.accuracy_interval),
            cell(s.macro_accuracy, s.macro_interval),
            *map(
                cell,
                (
                    s.macro_auc,
                    s.macro_f1,
                    s.adjusted_rand,
                    s.ece,
                    s.ece_before,
                    s.ece_chance,
                    s.brier,
                    s.brier_before,
                    s.abstained,
                    s.accuracy_answered,
                ),
            ),
        ]
        for name, s in report.methods.items()
    ]
    return "Classifiers", [head, *rows]


def _separation(silhouette: float) -> tuple[str, list[list[str]]]:
    return "How the labels part the base vectors, across patients", [["silhouette"], [cell(silhouette, sign=True)]]


def _labels(method: str, scores: MethodScores) -> tuple[str, list[list[str]]]:
    head = ["label", "queries", "precision", "recall", "F1", "AUC", "sensitivity", "specificity"]
    rows = [
        [name, str(s.queries), *map(cell, (s.precision, s.recall, s.f1, s.auc, s.sensitivity, s.specificity))]
        for name, s in scores.per_label.items()
    ]
    return f"Labels by {method}; sensitivity and specificity at the Youden threshold", [head, *rows]


def _sets(report: ClassifierReport, coverage: float) -> tuple[str, list[list[str]]]:
    rows = [[name, cell(s.set_coverage, s.set_interval), cell(s.set_size)] for name, s in report.methods.items()]
    return f"Sets of labels for a coverage of {coverage:g}", [["method", "coverage", "labels in a set"], *rows]


def _confusion(report: ClassifierReport, method: str) -> tuple[str, list[list[str]]]:
    cells = report.methods[method].confusion or ()
    rows = [[name, *map(str, row)] for name, row in zip(report.classes, cells, strict=True)]
    return f"Confusion of {method}: rows the true label, columns the answer", [["", *report.classes], *rows]
