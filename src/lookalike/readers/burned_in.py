"""Text that is burned into pixels: found by optical character recognition, and masked or refused.

RapidOCR (PP-OCRv4 as ONNX, Apache-2.0) finds lines of text and reads them; its models come with the package, nothing is
fetched. It is the extra ``ocr``. Marks of side and view (L, R, PA, PORTABLE ...) say nothing of who it is, and stay.
Runs in decoding processes; the pixels that go in are of any depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtraError, UnreadableImageError
from lookalike.types import Image

BurnedIn: TypeAlias = Literal["keep", "mask", "refuse"]
"""What is done with text in pixels: nothing, it is masked, or what has some is refused."""

_MARK_WORDS: Final = """
L R A P H F S I LT RT LEFT RIGHT ANT POST SUP INF AP PA LAT LATERAL OBL LL RL CC MLO LCC RCC LMLO RMLO ML LM XCCL ERECT
UPRIGHT SUPINE PRONE SITTING STANDING DECUBITUS SEMI SEMIERECT PORTABLE MOBILE BED INSP EXP INSPIRATION EXPIRATION
"""
_MARKS: Final = frozenset(_MARK_WORDS.split())
LIKELY: Final = 0.5
"""How sure the reader must be of a line."""

_LETTERS: Final = 2  # of a line; one alone names nobody
_SIDE: Final = 736  # pixels that the shorter side of a picture is brought to, at least
_TILE: Final = 1280  # pixels of the longer side of what is looked at once
_OVERLAP: Final = 160  # pixels that two tiles share, so that a line that is cut by one is whole in another
_MARGIN: Final = 0.2  # of a line's height, masked around it
_TAILS: Final = 0.1  # percent of the pixels that are beyond the grey range
_LOOKED_AT: Final = 3  # frames of many that are read one by one, besides the brightest and darkest of all


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text in a picture: its box in pixels, the lower ends included, how sure the reader is of it, and how
    many letters and digits it has.
    """

    left: int
    top: int
    right: int
    bottom: int
    score: float
    letters: int


def check_reader_of_text(burned_in: BurnedIn) -> None:
    """Raise MissingExtraError where text in pixels is to be found and nothing that reads it is installed."""
    if burned_in != "keep" and find_spec("rapidocr_onnxruntime") is None:
        raise MissingExtraError("finding text in pixels", "ocr")


def text_in(picture: NDArray[np.uint8]) -> list[TextLine]:
    """The lines of text in a picture (rows, columns) or (rows, columns, 3), marks of side and view left out."""
    return list(_lines(picture))


def _lines(picture: NDArray[np.uint8]) -> Iterator[TextLine]:
    """What is found in the tiles of a picture."""
    rows, columns = picture.shape[:2]
    for top in _starts(rows):
        for left in _starts(columns):
            for line in _read(picture[top : top + _TILE, left : left + _TILE]):
                yield _moved(line, left, top, rows, columns)


def without_text(pixels: NDArray[Any], burned_in: BurnedIn, *, inverted: bool = False) -> NDArray[Any]:
    """Pixels (frames, rows, columns) or (frames, rows, columns, 3) whose lines of text are of the background; of
    many frames all are masked where text stands still. inverted: low values are shown bright.

    Raises UnreadableImageError, "burned-in-text" where it is refused.
    """
    boxes = [] if burned_in == "keep" else _standing([text_in(shown) for shown in _looks(pixels)])
    if not boxes:
        return pixels
    if burned_in == "refuse":
        raise UnreadableImageError("burned-in-text")
    masked, background = pixels.copy(), np.nanmax(pixels) if inverted else np.nanmin(pixels)
    for box in boxes:
        masked[:, box.top : box.bottom, box.left : box.right] = background
    return masked


def cleaned_image(image: Image, burned_in: BurnedIn) -> Image:
    """An image without text in its pixels, if that is asked for. Raises UnreadableImageError."""
    if burned_in == "keep":
        return image
    grey = image.pixels.shape[-1] == 1
    cleaned = without_text(image.pixels[..., 0] if grey else image.pixels, burned_in, inverted=image.inverted)
    return replace(image, pixels=cleaned[..., None] if grey else cleaned)


def _looks(pixels: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    """What is read of a file: its frame; of several the first, the middle and the last one, and for every pixel the
    brightest and the darkest of all frames, where text that stands still is seen.
    """
    count = len(pixels)
    for number in sorted({0, count // 2, count - 1} if count > _LOOKED_AT else range(count)):
        yield _grey(pixels[number])
    if count > _LOOKED_AT:
        yield _grey(np.fmax.reduce(pixels))
        yield _grey(np.fmin.reduce(pixels))


def _standing(looks: Sequence[list[TextLine]]) -> list[TextLine]:
    """The lines to be masked: of many frames those that are in more than one of the looks at them, since what comes and
    goes is rather anatomy.
    """
    if len(looks) <= _LOOKED_AT:
        return [line for lines in looks for line in lines]
    return [
        line
        for number, lines in enumerate(looks)
        for line in lines
        if any(_overlap(line, other) for i, others in enumerate(looks) if i != number for other in others)
    ]


def _overlap(one: TextLine, other: TextLine) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across > 0 and down > 0


def _grey(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """One frame in 256 levels; not a number is the lowest."""
    if plane.dtype == np.uint8:
        return np.ascontiguousarray(plane)
    values = np.nan_to_num(plane.astype(np.float32), nan=float(np.nanmin(plane)) if np.isfinite(plane).any() else 0.0)
    low, high = np.percentile(values, (_TAILS, 100 - _TAILS))
    return np.asarray(np.clip((values - low) * (255 / max(high - low, 1e-6)), 0, 255), np.uint8)


def _starts(length: int) -> list[int]:
    """Where tiles start that cover a length and overlap."""
    if length <= _TILE:
        return [0]
    count = -(-(length - _OVERLAP) // (_TILE - _OVERLAP))
    return [round(i * (length - _TILE) / (count - 1)) for i in range(count)]


def _moved(line: TextLine, left: int, top: int, rows: int, columns: int) -> TextLine:
    """A tile's line where it lies in the picture, with a margin around it."""
    margin = max(2, round(_MARGIN * min(line.bottom - line.top, line.right - line.left)))
    return TextLine(
        max(0, left + line.left - margin),
        max(0, top + line.top - margin),
        min(columns, left + line.right + margin),
        min(rows, top + line.bottom + margin),
        line.score,
        line.letters,
    )


def _read(tile: NDArray[np.uint8]) -> Iterator[TextLine]:
    colours = np.ascontiguousarray(np.stack([tile] * 3, axis=-1) if tile.ndim == 2 else tile[..., ::-1])
    for corners, text, score in _reader()(colours)[0] or ():
        letters = sum(map(str.isalnum, text))
        if float(score) < LIKELY or is_mark(text) or letters < _LETTERS:
            continue
        across, down = (np.asarray(corners, np.float64)[:, axis] for axis in (0, 1))
        low, high = np.floor([across.min(), down.min()]), np.ceil([across.max(), down.max()])
        yield TextLine(int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1, float(score), letters)


def is_mark(text: str) -> bool:
    """Whether a line says nothing but side, view or position."""
    words = re.findall(r"[A-Z0-9]+", text.upper())
    return bool(words) and all(word in _MARKS for word in words)


@cache
def _reader() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(
        intra_op_num_threads=1,
        inter_op_num_threads=1,
        use_cls=True,  # lines that run up, down or upside down are turned before they are read
        max_side_len=2 * _TILE,
        text_score=LIKELY,
        det_limit_side_len=_SIDE,
    )
