"""The series of a received object is found as pydicom finds it, and nothing hostile takes long or much."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")

from lookalike.receiving.part10 import series_in_data_set

WAYS = [(True, True), (False, True), (False, False)]  # implicit, little endian
UIDS = st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,5})){1,8}", fullmatch=True)


def sequence(depth: int, chance: random.Random) -> list[Dataset]:
    items = []
    for _ in range(chance.randrange(3)):
        inner = Dataset()
        inner.CodeValue = "x" * chance.randrange(5)
        inner.SeriesInstanceUID = "9.9.9"  # of another object
        if depth:
            inner.ReferencedSeriesSequence = sequence(depth - 1, chance)
            inner["ReferencedSeriesSequence"].is_undefined_length = chance.random() < 0.5
            for one in inner.ReferencedSeriesSequence:
                one.is_undefined_length_sequence_item = chance.random() < 0.5
        items.append(inner)
    return items


def encoded(made: Dataset, implicit: bool, little: bool) -> bytes:
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = implicit, little
    write_dataset(file, made)
    return file.getvalue()


@settings(max_examples=30)
@given(UIDS, st.integers(0, 2**32), st.booleans())
def test_the_series_is_found_as_it_was_written(uid: str, seed: int, named: bool) -> None:
    chance, made = random.Random(seed), Dataset()
    made.ReferencedStudySequence = sequence(3, chance)
    made["ReferencedStudySequence"].is_undefined_length = chance.random() < 0.5
    made.PatientName = "Canary^" * chance.randrange(9)
    made.add_new(0x00091010, "UN", chance.randbytes(2 * chance.randrange(20)))
    made.StudyInstanceUID, made.SeriesNumber = "1.2.3", 4
    if named:
        made.SeriesInstanceUID = uid
    for implicit, little in WAYS:
        data = encoded(made, implicit, little)
        found = series_in_data_set(data, implicit=implicit, order="<" if little else ">")
        assert found == (uid if named else "")


def test_an_unknown_sequence_holds_implicit_elements() -> None:
    """PS3.5 6.2.2: what a converter did not know."""
    inner = struct.pack("<HHL", 0x0020, 0x000E, 4) + b"9.9\0"
    unknown = struct.pack("<HH2sHL", 9, 0x1010, b"UN", 0, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ends = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    own = struct.pack("<HH2sH", 0x0020, 0x000E, b"UI", 4) + b"1.2\0"
    assert series_in_data_set(unknown + inner + ends + own, implicit=False, order="<") == "1.2"


@given(st.binary(max_size=400), st.booleans(), st.sampled_from("<>"))
def test_any_bytes_have_an_end(data: bytes, implicit: bool, order: str) -> None:
    assert isinstance(series_in_data_set(data, implicit=implicit, order=order), str)


@pytest.mark.parametrize("part", [struct.pack("<HH2sHL", 8, 0x1110, b"SQ", 0, 0xFFFFFFFF), bytes(8), b"\xff" * 8])
def test_half_a_mebibyte_of_one_thing_has_an_end(part: Any) -> None:
    assert series_in_data_set(part * ((1 << 19) // len(part)), implicit=False, order="<") == ""
