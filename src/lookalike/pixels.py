"""Pixel processing, from decoded values to the displayed picture and the network's input: pure functions.

Order (DICOM PS3.3 C.11): modality LUT (done by the reader) -> VOI LUT or window -> MONOCHROME1
inversion last. Then the same steps for every source: stretch between two percentiles, 8 bits, resize. So a
picture gives the same input whether it comes as DICOM or as PNG.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.margins import inside_margins
from lookalike.types import Displayed, Image, Lut, Preprocessing

_RESAMPLE: Final = {
    "nearest": PIL.Image.Resampling.NEAREST,
    "bilinear": PIL.Image.Resampling.BILINEAR,
    "bicubic": PIL.Image.Resampling.BICUBIC,
    "lanczos": PIL.Image.Resampling.LANCZOS,
    "box": PIL.Image.Resampling.BOX,
}
_PERCENTILE_SAMPLES: Final = 1 << 16  # values used for percentiles, at least
THUMBNAIL_SIDE: Final = 160


def rescale(stored: NDArray[np.generic], slope: float, intercept: float) -> NDArray[np.generic]:
    """Modality LUT as a line (PS3.3 C.11.1.1.2): stored values -> modality units, same shape."""
    if slope == 1 and intercept == 0:
        return stored
    return _as_float(stored) * slope + intercept


def _as_float(values: NDArray[np.generic]) -> NDArray[np.floating[Any]]:
    """A copy in the smaller float that holds every value of the dtype: 32-bit integers need float64."""
    floats: NDArray[np.floating[Any]] = values.astype(
        np.float32 if np.can_cast(values.dtype, np.float32) else np.float64
    )
    return floats


def apply_window(
    values: NDArray[np.generic], center: float, width: float, function: str = "LINEAR"
) -> NDArray[np.float32]:
    """Window (PS3.3 C.11.2.1.2 and .3): modality units -> [0, 1] float32, same shape."""
    x = _as_float(values)
    if function == "SIGMOID":
        # Beyond +-80 the exponential would over- or underflow, and the result is 0 or 1 anyway.
        power = np.clip(-4 * (x - center) / max(width, 1e-6), -80, 80)
        result: NDArray[np.float32] = (1 / (1 + np.exp(power))).astype(np.float32)
        return result
    if function == "LINEAR_EXACT":
        low, span = center - width / 2, width
    else:
        low, span = center - 0.5 - (width - 1) / 2, width - 1
    x -= low
    x /= max(span, 1e-6)
    return np.clip(x, 0, 1, out=x).astype(np.float32, copy=False)


def apply_lut(values: NDArray[np.generic], lut: Lut) -> NDArray[np.float32]:
    """Modality or VOI LUT (PS3.3 C.11.1, C.11.2.1.1): values -> table entries, same shape.

    Values outside the table take its end entries, values between two entries the nearer one; NaN stays NaN.
    """
    integers = np.issubdtype(values.dtype, np.integer)
    offset = values.astype(np.int64 if integers else np.float64) - lut.first
    if not integers:
        offset = np.nan_to_num(np.rint(offset), nan=0)
    shown: NDArray[np.float32] = lut.table[np.clip(offset, 0, len(lut.table) - 1).astype(np.int64)]
    if not integers:
        shown[np.isnan(values)] = np.nan
    return shown


def display(image: Image) -> NDArray[np.generic]:
    """The 2-D picture as a viewer shows it, before any stretch: (rows, columns, channels).

    With a VOI LUT or window the values are in [0, 1], otherwise they keep the modality's units; low is
    dark. A window that would give the whole picture one value is ignored.
    """
    plane = image.pixels[0]
    shown: NDArray[np.generic] = plane
    if image.voi_lut is not None:
        shown = apply_lut(plane, image.voi_lut)
    elif image.window is not None and image.window[1] > 0:
        shown = apply_window(plane, *image.window, image.window_function)
    if shown is not plane and np.fmin.reduce(shown, axis=None) == np.fmax.reduce(shown, axis=None):
        shown = plane
    return as_monochrome2(shown, image)


def as_monochrome2(values: NDArray[np.generic], image: Image) -> NDArray[np.generic]:
    """Values of an image's pixels with the high ones bright (PS3.3 C.7.6.3.1.2): those of MONOCHROME1 negated."""
    return -_as_float(values) if image.inverted else values


