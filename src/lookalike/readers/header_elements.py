"""The elements of a DICOM header as data: how a decoding process hands on what it has read, without a parser behind it.

A list of [tag, VR, value]; a value is a text, a number, a list of these, or of a sequence a list of such lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from lookalike.errors import UnreadableImageError

_BULK: Final = frozenset({VR.OB, VR.OD, VR.OF, VR.OL, VR.OV, VR.OW, VR.UN})
_FRAMES: Final = frozenset({0x52009229, 0x52009230})  # the functional groups of all frames
_DEEPEST: Final = 12  # sequences in sequences
_KNOWN: Final = frozenset(str(each) for each in VR if len(each) == 2 and each not in _BULK)  # "US or SS" is none

Elements = list[list[Any]]


def elements_of(ds: Dataset, depth: int = 0) -> Elements:
    """The public elements of a data set, without bulk data, without what cannot be parsed, and without the functional
    groups of its frames (``source_image`` takes those of one).
    """
    found: Elements = []
    for tag in ds.keys() if depth < _DEEPEST else ():
        if not tag.is_private and tag not in _FRAMES and (element := _element(ds, tag, depth)) is not None:
            found.append(element)
    return found


def _element(ds: Dataset, tag: BaseTag, depth: int) -> list[Any] | None:
    try:
        element = ds[tag]
        if element.VR not in _KNOWN:
            return None
        if element.VR == VR.SQ:
            return [int(tag), "SQ", [elements_of(item, depth + 1) for item in element.value]]
        return [int(tag), str(element.VR), _plain(element.value)]
    except MemoryError:
        raise
    except Exception:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, (MultiValue, list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, BaseTag):
        return int(value)
    # A number in a text keeps its digits.
    return value if value is None or type(value) in (int, float) else str(value)


def data_set_of(elements: Sequence[Any]) -> Dataset:
    """The inverse of ``elements_of``. Raises UnreadableImageError for what it cannot have made."""
    try:
        return _data_set(elements)
    except Exception:
        raise UnreadableImageError("decoder-crash") from None


def _data_set(elements: Sequence[Any]) -> Dataset:
    made = Dataset()
    for tag, vr, value in elements:
        if vr not in _KNOWN:
            raise ValueError(vr)
        made.add_new(int(tag), vr, [_data_set(item) for item in value] if vr == "SQ" else value)
    return made
