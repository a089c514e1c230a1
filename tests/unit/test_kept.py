"""What is kept of a DICOM header is one of the values that are known beforehand, whatever stands there."""

from __future__ import annotations

import random
import string
from itertools import product

import pytest
from pydicom.dataset import Dataset

from lookalike.readers.kept import KEPT, OLDEST, kept_attributes, known_value
from lookalike.readers.known_values import (
    BODY_PARTS,
    MAKERS,
    MODALITY_TERMS,
    PHOTOMETRIC,
    PRODUCTS,
    SEQUENCE_TERMS,
    VIEWS,
)

KNOWN = {
    "Modality": {*MODALITY_TERMS},
    "BodyPartExamined": {*BODY_PARTS},
    "ViewPosition": {*VIEWS},
    "Laterality": {*"RL"},
    "ImageLaterality": {*"RLUB"},
    "PatientSex": {*"MFO"},
    "Manufacturer": {*MAKERS, "other"},
    "ManufacturerModelName": {*PRODUCTS, "other"},
    "PhotometricInterpretation": {*PHOTOMETRIC},
    "ScanningSequence": {" ".join(sorted(each)) for n in range(1, 6) for each in product(SEQUENCE_TERMS, repeat=n)},
    "ContrastBolusAgent": {"YES", "NO"},
    "RecognizableVisualFeatures": {"YES", "NO"},
}


def header(**elements: object) -> Dataset:
    ds = Dataset()
    for keyword, value in elements.items():
        setattr(ds, keyword, "")
        ds[keyword]._value = value
    return ds


@pytest.mark.parametrize(
    ("keyword", "text", "kept"),
    [
        ("Modality", "CR", "CR"),
        ("Modality", "DOE", "OT"),
        ("Modality", "", None),
        ("BodyPartExamined", "whole body", "WHOLEBODY"),
        ("BodyPartExamined", "DOE^JANE", None),
        ("BodyPartExamined", "CHEST DOE", None),
        ("ViewPosition", "AP", "AP"),
        ("ViewPosition", "AP JANE", None),
        ("Laterality", "R", "R"),
        ("ImageLaterality", "B", "B"),
        ("PatientSex", "F", "F"),
        ("PatientSex", "0000", None),
        ("PatientAge", "089Y", 89.0),
        ("PatientAge", "101Y", OLDEST),
        ("PatientAge", "\u0661\u0662\u0663Y", None),
        ("PatientAge", "DOE", None),
        ("Manufacturer", "Philips Medical Systems", "Philips"),
        ("Manufacturer", "G.E. Medical Systems", "GE MEDICAL SYSTEMS"),
        ("Manufacturer", "GEORGE DOE", "other"),
        ("Manufacturer", "TOSHIBA_MEC", "Canon"),
        ("Manufacturer", "FUJI PHOTO FILM CO. LTD.", "FUJIFILM"),
        ("Manufacturer", "Siemens, bought by Jane Doe", "SIEMENS"),
        ("ManufacturerModelName", "LightSpeed VCT", "LightSpeed VCT"),
        ("ManufacturerModelName", "Brilliance 16P", "Brilliance 16P"),
        ("ManufacturerModelName", "Achieva of Jane Doe", "Achieva"),
        ("ManufacturerModelName", "Jane Doe", "other"),
        ("ManufacturerModelName", "12345678", "other"),
        ("PhotometricInterpretation", "MONOCHROME2", "MONOCHROME2"),
        ("PhotometricInterpretation", "DOE", None),
        ("ScanningSequence", "GR\\IR", "GR IR"),
        ("ScanningSequence", "SE", "SE"),
        ("ScanningSequence", "GR DOE", None),
        ("ContrastBolusAgent", "Gadovist, by Dr. Doe", "YES"),
        ("ContrastBolusAgent", "none", "NO"),
        ("RecognizableVisualFeatures", "no", "NO"),
    ],
)
def test_a_value_is_known_or_not_kept(keyword: str, text: str, kept: object) -> None:
    found, remarks = kept_attributes(header(**{keyword: text}))
    assert found.get(keyword) == kept
    assert (keyword in remarks) == (bool(text) and known_value(keyword, text) is None)


def test_no_letter_of_a_files_own_text_is_kept() -> None:
    """Of 20,000 texts, random ones and known values that something was put into, all that is kept is known."""
    chosen = random.Random(6)
    letters = string.ascii_letters + string.digits + " ^_-/.\\\n\x1b\x00\u00c9\u202e"
    for _ in range(2000):
        noise = "".join(chosen.choices(letters, k=chosen.randrange(1, 70)))
        for keyword, values in KNOWN.items():
            known = chosen.choice(sorted(values))
            for text in (noise, known + noise, noise + known, f"{known} {noise}"):
                assert known_value(keyword, text) in {*values, None}


def test_every_kept_attribute_is_tried() -> None:
    assert {*KNOWN, "PatientAge"} == {*KEPT}


@pytest.mark.parametrize(("said", "remarks"), [("YES", ("BurnedInAnnotation",)), ("NO", ()), ("JANE", ()), ("", ())])
def test_text_in_the_pixels_is_said(said: str, remarks: tuple[str, ...]) -> None:
    assert kept_attributes(header(BurnedInAnnotation=said)) == ({}, remarks)
