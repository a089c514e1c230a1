"""Grids of pictures, drawn with Pillow alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from lookalike.errors import UsageError

if TYPE_CHECKING:
    from lookalike.verbs.search import SearchResult

_CELL: Final = 160
_CAPTION: Final = 34
_MARGIN: Final = 10
_COLUMNS: Final = 11  # the query and ten hits
_MOST: Final = 99  # hits of one search that are drawn
_RIGHT, _WRONG, _PLAIN, _GROUND = "#1a7f37", "#b42318", "#333333", "#ffffff"


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a grid: a JPEG, two lines under it, and whether its label is the row's (None: unknown)."""

    jpeg: bytes
    title: str
    detail: str
    right: bool | None = None


def search_cells(result: SearchResult, labels: Sequence[str] = ()) -> list[Cell]:
    """The row of one search: the query, then the hits (the first 99) with rank, label and score."""
    wanted = set(labels)
    query = Cell(result.pictures[0] if result.pictures else b"", "query", ", ".join(labels))
    hits = [
        Cell(
            jpeg,
            f"{hit.rank}.  {hit.score:.3f}",
            ", ".join(hit.labels) or "no label",
            bool(wanted.intersection(hit.labels)) if wanted else None,
        )
        for hit, jpeg in zip(result.hits[:_MOST], result.pictures[1 : _MOST + 1], strict=True)
    ]
    return [query, *hits]


def save_grid(rows: Sequence[Sequence[Cell]], path: Path, title: str = "") -> Path:
    """Write rows of pictures as one image (PNG, JPEG or PDF by the suffix). Raises UsageError if it cannot.

    A row of more than eleven goes on below.
    """
    rows = [row[i : i + _COLUMNS] for row in rows for i in range(0, len(row), _COLUMNS)]
    columns = max((len(row) for row in rows), default=1)
    top = 30 if title else 0
    width = columns * (_CELL + _MARGIN) + 2 * _MARGIN
    canvas = PIL.Image.new("RGB", (width, top + len(rows) * (_CELL + _CAPTION + _MARGIN) + _MARGIN), _GROUND)
    draw = PIL.ImageDraw.Draw(canvas)
    if title:
        draw.text((_MARGIN, 9), title, _PLAIN, _font(15))
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            # A gap sets the query apart from its hits.
            left = _MARGIN + x * (_CELL + _MARGIN) + (_MARGIN if x else 0)
            _draw_cell(canvas, draw, cell, left, top + _MARGIN + y * (_CELL + _CAPTION + _MARGIN))
    try:
        canvas.save(path)
    except (OSError, ValueError):
        raise UsageError(f"cannot write the figure {path.name}; name a .png in a folder that exists") from None
    return path


def _draw_cell(canvas: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, cell: Cell, left: int, top: int) -> None:
    draw.rectangle((left, top, left + _CELL - 1, top + _CELL - 1), fill="#000000")
    if cell.jpeg:
        with PIL.Image.open(io.BytesIO(cell.jpeg)) as small:
            picture = small.convert("RGB")
        picture.thumbnail((_CELL, _CELL))
        canvas.paste(picture, (left + (_CELL - picture.width) // 2, top + (_CELL - picture.height) // 2))
    color = _PLAIN if cell.right is None else _RIGHT if cell.right else _WRONG
    if cell.right is not None:
        draw.rectangle((left, top, left + _CELL - 1, top + _CELL - 1), outline=color, width=3)
    draw.text((left, top + _CELL + 2), _fit(cell.title), _PLAIN, _font(13))
    draw.text((left, top + _CELL + 17), _fit(cell.detail), color, _font(13))


def _fit(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"


def _font(size: int) -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    return PIL.ImageFont.load_default(size)
