"""Write a map as an interactive page (HTML), or as a picture (PNG, PDF, SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.recorded_fields import LABEL
from lookalike.plots.fields import MISSING, OTHER, PALETTE, RAMP, Field, colour_fields, field_number
from lookalike.plots.page import map_page
from lookalike.plots.style import new_figure, shown, titled, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lookalike.gallery import Gallery
    from lookalike.verbs.map import MapResult

_NAMES = {"umap": "UMAP", "tsne": "t-SNE"}


def save_map(gallery: Gallery, result: MapResult, path: Path, color: str = LABEL) -> Path:
    """Write a map: .html is an interactive page in one file, which loads nothing from other hosts; .png, .pdf
    and .svg are pictures (matplotlib). color: ``label``, or an attribute.

    The page contains a small picture, labels and attributes of each record, but no file names or patients.
    Raises UsageError (no such field, a file that cannot be written), MissingExtraError.
    """
    known = {record.id: record for record in gallery.store.records().values()}
    records = [known[identity] for identity in result.ids]
    fields = colour_fields(records)
    at = field_number(fields, color)
    title = f"{_NAMES[result.method]} map of {gallery.folder.name}"
    detail = f"{len(records):,} records · space {result.space} · encoder {gallery.spec.name}"
    if path.suffix.lower() not in (".html", ".htm"):
        note = f"Encoder {gallery.spec.name}: {gallery.spec.note}." if gallery.spec.note else ""
        return _save_picture(result, fields[at], title, detail, note, path)
    page = map_page(gallery, result, records, fields, at, title, detail)
    try:
        path.write_text(page, encoding="utf-8")
    except (OSError, ValueError):
        raise UsageError(f"cannot write the map {path.name}; name a .html in a folder that exists") from None
    return path


def _save_picture(result: MapResult, field: Field, title: str, detail: str, note: str, path: Path) -> Path:
    figure = new_figure(8.4, 6.4)
    axes = figure.add_subplot()
    place = np.array([result.x, result.y]).T
    size = float(np.clip(6000 / max(len(result.ids), 1), 4, 36))
    if field.kind == "number":
        _draw_numbers(axes, place, field, size)
    else:
        _draw_categories(axes, place, field, size)
    axes.set(xticks=[], yticks=[], aspect="equal", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axes.spines[:].set_color("#D5D9DF")
    axes.set_anchor("W")
    titled(axes, title, detail)
    return write_figure(figure, path, note)


def _draw_numbers(axes: Axes, place: Any, field: Field, size: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    values = np.array([np.nan if value is None else value for value in field.values])
    there = np.isfinite(values)
    if not there.all():
        label = f"no value ({(~there).sum():,})"
        axes.scatter(place[~there, 0], place[~there, 1], s=size, color=MISSING, linewidths=0, label=label)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.01), frameon=False, fontsize=9, handletextpad=0.3)
    ramp = LinearSegmentedColormap.from_list("ramp", RAMP)
    points = axes.scatter(place[there, 0], place[there, 1], s=size, c=values[there], cmap=ramp, linewidths=0)
    if there.any():
        axes.figure.colorbar(points, cax=axes.inset_axes((1.04, 0.2, 0.03, 0.6)), label=shown(field.name))


def _draw_categories(axes: Axes, place: Any, field: Field, size: float) -> None:
    codes = np.array(field.codes, int)
    for name, color, rows in _buckets(field, codes):
        label = f"{shown(name)} ({rows.sum():,})"
        axes.scatter(place[rows, 0], place[rows, 1], s=size, color=color, linewidths=0, alpha=0.9, label=label)
    if len(codes):
        legend = axes.legend(
            title=shown(field.name),
            loc="upper left",
            bbox_to_anchor=(1.01, 1.01),
            frameon=False,
            fontsize=9,
            alignment="left",
            handletextpad=0.3,
        )
        for handle in legend.legend_handles:
            handle.set_sizes([40])  # type: ignore[union-attr]


def _buckets(field: Field, codes: Any) -> Sequence[tuple[str, str, Any]]:
    """(name, colour, rows) of each category, of all other categories, and of the records without a value."""
    some = min(len(field.categories), len(PALETTE))
    buckets = [(field.categories[i], PALETTE[i], codes == i) for i in range(some)]
    rest = [(f"{len(field.categories) - some} others", OTHER, codes >= some), ("no value", MISSING, codes < 0)]
    return [*buckets, *(bucket for bucket in rest if bucket[2].any())]
