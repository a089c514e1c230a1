"""What is kept of a DICOM header: a few attributes, each only with a value that is known beforehand.

Any element may hold a name, whatever the standard says of it. So nothing is kept for being short or for looking like a
code: a value is one of ``known_values``, or it is left out, and that is said (without the value).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from pydicom.dataset import Dataset

from lookalike.readers.dicom_values import value_of
from lookalike.readers.known_values import (
    BODY_PARTS,
    MAKERS,
    MODALITY_TERMS,
    PHOTOMETRIC,
    PRODUCTS,
    SEQUENCE_TERMS,
    VIEWS,
)
from lookalike.types import Attribute

BURNED_IN: Final = "BurnedInAnnotation"
VISUAL_FEATURES: Final = "RecognizableVisualFeatures"
OLDEST: Final = 90.0
"""Years; whoever is older is of this age: above 89 an age tells who it is (45 CFR 164.514(b)(2)(i)(C))."""

_OTHER_MODALITY: Final = "OT"  # PS3.3 C.7.3.1.1.1, "Other"
_OTHER: Final = "other"
_YEARS: Final = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}


def _squeezed(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def _words(text: str) -> tuple[str, ...]:
    """Letters and numbers apart: ``Biograph40_mCT`` -> biograph, 40, mct."""
    return tuple(re.findall(r"[a-z]+|\d+", text.lower().replace(".", "")))


def _term(text: str, terms: Mapping[str, str]) -> str | None:
    return terms.get(_squeezed(text))


def _terms(terms: Iterable[str]) -> Callable[[str], str | None]:
    return partial(_term, terms={_squeezed(term): term for term in terms})


def _name(text: str, names: Mapping[tuple[str, ...], str]) -> str | None:
    words = _words(text)
    ends = range(len(words), 0, -1)
    return next((names[words[:end]] for end in ends if words[:end] in names), None)


def _names(names: Iterable[tuple[str, str]]) -> Callable[[str], str | None]:
    return partial(_name, names={_words(alias): name for alias, name in names})


def _years(age: str) -> float | None:
    """An Age String (PS3.5 section 6.2), 018M, 045Y, ... -> years, at most ``OLDEST``."""
    match = re.fullmatch(r"\s*([0-9]{1,3})([DWMY])\s*", age)
    return None if match is None else min(OLDEST, round(int(match[1]) / _YEARS[match[2]], 2))


def _sequences(text: str) -> str | None:
    """The codes of a Scanning Sequence (PS3.3 C.8.3.1), several in the order of the alphabet."""
    codes = re.findall(r"[^\W_]+", text.upper())
    return " ".join(sorted(set(codes))) if codes and all(code in SEQUENCE_TERMS for code in codes) else None


def _agent(text: str) -> str | None:
    """Whether a contrast agent was given: its name is no known value."""
    return "NO" if _squeezed(text) in ("NO", "NONE", "NATIVE") else "YES" if _squeezed(text) else None


_KNOWN: Final[Mapping[str, Callable[[str], Attribute | None]]] = {
    "Modality": _terms(MODALITY_TERMS),
    "BodyPartExamined": _terms(BODY_PARTS),
    "ViewPosition": _terms(VIEWS),
    "Laterality": _terms("RL"),
    "ImageLaterality": _terms("RLUB"),
    "PatientSex": _terms("MFO"),
    "PatientAge": _years,
    "Manufacturer": _names((alias, maker) for maker, aliases in MAKERS.items() for alias in aliases),
    "ManufacturerModelName": _names((name, name) for name in PRODUCTS),
    "PhotometricInterpretation": _terms(PHOTOMETRIC),
    "ScanningSequence": _sequences,
    "ContrastBolusAgent": _agent,
    VISUAL_FEATURES: _terms(("YES", "NO")),
}
_INSTEAD: Final = {"Modality": _OTHER_MODALITY, "Manufacturer": _OTHER, "ManufacturerModelName": _OTHER}

KEPT: Final = tuple(_KNOWN)
"""The attributes that are kept: enough to filter and audit, but none that identifies a person, place or day."""


def known_value(keyword: str, text: str) -> Attribute | None:
    """The known value that a text stands for; None if it stands for none. keyword: one of ``KEPT``."""
    return _KNOWN[keyword](text)


def kept_attributes(ds: Dataset) -> tuple[dict[str, Attribute], tuple[str, ...]]:
    """The attributes of a file that are kept; and the keywords of which something is to be said: those whose value is
    not known, and ``BURNED_IN`` where the file says that its pixels show text.
    """
    kept: dict[str, Attribute] = {}
    remarks: list[str] = []
    for keyword, text in ((keyword, _text(ds, keyword)) for keyword in KEPT):
        value = known_value(keyword, text)
        if text and value is None:
            remarks.append(keyword)
        if (found := _INSTEAD.get(keyword) if text and value is None else value) is not None:
            kept[keyword] = found
    burned_in = _squeezed(_text(ds, BURNED_IN)) == "YES"
    return kept, (*remarks, *[BURNED_IN] * burned_in)


def _text(ds: Dataset, keyword: str) -> str:
    value = value_of(ds, keyword)
    return "" if value is None else str(value).strip("\0 ")
