"""Recall against latency of index kinds (needs matplotlib)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from lookalike.evaluation.benchmarks.indexes import IndexBenchmark


def save_recall_latency(result: IndexBenchmark, path: Path) -> Path:
    """Write the curves as a figure: a panel for every size and dimension, a line for every kind.

    Raises MissingExtraError without matplotlib, UsageError if the figure cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("the recall-against-latency picture", "plots") from None
    panels = list(dict.fromkeys((row.size, row.dim) for row in result.rows))
    figure = Figure(figsize=(6.5, 4.5 * len(panels)), layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        for row in (row for row in result.rows if (row.size, row.dim) == panel):
            recalls, latencies = [p.recall for p in row.curve], [p.p50_ms for p in row.curve]
            axes.plot(latencies, recalls, marker="o", markersize=4, label=row.kind)
        axes.set(xscale="log", xlabel="p50 of one query, ms", ylabel=f"recall@{result.k}")
        axes.set_title(f"{panel[0]:,} vectors of {panel[1]} components")
        axes.grid(alpha=0.3)
        axes.legend()
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError):
        raise UsageError(f"cannot write the figure {path.name}; name a .png in a folder that exists") from None
    return path
