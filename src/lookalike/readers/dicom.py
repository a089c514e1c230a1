"""DICOM files -> Images: the frames of a file, or the volume of a series or an enhanced multi-frame file."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from lookalike.readers.dicom_frames import read_dicom_frames
from lookalike.readers.dicom_kinds import kind_of_dicom
from lookalike.readers.geometry import as_acquired
from lookalike.readers.multiframe import geometry_of_frames, read_multiframe
from lookalike.readers.series import read_series, slice_place, stacks
from lookalike.types import Image


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
        """One file: each frame as an Image in modality units, or the one volume that its frames make. Several files:
        one volume. Raises UnreadableImageError.
        """
        if len(files) > 1:
            yield as_acquired(read_series(files), files[0])
        elif stacks() and (frames := geometry_of_frames(files[0])) is not None:
            yield as_acquired(read_multiframe(files[0], frames), files[0])
        else:
            yield from read_dicom_frames(files[0])

    def kind_of(self, file: Path) -> str:
        """What a file is, if its SOP class or modality is none of images; "" for an image."""
        return kind_of_dicom(file)

    def series_of(self, file: Path) -> tuple[str, str]:
        """The volume that a file is a slice of, and its place in it; both "" for any other file."""
        return slice_place(file) if stacks() else ("", "")


def _begins_like_a_data_set(head: bytes) -> bool:
    """Group 0002 or 0008 first, with a known VR or a plausible implicit length."""
    if len(head) < 12:
        return False
    group, _element = struct.unpack("<HH", head[:4])
    big_group = struct.unpack(">H", head[:2])[0]
    explicit = bool(re.fullmatch(rb"[A-Z]{2}", head[4:6]))
    implicit = int.from_bytes(head[4:8], "little") < 128
    return (group in (2, 8) and (explicit or implicit)) or (big_group in (2, 8) and explicit)