def upright(image: Image) -> Image:
    """The image with its high values bright, those of MONOCHROME1 negated, and its windows with them."""
    if not image.inverted:
        return image
    windows = tuple(replace(window, center=-window.center) for window in image.windows)
    return replace(image, pixels=as_monochrome2(image.pixels, image), windows=windows, inverted=False)


def stretch(values: NDArray[np.generic], percentiles: tuple[float, float]) -> NDArray[np.uint8]:
    """Any values -> uint8, the given percentiles at 0 and 255, same shape.

    The percentiles come from a regular grid of at least 65,536 values (all, where there are fewer), over
    all channels together; a grey picture stored as RGB is treated as the grey one. A picture of one value
    becomes black. Values that are not finite are left out and shown as the lowest; raises
    UnreadableImageError("damaged-pixels") if none is finite.
    """
    sample = _sample(values)
    if values.dtype == np.uint8 and values.size:
        return _of_levels(values.astype(np.uint8, copy=False), sample, percentiles)
    if not np.issubdtype(values.dtype, np.integer):
        values, sample = _finite(values), sample[np.isfinite(sample)]
    low, high = np.percentile((sample if sample.size else values).astype(np.float64), percentiles)
    return _eight_bits(values, float(low), float(high))


def _of_levels(
    values: NDArray[np.uint8], sample: NDArray[np.generic], percentiles: tuple[float, float]
) -> NDArray[np.uint8]:
    """``stretch`` of 8-bit values: each of the 256 levels is computed once and looked up."""
    levels, counts = np.arange(256, dtype=np.uint8), np.bincount(sample.ravel(), minlength=256)
    low, high = (_percentile(levels, counts, q) for q in percentiles)
    if low >= high:
        return _eight_bits(values, low, high)
    shown: NDArray[np.uint8] = _eight_bits(levels, low, high).take(values)
    return shown


