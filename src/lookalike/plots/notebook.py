"""The chart of a report as what a notebook shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lookalike.errors import UsageError
from lookalike.plots.charts import save_benchmark_curves, save_confusion, save_curves
from lookalike.plots.latency import save_recall_latency
from lookalike.scratch import Scratch

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.evaluation.benchmarks.encoders import EncoderBenchmark
    from lookalike.evaluation.benchmarks.indexes import IndexBenchmark
    from lookalike.evaluation.classifier_report import ClassifierReport
    from lookalike.evaluation.report import Report


@dataclass(frozen=True, slots=True)
class Chart:
    """A PNG that a notebook shows."""

    png: bytes = field(repr=False)

    def _repr_png_(self) -> bytes:
        return self.png


def chart(report: Report | ClassifierReport | EncoderBenchmark | IndexBenchmark) -> Chart:
    """Draw a report: precision at k with its intervals, the confusion matrix of a classifier, precision by encoder,
    recall by time of an index.

    Raises UsageError (a report of another kind, without two k), MissingExtraError (no matplotlib).
    """
    with Scratch("plot") as scratch:
        return Chart(_drawn(report, scratch.folder / "chart.png").read_bytes())


def _drawn(report: object, path: Path) -> Path:
    from lookalike.evaluation.benchmarks.encoders import EncoderBenchmark
    from lookalike.evaluation.benchmarks.indexes import IndexBenchmark
    from lookalike.evaluation.classifier_report import ClassifierReport
    from lookalike.evaluation.report import Report

    if isinstance(report, Report):
        return save_curves({report.space: report}, path)
    if isinstance(report, ClassifierReport):
        return save_confusion(report, path)
    if isinstance(report, EncoderBenchmark):
        return save_benchmark_curves(report, path)
    if isinstance(report, IndexBenchmark):
        return save_recall_latency(report, path)
    raise UsageError(f"there is no chart of a {type(report).__name__}; print it, or use its tables")
