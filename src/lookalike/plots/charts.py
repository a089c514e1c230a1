"""The charts of an evaluation: precision at k, bars by class, confusion matrices (needs matplotlib)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lookalike.errors import UsageError
from lookalike.plots.fields import PALETTE
from lookalike.plots.style import floats_of, new_figure, plain_axes, shown, titled, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lookalike.evaluation.benchmarks.encoders import EncoderBenchmark, Run
    from lookalike.evaluation.classifier_report import ClassifierReport
    from lookalike.evaluation.report import Report
    from lookalike.evaluation.scores import Mean, ScoreSummary

_MOST_CLASSES: Final = 40  # with more, the cells of a confusion matrix become unreadable
_QUIET: Final = "#9AA1AC"


def save_curves(reports: Mapping[str, Report], path: Path, mean: Mean = "macro") -> Path:
    """Precision at k with its 95 % intervals, a line for each report (spaces or encoders) by its name; a report
    of an adapted space includes its baseline. Dashed: a random order.

    Raises UsageError (no report, or reports that share no k), MissingExtraError.
    """
    lines = dict(_lines(reports))
    ks, first = _shared_ks(lines), next(iter(reports.values()))
    figure = new_figure(7.2, 4.6)
    _draw_panel(figure.add_subplot(), lines, ks, first.chance.get(mean), mean)
    titled(figure.axes[0], "Precision at k", f"{_about(first)} · bands: 95 % intervals by patient")
    return write_figure(figure, path)


def save_benchmark_curves(benchmark: EncoderBenchmark, path: Path, mean: Mean = "macro") -> Path:
    """Precision at k of every encoder: a panel for each collection and protocol. Raises as ``save_curves``."""
    from lookalike.evaluation.scores import ScoreSummary

    runs: dict[tuple[str, str], dict[str, Run]] = {}
    for run in benchmark.runs:
        runs.setdefault((run.dataset, run.protocol), {})[run.encoder + ("†" if run.trained_on else "")] = run
    ks = _shared_ks({str(i): ScoreSummary(**run.report["intervals"]) for i, run in enumerate(benchmark.runs)})
    figure = new_figure(7.2, 4.4 * len(runs))
    for axes, ((dataset, protocol), panel) in zip(
        figure.subplots(len(runs), squeeze=False)[:, 0], runs.items(), strict=True
    ):
        about = next(iter(panel.values())).report
        lines = {name: ScoreSummary(**run.report["intervals"]) for name, run in panel.items()}
        _draw_panel(axes, lines, ks, about["chance"].get(mean), mean)
        titled(axes, f"{dataset}, {protocol}", f"{about['queries']:,} queries · bands: 95 % intervals by patient")
    trained = any(run.trained_on for run in benchmark.runs)
    return write_figure(figure, path, "† The encoder was trained on these pictures." if trained else "")


def _lines(reports: Mapping[str, Report]) -> Iterator[tuple[str, ScoreSummary]]:
    for name, report in reports.items():
        if report.baseline is not None:
            yield (f"{name}, base" if len(reports) > 1 else "base"), report.baseline
        yield name, report.intervals


def _shared_ks(lines: Mapping[str, ScoreSummary]) -> list[int]:
    named = [{key for key in scores.micro if key.startswith("P@")} for scores in lines.values()]
    shared = set.intersection(*named) if named else set()
    if not shared:
        raise UsageError("there is no precision at k to draw; evaluate with --k 1,3,5,10 first")
    return sorted(int(key[2:]) for key in shared)


def _draw_panel(
    axes: Axes, lines: Mapping[str, ScoreSummary], ks: Sequence[int], chance: float | None, mean: Mean
) -> None:
    for (name, scores), color, marker in zip(lines.items(), cycle(PALETTE), cycle("osD^vP")):
        _draw_curve(axes, ks, scores, mean, {"color": color, "marker": marker, "label": shown(name)})
    if chance is not None:
        axes.axhline(chance, color=_QUIET, linestyle=(0, (4, 3)), linewidth=1.2, label="chance")
    axes.set(xlabel="k", ylabel=f"P@k, {mean}", xticks=ks, ylim=(0, 1.02))
    plain_axes(axes, grid="y")
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))


def _draw_curve(axes: Axes, ks: Sequence[int], scores: ScoreSummary, mean: Mean, look: dict[str, Any]) -> None:
    figures = getattr(scores, mean)
    bounds = getattr(scores, f"{mean}_intervals")
    middle = floats_of(figures[f"P@{k}"] for k in ks)
    low, high = (floats_of(bounds[f"P@{k}"][side] for k in ks) for side in (0, 1))
    axes.plot(ks, middle, linewidth=2, markersize=5, **look)
    axes.fill_between(ks, low, high, color=look["color"], alpha=0.14, linewidth=0)


def save_bars(report: Report, path: Path, figure_name: str = "") -> Path:
    """Precision by class, the baseline beside the adapter, with 95 % intervals as whiskers; for a report on the
    base space the base alone. figure_name: for example "P@5"; by default the deepest.

    Raises UsageError (no such figure), MissingExtraError.
    """
    name = figure_name or list(report.micro)[-1]
    if name not in report.micro:
        raise UsageError(f"the report has no {name!r}; it has {', '.join(report.micro)}")
    sides = [("base", report.baseline, _QUIET)] if report.baseline is not None else []
    sides.append((report.space, report.intervals, PALETTE[0]))
    groups = [*report.class_sizes, "macro mean"]
    figure = new_figure(7.6, 1.5 + 0.28 * len(groups) * (len(sides) + 0.6))
    axes = figure.add_subplot()
    height = 0.8 / len(sides)
    for i, (label, scores, color) in enumerate(sides):
        rows = np.arange(len(groups)) + (i - (len(sides) - 1) / 2) * height
        _draw_bars(axes, rows, height * 0.88, scores, name, {"color": color, "label": shown(label)})
    sizes = [f"{shown(c, 34)}  (n={n:,})" for c, n in report.class_sizes.items()]
    axes.set(yticks=range(len(groups)), yticklabels=[*sizes, "macro mean"], xlim=(0, 1.02), xlabel=name)
    axes.axhline(len(groups) - 1.5, color="#B9BEC6", linewidth=0.8)
    axes.invert_yaxis()
    plain_axes(axes, grid="x")
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1))
    titled(axes, f"{name} by class", f"{_about(report)} · whiskers: 95 % intervals by patient")
    return write_figure(figure, path)


def _draw_bars(axes: Axes, rows: Any, height: float, scores: ScoreSummary, name: str, look: dict[str, Any]) -> None:
    """The bars of the classes, and of their mean below; whiskers only where there is an interval."""
    values = floats_of([*(figures[name] for figures in scores.per_class.values()), scores.macro[name]])
    bounds = [*(b[name] for b in scores.per_class_intervals.values()), scores.macro_intervals[name]]
    low, high = (floats_of(bound[side] for bound in bounds) for side in (0, 1))
    whiskers = np.nan_to_num(np.maximum([values - low, high - values], 0))
    axes.barh(rows, np.nan_to_num(values), height=height, **look)
    axes.errorbar(np.nan_to_num(values), rows, xerr=whiskers, fmt="none", ecolor="#2A2E35", elinewidth=1, capsize=2.5)


def save_confusion(report: ClassifierReport, path: Path) -> Path:
    """The confusion matrix of each method that has one: rows the true label, coloured by the share of the row.

    Raises UsageError (several labels a record, or too many classes), MissingExtraError.
    """
    matrices = {name: s.confusion for name, s in report.methods.items() if s.confusion is not None}
    if not matrices:
        raise UsageError("records with several labels have no confusion matrix; see each label's scores")
    if len(report.classes) > _MOST_CLASSES:
        raise UsageError(f"a matrix of at most {_MOST_CLASSES} classes can be read, got {len(report.classes)}")
    side = max(3.6, 0.42 * len(report.classes) + 2.2)
    columns = min(len(matrices), 3)
    rows = -(-len(matrices) // columns)
    figure = new_figure(side * columns + 0.6, (side + 1) * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, cells) in zip(panels, matrices.items(), strict=False):
        _draw_matrix(axes, np.array(cells), [shown(c, 22) for c in report.classes])
        accuracy = report.methods[name].accuracy
        titled(axes, name, f"accuracy {accuracy:.3f} · {report.queries:,} queries in {report.folds} folds")
    for axes in panels[len(matrices) :]:
        axes.set_visible(False)
    return write_figure(figure, path, "Colour: share of the row.")


def _draw_matrix(axes: Axes, cells: Any, classes: Sequence[str]) -> None:
    share = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    places = range(len(classes))
    axes.set(xticks=places, yticks=places, yticklabels=classes, xlabel="answer", ylabel="true label")
    axes.set_xticklabels(classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=8.5)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(cells.shape):
        if cells[row, column]:
            color = "white" if share[row, column] > 0.55 else "#1F2937"
            axes.text(column, row, f"{cells[row, column]:,}", ha="center", va="center", fontsize=8, color=color)


def _about(report: Report) -> str:
    return f"{report.queries:,} queries of {report.patients:,} patients · {report.split}"
