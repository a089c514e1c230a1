"""Precision at k against the size of the gallery."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.errors import UsageError
from lookalike.plots.fields import PALETTE
from lookalike.plots.style import floats_of, new_figure, plain_axes, titled, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lookalike.evaluation.gallery_sizes import SizeScores
    from lookalike.evaluation.report import Report

_MEANS: Final = ("macro", "micro")


def save_sizes(report: Report, path: Path) -> Path:
    """A panel for each mean, a line for each k: its band is the 95 % interval, its whiskers (macro) reach from the
    lowest to the highest draw. Dashed: a random order.

    Raises UsageError (fewer than two sizes, or the file cannot be written), MissingExtraError.
    """
    if len(report.sizes) < 2:
        raise UsageError("there are fewer than two sizes to draw; evaluate with --sizes 50,100,200 first")
    figure = new_figure(9.6, 4.4)
    panels = figure.subplots(1, len(_MEANS), sharey=True)
    for axes, mean in zip(panels, _MEANS, strict=True):
        for name, color, marker in zip(report.micro, cycle(PALETTE), cycle("osD^vP")):
            _draw(axes, report.sizes, mean, name, color, marker)
        at = [size.records for size in report.sizes]
        level = floats_of(size.chance[mean] for size in report.sizes)
        axes.plot(at, level, color="#9AA1AC", linestyle=(0, (4, 3)), linewidth=1.2, label="chance")
        _scale(axes, report.sizes)
        axes.set(xlabel="records in the gallery", ylim=(0, 1.02))
        plain_axes(axes, grid="y")
    panels[0].set_ylabel("precision")
    panels[1].legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    about = f"{report.space} · {report.queries:,} queries · bands: 95 % intervals by patient"
    titled(panels[0], "Macro precision over the size of the gallery", about)
    titled(panels[1], "Micro precision", " ")
    return write_figure(figure, path, "Whiskers: the lowest and the highest draw.")


def _draw(axes: Axes, sizes: tuple[SizeScores, ...], mean: str, name: str, color: str, marker: str) -> None:
    at = [size.records for size in sizes]
    middle = floats_of(getattr(size.scores, mean)[name] for size in sizes)
    bounds = [getattr(size.scores, f"{mean}_intervals")[name] for size in sizes]
    low, high = (floats_of(bound[side] for bound in bounds) for side in (0, 1))
    axes.plot(at, middle, color=color, marker=marker, markersize=5, linewidth=2, label=name)
    axes.fill_between(at, low, high, color=color, alpha=0.14, linewidth=0)
    if mean == "macro":
        for x, size in zip(at, sizes, strict=True):
            axes.plot([x, x], floats_of(size.draws[name]), color=color, linewidth=1)


def _scale(axes: Axes, sizes: tuple[SizeScores, ...]) -> None:
    axes.set_xscale("log")
    axes.set_xticks([size.records for size in sizes], [f"{size.records:,.0f}" for size in sizes])
    axes.minorticks_off()