def _sample(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """The values on a regular grid that percentiles are taken from."""
    step = max(1, int((values.shape[0] * values.shape[1] / _PERCENTILE_SAMPLES) ** 0.5))
    sample = values[::step, ::step]
    # Grey stored as RGB: exactly as the grey picture.
    grey = sample.shape[2:] == (3,) and bool((sample == sample[..., :1]).all())
    return sample[..., 0] if grey else sample


def _eight_bits(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """low -> 0, high -> 255."""
    if low >= high:  # a few bright pixels on a uniform background
        low, high = float(values.min()), float(values.max())
    if low >= high:
        return np.zeros(values.shape, np.uint8)
    if (low, high) == (0, 255) and values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    scale = 255 / (high - low)
    x = _as_float(values)
    if not 1e-30 < scale < 1e30:  # 32 bits would overflow
        x = x.astype(np.float64)
    x -= low
    x *= scale
    x += 0.5
    return np.clip(x, 0, 255, out=x).astype(np.uint8)


def _finite(values: NDArray[np.generic]) -> NDArray[np.floating[Any]]:
    x = _as_float(values)
    finite = np.isfinite(x)
    if finite.all():
        return x
    if not finite.any():
        raise UnreadableImageError("damaged-pixels")
    filled: NDArray[np.floating[Any]] = np.where(finite, x, x[finite].min())
    return filled


def picture(image: Image, percentiles: tuple[float, float]) -> PIL.Image.Image:
    """The 2-D picture as 8-bit Pillow image, mode L or RGB."""
    plane = image.pixels[0]
    if image.voi_lut is None and plane.dtype.kind in "iu" and plane.dtype.itemsize <= 4:
        first, last = int(plane.min()), int(plane.max())
        if max(last, last - first) < min(plane.size, 1 << 16):
            shown = _by_value(image, first, last, percentiles)
            return PIL.Image.fromarray(shown[..., 0] if shown.shape[-1] == 1 else shown)
    shown = stretch(display(image), percentiles)
    return PIL.Image.fromarray(shown[..., 0] if shown.shape[-1] == 1 else shown)


def _by_value(image: Image, first: int, last: int, percentiles: tuple[float, float]) -> NDArray[np.uint8]:
    """``stretch(display(image))``, bit for bit, for integers from first to last.

    Both work value by value, and there are fewer values than pixels: each is computed once and looked up.
    """
    index = image.pixels[0] if first >= 0 else image.pixels[0].astype(np.intp) - first
    skipped = max(first, 0)  # entries for values that do not occur, so that pixels can be used as indices
    values = np.arange(first, last + 1).astype(image.pixels.dtype)
    shown = display(replace(image, pixels=values[None, :, None, None]))
    counts = np.bincount(_sample(index).ravel(), minlength=skipped + len(values))[skipped:]
    low, high = (_percentile(shown[:, 0, 0], counts, q) for q in percentiles)
    table = np.zeros(skipped + len(values), np.uint8)
    table[skipped:] = _eight_bits(shown, low, high)[:, 0, 0]
    result: NDArray[np.uint8] = table.take(index)
    return result


def _percentile(values: NDArray[np.generic], counts: NDArray[np.intp], percentile: float) -> float:
    """``np.percentile`` of the values, each repeated as often as counted."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order])
    place = float(reached[-1] - 1) * (percentile / 100)
    below = int(place)
    ranks = [below, min(below + 1, int(reached[-1]) - 1)]
    a, b = (float(v) for v in values[order][np.searchsorted(reached, ranks, side="right")])
    part = place - below
    return a + (b - a) * part if part < 0.5 else b - (b - a) * (1 - part)


def resize(shown: PIL.Image.Image, recipe: Preprocessing) -> PIL.Image.Image:
    """Fit a picture to the recipe's (rows, columns): squashed, cropped or padded."""
    rows, columns = recipe.size
    resample = _RESAMPLE[recipe.resample]
    if recipe.resize == "square":
        shown = _squared(shown, max(rows, columns))
    if recipe.resize in ("squash", "square"):
        edge = recipe.shortest_edge
        return _centre_of(shown.resize((edge, edge) if edge else (columns, rows), resample), columns, rows)
    if recipe.resize == "crop":
        edge = recipe.shortest_edge or min(rows, columns)
        return _centre_of(shown.resize(_scaled(shown.size, edge, min(shown.size)), resample), columns, rows)
    wide = shown.width * rows >= shown.height * columns
    target, side = (columns, shown.width) if wide else (rows, shown.height)
    if recipe.resize == "pad":
        inner = shown.resize(_scaled(shown.size, target, side), resample)
        return _centred(inner, columns, rows)
    canvas = PIL.Image.new("RGB", (columns, rows), recipe.fill)
    canvas.paste(shown.convert("RGB").resize(_scaled(shown.size, target, side, rounding=0.5), resample))
    return canvas


def placement(shown: Displayed, recipe: Preprocessing) -> tuple[float, float, float, float]:
    """Where ``fitted`` puts a picture: (left, top, width, height) in fractions of the input.

    Parts outside of 0 to 1 are cropped; parts that the picture does not cover are padded.
    """
    if shown.inside is None:
        return _placement((shown.rows, shown.columns), recipe)
    top, left, bottom, right = shown.inside
    x, y, width, height = _placement((bottom - top, right - left), recipe)
    across, down = width / (right - left), height / (bottom - top)
    return x - left * across, y - top * down, shown.columns * across, shown.rows * down


def _placement(size: tuple[int, int], recipe: Preprocessing) -> tuple[float, float, float, float]:
    (rows, columns), (high, wide) = recipe.size, size
    shape = wide, high
    if recipe.resize in ("squash", "square"):
        edge = recipe.shortest_edge
        width, height = (edge, edge) if edge else (columns, rows)
        left, top = -((width - columns) // 2), -((height - rows) // 2)
        if recipe.resize == "squash":
            return left / columns, top / rows, width / columns, height / rows
        side = max(rows, columns, *shape)
        across, down = (side - wide) // 2 / side, (side - high) // 2 / side
        return (
            (left + width * across) / columns,
            (top + height * down) / rows,
            width * wide / side / columns,
            height * high / side / rows,
        )
    if recipe.resize == "crop":
        width, height = _scaled(shape, recipe.shortest_edge or min(rows, columns), min(shape))
        return -((width - columns) // 2) / columns, -((height - rows) // 2) / rows, width / columns, height / rows
    corner = recipe.resize == "corner"
    target, side = (columns, wide) if wide * rows >= high * columns else (rows, high)
    width, height = _scaled(shape, target, side, rounding=0.5 if corner else 0.0)
    left, top = (0, 0) if corner else ((columns - width) // 2, (rows - height) // 2)
    return left / columns, top / rows, width / columns, height / rows


def _scaled(size: tuple[int, int], target: int, side: int, rounding: float = 0.0) -> tuple[int, int]:
    """(width, height) with ``side`` scaled to ``target``, in an order of operations without rounding errors."""
    width, height = (int(length * target / side + rounding) for length in size)
    return max(1, width), max(1, height)


def _centre_of(scaled: PIL.Image.Image, columns: int, rows: int) -> PIL.Image.Image:
    left, top = (scaled.width - columns) // 2, (scaled.height - rows) // 2
    return scaled.crop((left, top, left + columns, top + rows))


def _squared(shown: PIL.Image.Image, least: int) -> PIL.Image.Image:
    side = max(least, *shown.size)
    return _centred(shown, side, side)


def _centred(inner: PIL.Image.Image, columns: int, rows: int) -> PIL.Image.Image:
    canvas = PIL.Image.new(inner.mode, (columns, rows))
    canvas.paste(inner, ((columns - inner.width) // 2, (rows - inner.height) // 2))
    return canvas


def fitted(shown: PIL.Image.Image, recipe: Preprocessing) -> tuple[NDArray[np.uint8], Displayed]:
    """A shown picture -> what the network sees, (rows, columns, 3) uint8, and which part of the picture that is."""
    if recipe.parts:
        canvas, top = np.zeros((*recipe.size, 3), np.uint8), 0
        for part in recipe.parts:
            canvas[top : top + part.size[0], : part.size[1]] = model_input(shown, part)
            top += part.size[0]
        return canvas, Displayed(shown.height, shown.width)
    if recipe.margins == "keep":
        return np.asarray(resize(shown, recipe).convert("RGB")), Displayed(shown.height, shown.width)
    top, left, bottom, right = box = inside_margins(np.asarray(shown))
    inside = _stretched_anew(shown.crop((left, top, right, bottom)), recipe.percentiles)
    return np.asarray(resize(inside, recipe).convert("RGB")), Displayed(shown.height, shown.width, box)


def _stretched_anew(inside: PIL.Image.Image, percentiles: tuple[float, float]) -> PIL.Image.Image:
    """A picture without the margins, whose grey levels had their share of the percentiles."""
    values = np.asarray(inside)
    return PIL.Image.fromarray(stretch(values, percentiles))


def model_input(shown: PIL.Image.Image, recipe: Preprocessing) -> NDArray[np.uint8]:
    """A shown picture -> what the network sees: (rows, columns, 3) uint8."""
    return fitted(shown, recipe)[0]


def prepare(image: Image, recipe: Preprocessing) -> NDArray[np.uint8]:
    """A 2-D Image -> what the network sees: (rows, columns, 3) uint8."""
    return model_input(picture(image, recipe.percentiles), recipe)


def thumbnail(shown: PIL.Image.Image, side: int = THUMBNAIL_SIDE) -> bytes:
    """A small JPEG of a shown picture, ``side`` pixels on the long side."""
    small = shown.copy()
    small.thumbnail((side, side), PIL.Image.Resampling.BILINEAR, reducing_gap=1.0)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return out.getvalue()


def from_array(pixels: NDArray[np.generic]) -> Image:
    """A picture held as an array, (rows, columns) or (rows, columns, 1 or 3), as an Image.

    Raises UnreadableImageError("unsupported-pixels") for any other shape or a non-numeric dtype.
    """
    array = np.asarray(pixels)
    if array.ndim == 2:
        array = array[..., None]
    numeric = array.dtype.kind in "iufb"
    if array.ndim != 3 or array.shape[-1] not in (1, 3) or 0 in array.shape or not numeric:
        raise UnreadableImageError("unsupported-pixels")
    if array.dtype == bool:
        array = array.astype(np.uint8)
    return Image(pixels=array[None])
