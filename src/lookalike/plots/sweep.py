"""The recall of volumes against the width of the Gaussian weights, or against the number of slices."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from lookalike.errors import UsageError
from lookalike.plots.fields import PALETTE
from lookalike.plots.style import new_figure, plain_axes, titled, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lookalike.evaluation.protocols.khun_jush import VolumeReport, VolumeScore

Sweep: TypeAlias = Literal["sigma", "centre", "slices"]
_AXIS: Final = {
    "sigma": "weights of the slices (Gaussian's sigma)",
    "centre": "weights of the slices (Gaussian's centre)",
    "slices": "slices of each volume",
}


def save_sweep(report: VolumeReport, path: Path, sweep: Sweep) -> Path:
    """Mean recall over the classes: a row of panels for each level, a column for each k, a line for each ranking.

    Raises UsageError (fewer than two settings to draw, or the file cannot be written), MissingExtraError.
    """
    settings = list(dict.fromkeys(_setting(score, sweep) for score in report.scores))
    if len(settings) < 2:
        raise UsageError(f"there is one setting only; sweep over several with --sweep {sweep}")
    levels, ks = list(dict.fromkeys(s.level for s in report.scores)), list(report.scores[0].recall)
    figure = new_figure(4.2 * len(ks), 2.9 * len(levels) + 0.6)
    grid = figure.subplots(len(levels), len(ks), squeeze=False, sharex=True)
    for row, level in zip(grid, levels, strict=True):
        scores = [score for score in report.scores if score.level == level]
        for axes, k in zip(row, ks, strict=True):
            _draw(axes, scores, settings, sweep, k)
            about = f"{scores[0].queries} queries of {scores[0].classes} classes"
            titled(axes, f"{level}, {k.replace('R@', 'recall@')}", about)
    for axes in grid[-1]:
        axes.set_xlabel(_AXIS[sweep], fontsize=9)
    handles, names = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names), frameon=False, fontsize=9)
    return write_figure(figure, path, f"{report.volumes} volumes of {report.patients} patients; mean over classes.")


def _setting(score: VolumeScore, sweep: Sweep) -> str:
    return score.slices if sweep == "slices" else score.weights


def _draw(axes: Axes, scores: list[VolumeScore], settings: list[str], sweep: Sweep, k: str) -> None:
    other = {(score.weights if sweep == "slices" else score.slices) for score in scores}
    lines: dict[str, dict[str, float]] = {}
    for score in scores:
        rest = score.weights if sweep == "slices" else score.slices
        name = score.rank if len(other) == 1 else f"{score.rank}, {rest}"
        lines.setdefault(name, {})[_setting(score, sweep)] = score.recall[k][0]
    for (name, values), color, marker in zip(lines.items(), cycle(PALETTE), cycle("osD^vP")):
        at = [i for i, setting in enumerate(settings) if setting in values]
        recall = [values[settings[i]] for i in at]
        axes.plot(at, recall, color=color, marker=marker, markersize=4, linewidth=1.4, label=name)
    axes.set_xticks(range(len(settings)), [setting.rpartition(":")[2] for setting in settings])
    axes.set_ylim(0, 1.04)
    plain_axes(axes, grid="y")
