"""The interactive map: one HTML file with everything in it."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import PIL.Image

from lookalike.plots.fields import MISSING, OTHER, PALETTE, RAMP, Field
from lookalike.plots.self_contained import filled_template, page_part, policy_hash
from lookalike.types import Record

if TYPE_CHECKING:
    from lookalike.gallery import Gallery
    from lookalike.verbs.map import MapResult

MOST_THUMBNAILS: Final = 5000
_SIDE: Final = 96  # pixels of a thumbnail's longer side
_MOST_BYTES: Final = 3400  # of a thumbnail: 5,000 of them stay under 25 MB as text
_QUALITIES: Final = (80, 60, 40, 20, 5)


def map_page(
    gallery: Gallery,
    result: MapResult,
    records: Sequence[Record],
    fields: Sequence[Field],
    color: int,
    title: str,
    detail: str,
) -> str:
    """The page's HTML. The policy in its head lets it load nothing, and run nothing but its own script.

    With more than ``MOST_THUMBNAILS`` records only a random sample has thumbnails, which the page states.
    """
    pictures, pictured = _pictures(gallery, records)
    data = {
        "ids": result.ids,
        "x": result.x,
        "y": result.y,
        "color": color,
        "palette": PALETTE,
        "ramp": RAMP,
        "other": OTHER,
        "missing": MISSING,
        "pictures": pictures,
        "fields": [
            {"name": f.name, "kind": f.kind, "values": f.values}
            if f.kind == "number"
            else {"name": f.name, "kind": f.kind, "categories": f.categories, "codes": f.codes}
            for f in fields
        ],
    }
    notes = [f"Encoder {gallery.spec.name}: {gallery.spec.note}."] if gallery.spec.note else []
    if pictured < len(records):
        notes.append(f"{pictured:,} of {len(records):,} records, chosen at random, have a picture here.")
    script, style = page_part("map_colors.js") + page_part("map_view.js"), page_part("map.css")
    parts = {
        "title": html.escape(title),
        "detail": html.escape(detail),
        "data": _harmless(data),
        "script": script,
        "style": style,
        "notes": html.escape(" ".join(notes)),
        "script_hash": policy_hash(script),
        "style_hash": policy_hash(style),
    }
    return filled_template("map.html", parts)


def _harmless(data: Any) -> str:
    """JSON that cannot close the element it is in."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _pictures(gallery: Gallery, records: Sequence[Record]) -> tuple[list[str], int]:
    """A small JPEG as base64 for each record, "" where there is none; and how many records were chosen to have one."""
    chosen = list(range(len(records)))
    if len(records) > MOST_THUMBNAILS:
        chosen = np.random.default_rng(0).choice(len(records), MOST_THUMBNAILS, replace=False).tolist()
    keys = {row: records[row].key for row in chosen}
    stored = gallery.store.thumbnails(keys.values())
    pictures = [small_jpeg(stored.get(keys.get(row, -1), b"")) for row in range(len(records))]
    return [base64.b64encode(jpeg).decode() for jpeg in pictures], len(chosen)


def small_jpeg(jpeg: bytes) -> bytes:
    """A picture of at most 96 x 96 pixels and few bytes; b"" if there is none, or it is damaged."""
    if not jpeg:
        return b""
    try:
        with PIL.Image.open(io.BytesIO(jpeg)) as stored:
            picture = stored.convert("RGB" if stored.mode != "L" else "L")
    except (OSError, ValueError, SyntaxError):
        return b""
    picture.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= _MOST_BYTES:
            break
    return out.getvalue()
