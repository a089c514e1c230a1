"""From a DICOM frame's stored values to modality units, and how the file wants them shown (PS3.3 C.7.6.16, C.11)."""

from __future__ import annotations

import math
from typing import Any, Final, Literal

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut

from lookalike.pixels import apply_lut, rescale
from lookalike.text import plain_text
from lookalike.types import Lut, Window

_AIR: Final = -500  # a rescale intercept below it makes Hounsfield units of a CT's stored values


def value_of(ds: Dataset, keyword: str) -> Any:
    """An element's value, or None if it is missing or malformed, which does not invalidate the picture."""
    try:
        return ds.get(keyword)
    except MemoryError:
        raise
    except Exception:
        return None


def modality_values(ds: Dataset, stored: NDArray[np.generic], number: int) -> tuple[NDArray[np.generic], str]:
    """A frame in modality units, and "HU" if the file says that these are Hounsfield units, or "".

    Palette colours, or the modality LUT or rescale (PS3.3 C.11.1) applied; padding (C.7.5.1.1.2) is NaN.
    """
    if ds.get("PhotometricInterpretation") == "PALETTE COLOR":
        return _palette_colours(ds, stored), ""
    if stored.ndim == 3:
        return stored, ""
    values, units = _rescaled(ds, stored, number)
    return _without_padding(ds, stored, values), units


def _rescaled(ds: Dataset, stored: NDArray[np.generic], number: int) -> tuple[NDArray[np.generic], str]:
    of_frame = functional_group(ds, number, "PixelValueTransformationSequence") or ds
    item = lut_item(of_frame, "ModalityLUTSequence")
    if item is not None and (lut := look_up_table(ds, item)) is not None:
        return apply_lut(stored, lut[0]), _hounsfield(ds, item.get("ModalityLUTType"), 0)
    slope, intercept = (_first(value_of(of_frame, name)) for name in ("RescaleSlope", "RescaleIntercept"))
    if not slope or not np.isfinite([slope, intercept or 0]).all():
        return stored, ""
    units = _hounsfield(ds, value_of(of_frame, "RescaleType"), intercept or 0)
    return rescale(stored, slope, intercept or 0), units


def _hounsfield(ds: Dataset, named: Any, intercept: float) -> str:
    """ "HU" for a CT whose file names these units, or names none and shifts air far below 0."""
    said = str(named or "").strip().upper()
    return "HU" if ds.get("Modality") == "CT" and (said == "HU" or (not said and intercept <= _AIR)) else ""


def _without_padding(ds: Dataset, stored: NDArray[np.generic], values: NDArray[np.generic]) -> NDArray[np.generic]:
    """The values with NaN where the stored ones are padding; a frame of nothing but padding is left as it is."""
    limits = _padding(ds, stored.dtype)
    if limits is None:
        return values
    levels: NDArray[Any] = stored
    padded = (levels >= limits[0]) & (levels <= limits[1])
    if not padded.any() or padded.all():
        return values
    floats = values.astype(np.float32 if np.can_cast(values.dtype, np.float32) else np.float64)
    floats[padded] = np.nan
    return floats


