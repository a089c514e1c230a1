"""Where the images are that some benchmarks need, and more of them made from what is there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from lookalike.errors import UsageError

VARIABLE = "LOOKALIKE_TEST_DATA"


class Named(Protocol):
    """What a benchmark measures by itself."""

    @property
    def name(self) -> str:
        """As it is told on the command line."""
        ...


NamedT = TypeVar("NamedT", bound=Named)


def wanted(names: Sequence[str], of: Sequence[NamedT]) -> list[NamedT]:
    """The collections of these names, all of them where none is given. Raises UsageError, which lists them."""
    if unknown := set(names) - {each.name for each in of}:
        raise UsageError(f"no collection {min(unknown)!r} here; there are {', '.join(each.name for each in of)}")
    return [each for each in of if not names or each.name in names]


def folder(name: str, given: Path | None) -> Path:
    """The data set's folder: under ``given``, $LOOKALIKE_TEST_DATA or shared/data beside the project.

    Raises UsageError, which says how to name it, if it is not there.
    """
    beside = Path(__file__).parents[2] / "shared" / "data"
    found = (given or Path(os.environ.get(VARIABLE, beside))) / name
    if not found.is_dir():
        raise UsageError(f"no folder {name} of images; name the folder above it with --data or ${VARIABLE}")
    return found


def dicom_copies(source: Path, into: Path, times: int) -> list[Path]:
    """``times`` folders, each with every DICOM file of ``source``, all patients and all bytes different."""
    import pydicom

    folders = [into / f"copy-{number}" for number in range(times)]
    for path in sorted(source.rglob("*.dcm")):
        ds = pydicom.dcmread(path)
        patient, instance = str(ds.PatientID), str(ds.SOPInstanceUID)
        for number, made in enumerate(folders):
            made.mkdir(parents=True, exist_ok=True)
            ds.PatientID = f"{patient}-{number}"
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{instance[:60]}.{number}"
            ds.save_as(made / path.name)
    return folders
