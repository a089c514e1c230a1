"""DICOM files -> Images: the frames of a file, or the volume of a series or an enhanced multi-frame file."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from lookalike.readers.dicom_frames import read_dicom_frames
from lookalike.readers.dicom_kinds import kind_of_dicom
from lookalike.readers.dicom_reports import words_of_report
from lookalike.readers.geometry import SeriesPart
from lookalike.readers.series import holds_volumes, identity_of_files, read_series, series_part
from lookalike.types import FileIdentity, Image


class DicomReader:
    """Reads DICOM Part 10 files and bare data sets; several files as the slices of a volume."""

    def matches(self, file: Path) -> bool:
        """Whether the file is DICOM: by the prefix, or by the first element of a data set without one."""
        with file.open("rb") as opened:
            head = opened.read(132)
        if head[128:132] == b"DICM":
            return True
        return file.suffix.lower() in (".dcm", ".dicom", ".ima") or _begins_like_a_data_set(head)

    def read(self, files: Sequence[Path]) -> Iterator[Image]:
        """One file: each frame as an Image in modality units, or the volumes that its frames or tiles make. Several
        files: the volumes that they make. Raises UnreadableImageError.
        """
        if len(files) > 1 or holds_volumes(files[0]):
            yield from read_series(files)
        else:
            yield from read_dicom_frames(files[0])

    def kind_of(self, file: Path) -> str:
        """What a file is, if its SOP class or modality is none of images; "" for an image."""
        return kind_of_dicom(file)

    def report_in(self, file: Path) -> tuple[str, str] | None:
        """The study and the words of a structured report; None for any other file. Raises UnreadableImageError."""
        return words_of_report(file) if self.kind_of(file) == "SR" else None

    def identity_in(self, files: Sequence[Path]) -> FileIdentity | None:
        """Who the files of one item are. Raises UnreadableImageError."""
        return identity_of_files(files)

    def series_of(self, file: Path) -> SeriesPart | None:
        """The slices that a file holds of a series; None for any other file. Raises UnreadableImageError."""
        return series_part(file)


def _begins_like_a_data_set(head: bytes) -> bool:
    """Group 0002 or 0008 first, with a known VR or a plausible implicit length."""
    if len(head) < 12:
        return False
    group, _element = struct.unpack("<HH", head[:4])
    big_group = struct.unpack(">H", head[:2])[0]
    explicit = bool(re.fullmatch(rb"[A-Z]{2}", head[4:6]))
    implicit = int.from_bytes(head[4:8], "little") < 128
    return (group in (2, 8) and (explicit or implicit)) or (big_group in (2, 8) and explicit)