def _padding(ds: Dataset, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """The lowest and the highest stored value that are padding."""
    if dtype.kind == "f":
        prefix = "Double" if dtype.itemsize == 8 else ""
        ends = [_only(value_of(ds, f"{prefix}FloatPixelPadding{name}")) for name in ("Value", "RangeLimit")]
    else:
        ends = [_stored(ds, _only(value_of(ds, f"PixelPadding{name}"))) for name in ("Value", "RangeLimit")]
    first, last = ends[0], ends[1] if ends[1] is not None else ends[0]
    return None if first is None or last is None else (min(first, last), max(first, last))


def _only(value: Any) -> float | None:
    """A number; None if there is none, or several: then something else was parsed."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _stored(ds: Dataset, value: float | None) -> float | None:
    """A padding value as the decoder gives it: 16 bits, signed as the pixels are whatever the element is, and without
    the bits that are not stored.
    """
    if value is None or not math.isfinite(value):
        return None
    signed, bits = ds.get("PixelRepresentation", 0) == 1, min(int(ds.get("BitsStored") or 16), 16)
    number = int(value) & ((1 << bits) - 1)
    return float(number - (1 << bits) if signed and number >> (bits - 1) else number)


def _palette_colours(ds: Dataset, stored: NDArray[np.generic]) -> NDArray[np.generic]:
    """Palette colour (PS3.3 C.7.6.3.1.5): (rows, columns) -> (rows, columns, 3) uint8 or uint16."""
    if "SegmentedRedPaletteColorLookupTableData" in ds:
        return np.asarray(apply_color_lut(stored, ds))[..., :3]
    descriptor = ds.RedPaletteColorLookupTableDescriptor  # the same for all three colours
    luts = [
        _table(ds, descriptor, ds[f"{colour}PaletteColorLookupTableData"].value)[0]
        for colour in ("Red", "Green", "Blue")
    ]
    deep = max(lut.table.max() for lut in luts) > 0xFF
    return np.stack([apply_lut(stored, lut) for lut in luts], axis=-1).astype(np.uint16 if deep else np.uint8)


def lut_item(ds: Dataset, keyword: str) -> Dataset | None:
    """The first item of a look-up table sequence, if it holds a table; in some files it is empty."""
    items = value_of(ds, keyword) or []
    if len(items) == 0 or not (items[0].get("LUTDescriptor") and items[0].get("LUTData")):
        return None
    item: Dataset = items[0]
    return item


def functional_group(ds: Dataset, number: int, keyword: str) -> Dataset | None:
    """The item of a functional group macro for one frame (PS3.3 C.7.6.16): its own, else the shared."""
    for sequence, index in (("PerFrameFunctionalGroupsSequence", number), ("SharedFunctionalGroupsSequence", 0)):
        items = ds.get(sequence) or []
        if index < len(items) and items[index].get(keyword):
            item: Dataset = items[index][keyword].value[0]
            return item
    return None


def windows_of(ds: Dataset, number: int) -> tuple[tuple[Window, ...], Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]]:
    """The usable windows of the frame, or else of the file, in their order, and the function of all (PS3.3
    C.11.2.1.2).
    """
    of_frame = _of_frame(ds, number, "WindowCenter")
    centers, widths, names = (
        _values(value_of(of_frame, name)) for name in ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation")
    )
    pairs = [(_only(center), _only(width)) for center, width in zip(centers, widths, strict=False)]
    found = tuple(
        Window(center, width, plain_text(str(names[i])) if i < len(names) else "")
        for i, (center, width) in enumerate(pairs)
        if center is not None and width is not None and width > 0 and np.isfinite([center, width]).all()
    )
    function = str(value_of(of_frame, "VOILUTFunction") or "LINEAR")
    return found, function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"  # type: ignore[return-value]


def _of_frame(ds: Dataset, number: int, keyword: str) -> Dataset:
    """Where a frame's VOI is: in its functional groups, or else in the file."""
    group = functional_group(ds, number, "FrameVOILUTSequence")
    return group if group is not None and group.get(keyword) else ds


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, pydicom.multival.MultiValue) else [value]


def _first(value: Any) -> float | None:
    """The first of one or more decimal strings, or None."""
    values = _values(value)
    return _only(values[0]) if values else None


def voi_lut(ds: Dataset, number: int) -> Lut | None:
    """The first VOI LUT of the frame, or else of the file (PS3.3 C.11.2.1.1), scaled to [0, 1]; it takes precedence
    over a window.
    """
    item = lut_item(_of_frame(ds, number, "VOILUTSequence"), "VOILUTSequence")
    if item is None or (found := look_up_table(ds, item)) is None:
        return None
    lut, bits = found
    return Lut(lut.first, np.clip(lut.table / np.float32((1 << bits) - 1), 0, 1))


def look_up_table(ds: Dataset, item: Dataset) -> tuple[Lut, int] | None:
    """The table of an item; None if it is malformed, which does not invalidate the picture."""
    try:
        lut, bits = _table(ds, item.LUTDescriptor, item["LUTData"].value)
    except MemoryError:
        raise
    except Exception:
        return None
    return (lut, bits) if len(lut.table) and bits > 0 else None


def _table(ds: Dataset, descriptor: Any, data: Any) -> tuple[Lut, int]:
    """A look-up table (PS3.3 C.11.1.1.1) with its raw entries, and how many bits each uses."""
    entries, first, bits = (int(v) for v in descriptor)
    entries = entries or 0x10000
    if ds.get("PixelRepresentation", 0) == 1 and first > 0x7FFF:
        first -= 0x10000
    if isinstance(data, bytes):
        # OW: words in the file's byte order; a table of 8-bit entries may be packed.
        order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
        table = np.frombuffer(data, f"{order}u2" if len(data) >= 2 * entries else "u1")
    else:
        table = np.atleast_1d(np.asarray(data))
    return Lut(first, table[:entries].astype(np.float32)), bits
