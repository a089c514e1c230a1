"""What may tell volumes at the same places apart: b value, echo, magnitude and phase, time ... of DICOM slices.

Values are hashed: they are compared, never shown, and times of day belong to a patient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

_KEYWORDS: Final = (
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "DiffusionDirectionality",
    "EchoNumbers",
    "EchoTime",
    "EffectiveEchoTime",
    "InversionTime",
    "FlipAngle",
    "RepetitionTime",
    "ComplexImageComponent",
    "ImageType",
    "FrameType",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "TemporalPositionTimeOffset",
    "CardiacNumberOfImages",
    "NominalCardiacTriggerDelayTime",
    "NominalPercentageOfCardiacPhase",
    "NominalPercentageOfRespiratoryPhase",
    "TriggerTime",
    "StackID",
    "AcquisitionNumber",
    "FrameAcquisitionNumber",
    "FrameReferenceTime",
    "AcquisitionDateTime",
    "FrameAcquisitionDateTime",
    "FrameReferenceDateTime",
    "AcquisitionTime",
    "AcquisitionDate",
    "ContentTime",
    "SeriesNumber",
    "SeriesTime",
    "SeriesDescription",
    "ProtocolName",
    "SequenceName",
    "ScanOptions",
    "KVP",
    "ConvolutionKernel",
    "FilterType",
    "ContrastBolusAgent",
    "PhaseNumber",
    "EnergyWindowNumber",
    "RescaleType",
    "Units",
    "ImageComments",
)
_PRIVATE: Final = {
    "b value (Siemens)": Tag(0x0019, 0x100C),
    "direction (Siemens)": Tag(0x0019, 0x100E),
    "b value (GE)": Tag(0x0043, 0x1039),
    "direction x (GE)": Tag(0x0019, 0x10BB),
    "direction y (GE)": Tag(0x0019, 0x10BC),
    "direction z (GE)": Tag(0x0019, 0x10BD),
    "image type (GE)": Tag(0x0043, 0x102F),
    "b value (Philips)": Tag(0x2001, 0x1003),
    "direction (Philips)": Tag(0x2001, 0x1004),
    "direction x (Philips)": Tag(0x2005, 0x10B0),
    "direction y (Philips)": Tag(0x2005, 0x10B1),
    "direction z (Philips)": Tag(0x2005, 0x10B2),
    "image type (Philips)": Tag(0x2005, 0x1011),
    "b value (UIH)": Tag(0x0065, 0x1009),
    "direction (UIH)": Tag(0x0065, 0x1037),
}
# Found first, they would tell the slices of a volume apart and not the volumes.
_OF_A_PLACE: Final = frozenset({"ImagePositionPatient", "InStackPositionNumber", "SliceLocation"})

DIMENSION_TAGS: Final[tuple[str | BaseTag, ...]] = (*_KEYWORDS, *_PRIVATE.values())
"""The elements that ``file_dimensions`` looks at."""


def file_dimensions(ds: Dataset) -> dict[str, str]:
    """The dimensions of a file of one slice, or of one volume, by name; the likeliest first."""
    found = {name: _hash(ds, name) for name in _KEYWORDS if name in ds}
    return found | {name: _hash(ds, tag) for name, tag in _PRIVATE.items() if tag in ds}


def frame_dimensions(groups: Sequence[Dataset]) -> list[dict[str, str]]:
    """The dimensions of each frame of a multi-frame file, from its functional groups: all that differs among them."""
    found = [dict(_elements(group)) for group in groups]
    values: dict[str, set[str]] = {}
    for each in found:
        for name, value in each.items():
            values.setdefault(name, set()).add(value)
    several = {name for name in values if len({each.get(name) for each in found}) in range(2, len(found))}
    order = [*(name for name in _KEYWORDS if name in several), *sorted(several.difference(_KEYWORDS))]
    return [{name: each[name] for name in order if name in each} for each in found]


def _elements(group: Dataset) -> Iterator[tuple[str, str]]:
    """The elements of standard functional groups, two levels deep."""
    for sequence in group:
        if sequence.VR == "SQ" and not sequence.tag.is_private and len(sequence.value):
            yield from _of_item(sequence.value[0], deeper=True)


def _of_item(item: Dataset, *, deeper: bool) -> Iterator[tuple[str, str]]:
    for element in item:
        if element.VR == "SQ":
            if deeper and len(element.value):
                yield from _of_item(element.value[0], deeper=False)
        elif element.keyword == "DimensionIndexValues":
            yield from ((f"DimensionIndexValues {i}", _digest(n)) for i, n in enumerate(_listed(element.value)))
        elif element.keyword and element.keyword not in _OF_A_PLACE:
            yield element.keyword, _digest(element.value)


def _hash(ds: Mapping[Any, Any] | Dataset, name: str | BaseTag) -> str:
    try:
        return _digest(ds[name].value)
    except Exception:  # malformed: it tells nothing apart
        return ""


def _digest(value: Any) -> str:
    text = "\\".join(_plain(each) for each in _listed(value))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, MultiValue | list | tuple) else [value]


def _plain(value: Any) -> str:
    """Numbers in six digits, so that 30 and 30.0 are one value."""
    return f"{float(value):.6g}" if isinstance(value, int | float) else str(value)
