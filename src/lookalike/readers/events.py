"""What a decoding process says of an item: its frames, then that it is finished or why it is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.readers.grouping import SliceFile
from lookalike.types import Attribute, DicomIdentity, Displayed, FileIdentity, PatchMap, Refusal, SetApart


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture, ready for the encoder: ``input`` is (rows, columns, 3) uint8.

    source: the name of the item; file: its first file. part: the item is one picture of a file of arrays.
    shown: the picture before it was fitted to the encoder. plane: axial, coronal or sagittal, in
    which a slice was cut; "" for a picture. remarks, identity, instances: as in ``Image``, the latter two
    in the first slice of a volume alone. vector (dim,), patches: what an encoder made of it
    elsewhere, in place of an input.
    """

    source: str
    sha256: str
    frame: int
    frames: int
    input: NDArray[Any]
    thumbnail: bytes
    patient: str
    attributes: dict[str, Attribute]
    shown: Displayed
    view: int = 0  # the slice's number, where the frame is a volume of ``depth`` slices
    depth: int = 1
    file: str = ""
    part: bool = False
    plane: str = ""
    remarks: tuple[str, ...] = ()
    vector: NDArray[np.float32] | None = None
    patches: tuple[PatchMap, ...] = ()
    identity: DicomIdentity | None = None
    instances: tuple[str, ...] = ()

    @property
    def named(self) -> FileIdentity | None:
        """Who its file is, if that says it."""
        return None if self.identity is None else FileIdentity(self.identity, self.patient, self.instances)

    @property
    def study(self) -> str:
        """The study as the file names it, or ""."""
        return "" if self.identity is None else self.identity.study_instance_uid


@dataclass(frozen=True, slots=True)
class Finished:
    """Every frame of an item has been read. known: it was skipped because its content is known; named: who it is,
    where that was asked for. file, part: as in ``Frame``; sha256 is that of the file. fetched: more items of the same
    fetch may follow (``sources.reading.BatchRead``).
    """

    source: str
    sha256: str
    known: bool = False
    file: str = ""
    part: bool = False
    fetched: bool = False
    named: FileIdentity | None = None


@dataclass(frozen=True, slots=True)
class ReportRead:
    """The words of a report that lies among the images. study: that it is about, as the file names it."""

    source: str
    study: str
    text: str


Event = Frame | Finished | Refusal | SetApart | SliceFile | ReportRead


def frame_of_message(source: str, file: str, sha256: str, header: dict[str, Any], data: memoryview) -> Frame:
    """A frame from a decoding process's message: the header, then the input's bytes, then the thumbnail."""
    dtype = np.dtype(np.uint16 if header.get("dtype") == "uint16" else np.uint8)
    size = math.prod(header["shape"]) * dtype.itemsize
    return Frame(
        source=source,
        sha256=sha256,
        frame=header["frame"],
        frames=header["frames"],
        input=np.frombuffer(data[:size], dtype).reshape(header["shape"]),
        thumbnail=bytes(data[size:]),
        patient=header["patient"],
        attributes=header["attributes"],
        shown=_shown(*header["shown"]),
        view=header.get("view", 0),
        depth=header.get("depth", 1),
        file=file,
        plane=header.get("plane", ""),
        remarks=tuple(header.get("remarks", ())),
        **_named(header),
    )


def file_identity_of(fields: dict[str, Any] | None) -> FileIdentity | None:
    """The inverse of ``dataclasses.asdict``, also after a round trip through JSON."""
    if fields is None:
        return None
    return FileIdentity(_identity(fields["identity"]), str(fields["patient"]), tuple(map(str, fields["instances"])))


def _named(header: dict[str, Any]) -> dict[str, Any]:
    said = header.get("identity")
    identity = None if said is None else _identity(said)
    return {"identity": identity, "instances": tuple(map(str, header.get("instances", ())))}


def _identity(fields: dict[str, Any]) -> DicomIdentity:
    """A broken decoder may send anything: all are texts."""
    texts: dict[str, Any] = {name: None if value is None else str(value) for name, value in fields.items()}
    return DicomIdentity(**texts)


def _shown(rows: int, columns: int, inside: list[int] | None) -> Displayed:
    if inside is None:
        return Displayed(rows, columns)
    top, left, bottom, right = inside
    return Displayed(rows, columns, (top, left, bottom, right))
