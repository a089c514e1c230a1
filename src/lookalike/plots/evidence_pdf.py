"""Evidence as a PDF of A4 pages, whose texts can be searched and copied (needs reportlab)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, Final

import PIL.Image

from lookalike.errors import MissingExtraError
from lookalike.plots.evidence import EvidenceHit, SearchEvidence

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

_COLUMNS: Final = 5  # twelve hits fit the first page
_MARGIN: Final = 40.0  # points
_GREY: Final = "#566472"


def evidence_pdf(evidence: SearchEvidence) -> bytes:
    """The document's bytes. What its fonts cannot draw is told on it, and stands as a box. Raises MissingExtraError."""
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import SimpleDocTemplate
    except ImportError:
        raise MissingExtraError("evidence as a PDF", "pdf") from None
    out, sides = io.BytesIO(), dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), _MARGIN)
    document = SimpleDocTemplate(out, pagesize=A4, title=evidence.title, author="", **sides)
    foot = partial(_foot, words=evidence.notes[-1])
    document.build(list(_story(evidence, document.width)), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _fonts() -> tuple[str, str]:
    """The names of a plain and a bold font that come with reportlab, embedded: they draw Latin letters."""
    from reportlab.pdfbase.pdfmetrics import getRegisteredFontNames, registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    names = {"Vera": "Vera.ttf", "VeraBd": "VeraBd.ttf"}
    for name in names.keys() - set(getRegisteredFontNames()):
        registerFont(TTFont(name, names[name]))
    return "Vera", "VeraBd"


def _undrawn(evidence: SearchEvidence) -> bool:
    from reportlab.pdfbase.pdfmetrics import getFont

    told = [text for pair in evidence.told for text in pair]
    texts = [
        evidence.title,
        evidence.query,
        *told,
        *evidence.notes,
        *(f"{hit.labels}{hit.facts}" for hit in evidence.hits),
    ]
    drawn = getFont(_fonts()[0]).face.charToGlyph
    return any(ord(letter) not in drawn for text in texts for letter in text)


def _story(evidence: SearchEvidence, width: float) -> Iterator[Flowable]:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Spacer

    plain, bold = _fonts()
    text = ParagraphStyle("text", fontName=plain, fontSize=8.5, leading=11)
    head = ParagraphStyle("head", parent=text, fontName=bold, fontSize=14, leading=20)
    small = ParagraphStyle("small", parent=text, fontSize=7, leading=9, splitLongWords=1)
    yield Paragraph(escape(evidence.title), head)
    yield _asked(evidence, width, text)
    yield Spacer(0, 8)
    yield Paragraph(escape(evidence.answer), text)
    yield Spacer(0, 8)
    if evidence.hits:
        yield _grid(evidence.hits, width, small)
    notes = [*evidence.notes[:-1]]  # the last is at the foot of every page
    if _undrawn(evidence):
        notes.insert(0, "Some letters cannot be drawn here and stand as boxes; the same evidence as .html has them.")
    yield from (Paragraph(escape(note), text) for note in notes)


def _asked(evidence: SearchEvidence, width: float, style: Any) -> Flowable:
    from reportlab.platypus import Paragraph, Table

    side = width / 3
    rows = [Paragraph(f"<b>Query:</b> {escape(evidence.query)}", style)]
    rows += [
        Paragraph(f'<font color="{_GREY}">{escape(name)}:</font> {escape(value)}', style)
        for name, value in evidence.told
    ]
    picture = _picture(evidence.picture, side - 12)
    return Table([[picture, rows]], colWidths=[side, width - side], style=[("VALIGN", (0, 0), (-1, -1), "TOP")])


def _grid(hits: Sequence[EvidenceHit], width: float, style: Any) -> Flowable:
    from reportlab.platypus import Table

    side = width / _COLUMNS
    cells: list[Any] = [_cell(hit, side - 10, style) for hit in hits]
    cells += [""] * (-len(cells) % _COLUMNS)
    rows = [cells[at : at + _COLUMNS] for at in range(0, len(cells), _COLUMNS)]
    return Table(rows, colWidths=[side] * _COLUMNS, style=[("VALIGN", (0, 0), (-1, -1), "TOP")])


def _cell(hit: EvidenceHit, side: float, style: Any) -> list[Any]:
    from reportlab.platypus import Paragraph

    lines = [f"<b>{hit.rank}.</b> {escape(hit.score)}", *map(escape, (hit.percentile, hit.labels, hit.facts))]
    lines.append(f'<font color="{_GREY}">{escape(hit.id)}</font>')
    return [_picture(hit.jpeg, side), *(Paragraph(line, style) for line in lines if line)]


def _picture(jpeg: bytes, side: float) -> Any:
    """The whole picture, ``side`` points on its long side; a grey square where there is none."""
    from reportlab.platypus import Image

    data = io.BytesIO(jpeg)
    if not jpeg:
        PIL.Image.new("L", (8, 8), 60).save(data, "PNG")
        data.seek(0)
    with PIL.Image.open(data) as picture:
        width, height = picture.size
    scale = side / max(width, height)
    data.seek(0)
    return Image(data, width * scale, height * scale, hAlign="LEFT")


def _foot(canvas: Any, document: Any, *, words: str) -> None:
    """At the foot of every page: what this is not, and its number."""
    canvas.setFont(_fonts()[0], 7.5)
    canvas.drawString(_MARGIN, _MARGIN / 2, words)
    canvas.drawRightString(_MARGIN + document.width, _MARGIN / 2, f"page {document.page}")
