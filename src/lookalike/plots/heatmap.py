"""Heat and boxes over pictures, drawn with Pillow alone."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np
import PIL.Image
import PIL.ImageDraw

from lookalike.plots.grid import Cell

if TYPE_CHECKING:
    from lookalike.asking.heat import Heat
    from lookalike.verbs.explain import Illustration
    from lookalike.verbs.search import SearchResult

_SIDE: Final = 160
_HOT: Final = (255, 96, 0)
_BOX: Final = "#00e5ff"
_MOST: Final = 0.6  # opacity of the greatest heat
_COLD: Final = 0.5  # heat below this leaves the picture as it is


def overlay(jpeg: bytes, heat: Heat) -> bytes:
    """A small picture (JPEG) with its heat and box drawn over it, as PNG; a missing picture is black."""
    canvas = _opened(jpeg)
    share = np.clip((np.array(heat.heat, np.float32) - _COLD) / (1 - _COLD), 0, 1) * (_MOST * 255)
    mask = PIL.Image.fromarray(share.astype(np.uint8)).resize(canvas.size, PIL.Image.Resampling.BICUBIC)
    canvas.paste(PIL.Image.new("RGB", canvas.size, _HOT), mask=mask)
    if heat.box is not None:
        width, height = canvas.size[0] - 1, canvas.size[1] - 1
        left, top, right, bottom = heat.box
        edges = (left * width, top * height, right * width, bottom * height)
        PIL.ImageDraw.Draw(canvas).rectangle(edges, outline=_BOX, width=2)
    out = io.BytesIO()
    canvas.save(out, "PNG")
    return out.getvalue()


def _opened(jpeg: bytes) -> PIL.Image.Image:
    if not jpeg:
        return PIL.Image.new("RGB", (_SIDE, _SIDE))
    with PIL.Image.open(io.BytesIO(jpeg)) as small:
        picture = small.convert("RGB")
    scale = _SIDE / max(picture.size)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def heat_cells(result: SearchResult, illustration: Illustration) -> list[Cell]:
    """The row of a region search: the query with its region and its heat for the first hit, then the hits.

    illustration: of the result's hits, in their order.
    """
    explained = illustration.explanations
    cells = [
        Cell(overlay(illustration.query, each.query), "query", _slice(result, each.query)) for each in explained[:1]
    ]
    for hit, each, small in zip(result.hits, explained, illustration.hits, strict=True):
        labels = ", ".join(hit.labels) or "no label"
        detail = " ".join(part for part in (_slice(result, each.hit), labels) if part)
        cells.append(Cell(overlay(small, each.hit), f"{hit.rank}.  {hit.score:.3f}", detail))
    return cells


def _slice(result: SearchResult, heat: Heat) -> str:
    return f"slice {heat.slice}" if any(hit.match for hit in result.hits) else ""
