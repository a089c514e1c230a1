"""Names in any character set are names in what is sent, and labels beside them: all of it is UTF-8."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from derived_objects import derived, source
from lookalike.sending.headers import UNICODE
from lookalike.sending.ways import file_bytes

LABEL = "Erguß, 胸水"


@pytest.mark.parametrize(
    ("characters", "name"),
    [
        (None, "Doe^Jane"),
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 144", "Люкceмбypг^"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
    ],
)
def test_names_and_labels_are_what_they_were(characters: str | list[str] | None, name: str, tmp_path: Path) -> None:
    said = {"PatientName": name} if characters is None else {"SpecificCharacterSet": characters, "PatientName": name}
    for made in derived(source(tmp_path, **said), LABEL).values():
        read = pydicom.dcmread(BytesIO(file_bytes(made)))
        assert (read.SpecificCharacterSet, str(read.PatientName)) == (UNICODE, name)
        if read.Modality == "SR":
            assert f"Similar case 1: {LABEL}" in texts(read)


def texts(ds: Dataset) -> list[str]:
    """Every text of a content tree."""
    below = [text for item in ds.get("ContentSequence", []) for text in texts(item)]
    return [*([ds.TextValue] if "TextValue" in ds else []), *below]
