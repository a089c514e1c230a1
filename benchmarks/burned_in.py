"""How much of the text that is burned into pixels is found, and how much that is found is text.

Lines as a device burns them in (names, numbers, dates, places) are drawn over real pictures: several fonts, 10 to 28
pixels high, bright on dark, dark on bright and grey, at edges and over the anatomy. A line is found if nine tenths of
its ink that can be seen are masked. A box is right if it lies on such a line, or on one of the pictures that showed
text before: those were looked at by eye and stand in ``SHOWING_TEXT``. Marks of side and view (L, PA, PORTABLE) count
for nothing: they are no patient's data, and whether they are masked is nobody's loss. Beside it, on fewer pictures, the
same with lines that run up, down and upside down.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.report import Figure
from lookalike.readers.burned_in import TextLine, text_in
from lookalike.voting import share_interval

COLLECTIONS: Final = {
    "chest-xray-nih": "images/*.jpg",
    "brain-mri-tumor": "*/*.jpg",
    "mammo-mias": "images/*.png",
    "breast-us-busi": "*/*.png",
}
PICTURES: Final = 20  # of each collection
TURNED: Final = 4  # of each collection, with lines that are turned
_SHOWING: Final = """
00005288_014.jpg 00003028_050.jpg 00004893_027.jpg mdb013.png mdb023.png mdb032.png mdb063.png mdb069.png mdb075.png
mdb115.png mdb120.png mdb130.png mdb171.png mdb181.png mdb193.png mdb236.png mdb271.png mdb312.png
"""
SHOWING_TEXT: Final = frozenset(_SHOWING.split())
"""Pictures with text of their own: initials beside a mark, marks on film that lie mirrored. By looking at each."""
LINES: Final = (
    *("DOE^JANE", "Miller, Anna", "SCHMIDT HANS", "ID 47110815", "Acc: 0004511", "MRN 88-123-77"),
    *("2021-03-14 09:31:02", "12.03.1954", "DOB 03/12/1954", "14-Mar-2021", "054Y F", "St. Mary Hospital"),
    *("Dr. O. Weber", "Klinikum Nord", "GARCIA LOPEZ M", "Patient 0042"),
)
FONTS: Final = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "DejaVuSans-Bold", "STIXGeneral", "cmss10")
SIZES: Final = (10, 12, 14, 18, 22, 28)
CONTRASTS: Final = ("bright", "dark", "grey")
EACH: Final = 3  # lines on a picture
SEEN: Final = 40  # levels between a letter and what is behind it, below which nobody reads it
RECALL, PRECISION = 0.95, 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line that was drawn. ink: (rows, columns) of its pixels."""

    font: str
    size: int
    contrast: str
    ink: NDArray[np.bool_]
    found: bool = False


def run(given: Path | None) -> list[Figure]:
    """Recall of lines and precision of boxes, with 95 % intervals; the share of untouched pictures with a false box;
    recall of turned lines.
    """
    rng = random.Random(7)
    lines: list[Line] = []
    right = boxes = false = count = 0
    for path in _pictures(given, rng, PICTURES):
        picture = np.asarray(PIL.Image.open(path).convert("L"))
        alarms = [] if path.name in SHOWING_TEXT else text_in(picture)
        false, count = false + bool(alarms), count + 1
        drawn, placed = with_lines(picture, rng)
        seen = text_in(drawn)
        masked = _masked(seen, drawn.shape)
        lines += [_judged(line, masked) for line in placed]
        ink = np.any([line.ink for line in placed], axis=0)
        of_text = [path.name in SHOWING_TEXT or ink[b.top : b.bottom, b.left : b.right].any() for b in seen]
        right, boxes = right + sum(of_text), boxes + len(seen)
    found = sum(line.found for line in lines)
    return [
        _share("burned-in text, recall", found, len(lines), RECALL, tuple(_by(lines))),
        _share("burned-in text, precision", right, boxes, PRECISION, (f"{boxes} boxes on {count} pictures",)),
        Figure("untouched pictures with a box", false / count, None, "of pictures", at_least=False),
        _turned(given),
    ]


def _turned(given: Path | None) -> Figure:
    """Recall of lines by quarter turns: up, upside down, down."""
    rng, found = random.Random(8), dict[int, list[bool]]()
    for path in _pictures(given, rng, TURNED):
        for turns in (1, 2, 3):
            drawn, placed = with_lines(np.asarray(PIL.Image.open(path).convert("L")), rng, turns)
            masked = _masked(text_in(drawn), drawn.shape)
            found.setdefault(turns, []).extend(_judged(line, masked).found for line in placed)
    every = [one for each in found.values() for one in each]
    notes = tuple(f"{90 * turns} degrees: {sum(each)} of {len(each)}" for turns, each in found.items())
    return _share("burned-in text, recall of turned lines", sum(every), len(every), None, notes)


