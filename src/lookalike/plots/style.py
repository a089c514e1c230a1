"""The style that all charts share: creating a figure, axes and titles, and writing the file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtraError, UsageError
from lookalike.text import DISCLAIMER, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SUFFIXES: Final = (".png", ".pdf", ".svg")
_GREY: Final = "#5B616B"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches. Raises MissingExtraError."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("a chart", "plots") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr, call-arg]
    return figure


def plain_axes(axes: Axes, *, grid: str = "") -> None:
    """Style axes with two spines, unobtrusive ticks, and a grid along "x" or "y"."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#B9BEC6")
    axes.tick_params(color="#B9BEC6", labelcolor="#2A2E35", labelsize=9)
    axes.set_axisbelow(True)
    if grid == "x":
        axes.grid(axis="x", color="#E4E7EB", linewidth=0.8)
    elif grid == "y":
        axes.grid(axis="y", color="#E4E7EB", linewidth=0.8)


def titled(axes: Axes, title: str, detail: str = "") -> None:
    """Add a bold title at the left, and a lighter second line."""
    axes.set_title(shown(title, 90), loc="left", fontsize=11, fontweight="bold", pad=22 if detail else 8)
    if detail:
        axes.annotate(
            shown(detail, 130),
            (0, 1),
            xytext=(0, 8),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8.5,
            color=_GREY,
        )


def floats_of(values: Iterable[float | None]) -> NDArray[np.float64]:
    """The values as an array, with nan for None, where nothing could be scored."""
    return np.array([np.nan if value is None else value for value in values], float)


def shown(text: str, limit: int = 40) -> str:
    """Text from outside as one line that matplotlib does not read as a formula."""
    line = one_line(text)
    return (line if len(line) <= limit else line[: limit - 1] + "…").replace("$", r"\$")


def write_figure(figure: Figure, path: Path, note: str = "") -> Path:
    """Write a PNG, PDF or SVG with the disclaimer below. Raises UsageError if it cannot be written."""
    refused = UsageError(f"cannot write the figure {path.name}; name a .png, .pdf or .svg in a folder that exists")
    if path.suffix.lower() not in _SUFFIXES:
        raise refused
    from matplotlib import rc_context

    words = f"{DISCLAIMER} {note}".strip()
    figure.supxlabel(shown(words, 180), x=0.012, ha="left", fontsize=7, color=_GREY)
    # Without a date, the same results give the same bytes. Text stays text, so that it can be found and edited.
    facts: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
    try:
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "lookalike", "pdf.fonttype": 42}):
            figure.savefig(path, dpi=160, metadata=facts)
    except (OSError, ValueError):
        raise refused from None
    return path