def _share(name: str, part: int, whole: int, target: float | None, notes: tuple[str, ...]) -> Figure:
    low, high = share_interval(part / whole, whole)
    return Figure(name, part / whole, target, "", notes=(f"{part} of {whole}, 95 % {low:.3f} to {high:.3f}", *notes))


def _pictures(given: Path | None, rng: random.Random, count: int) -> Iterator[Path]:
    for name, pattern in COLLECTIONS.items():
        yield from rng.sample(sorted(data.folder(name, given).glob(pattern)), count)


def with_lines(picture: NDArray[np.uint8], rng: random.Random, turns: int = 0) -> tuple[NDArray[np.uint8], list[Line]]:
    """The picture with a few lines that do not touch one another. turns: by 90 degrees, counter-clockwise."""
    drawn, placed = picture.copy(), list[Line]()
    taken = np.zeros(picture.shape, np.bool_)
    for _ in range(200):
        if len(placed) == EACH:
            break
        font, size, contrast = rng.choice(FONTS), rng.choice(SIZES), rng.choice(CONTRASTS)
        line = _placed(drawn, taken, rng, (font, size, contrast), turns)
        if line is not None:
            placed.append(line)
    return drawn, placed


def _placed(
    drawn: NDArray[np.uint8], taken: NDArray[np.bool_], rng: random.Random, style: tuple[str, int, str], turns: int
) -> Line | None:
    """Draw one line into the picture; None where there is no room, or nothing of it could be seen there."""
    letters = np.rot90(_letters(rng.choice(LINES), style[0], style[1]), turns)
    (rows, columns), (height, width) = drawn.shape, letters.shape
    if height + 4 >= rows or width + 4 >= columns:
        return None
    top = rng.choice((2, rows - height - 2, rng.randrange(2, rows - height - 1)))
    left = rng.randrange(2, columns - width - 1)
    place = (slice(top, top + height), slice(left, left + width))
    level = _level(float(np.median(drawn[place])), style[2])
    if taken[place].any() or level is None:
        return None
    share = letters.astype(np.float64) / 255
    before = drawn[place].astype(np.float64)
    drawn[place] = np.round(before * (1 - share) + level * share).astype(np.uint8)
    taken[max(0, top - 8) : top + height + 8, max(0, left - 8) : left + width + 8] = True
    ink = np.zeros(drawn.shape, np.bool_)
    ink[place] = (share > 0.5) & (np.abs(before - level) >= SEEN)
    return Line(*style, ink)


def _level(background: float, contrast: str) -> float | None:
    """The grey of the letters, at least 90 levels away from what is behind them."""
    level = {"bright": 255.0, "dark": 0.0, "grey": background + (110 if background < 128 else -110)}[contrast]
    return level if abs(level - background) >= 90 else None


def _letters(text: str, font: str, size: int) -> NDArray[np.uint8]:
    """The coverage (rows, columns) of a line's letters."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    drawn = PIL.ImageFont.truetype(str(path), size)
    left, top, right, bottom = drawn.getbbox(text)
    shown = PIL.Image.new("L", (int(right - left) + 2, int(bottom - top) + 2), 0)
    PIL.ImageDraw.Draw(shown).text((1 - left, 1 - top), text, fill=255, font=drawn)
    return np.asarray(shown)


def _masked(boxes: list[TextLine], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    masked = np.zeros(shape, np.bool_)
    for box in boxes:
        masked[box.top : box.bottom, box.left : box.right] = True
    return masked


def _judged(line: Line, masked: NDArray[np.bool_]) -> Line:
    covered = masked[line.ink].mean()
    return Line(line.font, line.size, line.contrast, line.ink, bool(covered >= 0.9))


def _by(lines: list[Line]) -> Iterator[str]:
    """Recall by size, font and contrast."""
    for name in ("size", "font", "contrast"):
        values = sorted({getattr(line, name) for line in lines})
        told = []
        for value in values:
            found = [line.found for line in lines if getattr(line, name) == value]
            told.append(f"{value} {sum(found)}/{len(found)}")
        yield f"by {name}: {', '.join(told)}"
