"""Peers of a storage SCP: dcmtk's programs, and bytes that no program sends (DICOM PS3.7, PS3.8)."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from awaited import PATIENCE
from conftest import texture
from dicoms import SECONDARY_CAPTURE, data_set, save

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
LITTLE_ENDIAN = str(ExplicitVRLittleEndian)
SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700


def program(name: str) -> str:
    """The path of one of dcmtk's programs; pynetdicom brings scripts of the same names."""
    for folder in os.get_exec_path():
        found = Path(folder, name)
        if found.is_file() and found.read_bytes()[:4] == b"\x7fELF":
            return str(found)
    pytest.skip("dcmtk is not installed")


def storescu(port: int, *files: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Send files, or folders, with dcmtk. options: words after the program's name, under ``words``."""
    words = options.pop("words", ("-aec", "LOOKALIKE", "-aet", "DCMTK"))
    command = [program("storescu"), *words, "+sd", "+r", "127.0.0.1", str(port), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE, **options)


def dcmsend(port: int, folder: Path) -> list[str]:
    """Send a folder's files as they are encoded; of each file that dcmtk does not send, the reason that it gives.
    ``storescu`` proposes uncompressed transfer syntaxes alone and sends no compressed file.
    """
    words = ("--decompress-never", "-nh", "-nuc", "-aec", "LOOKALIKE", "-aet", "DCMTK", "+sd", "+r")
    command = [program("dcmsend"), *words, "127.0.0.1", str(port), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).splitlines()
    return [line.rpartition(": ")[2] for line in said if line.startswith("E: cannot send SOP instance")]


def echoscu(port: int, *words: str) -> int:
    """The exit code of dcmtk's C-ECHO."""
    given = words or ("-aec", "LOOKALIKE", "-aet", "DCMTK")
    command = [program("echoscu"), *given, "127.0.0.1", str(port)]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE).returncode


def pictures(folder: Path, count: int, *, series: int = 0, seed: int = 0, **elements: Any) -> list[Path]:
    """Secondary captures of one patient, each of a series of its own, or of so many series."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = [generate_uid() for _ in range(series or count)]
    found = []
    for number in range(count):
        made = data_set(
            texture(seed + number),
            SOPInstanceUID=generate_uid(),
            StudyInstanceUID="1.2.826.0.1.9",
            SeriesInstanceUID=uids[number % len(uids)],
            PatientName="Canary^Patient",
            PatientID="CANARY-7",
            Modality="OT",
            **elements,
        )
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        found.append(save(made, folder / f"{number:04}.dcm"))
    return found


def volume(folder: Path, slices: int = 6) -> list[Path]:
    """The slices of a CT series."""
    folder.mkdir(parents=True, exist_ok=True)
    series, found = generate_uid(), []
    for number in range(slices):
        made = data_set(
            (texture(number).astype(np.int16) * 4 - 500),
            signed=True,
            SOPInstanceUID=generate_uid(),
            StudyInstanceUID="1.2.826.0.1.9",
            SeriesInstanceUID=series,
            PatientID="CANARY-7",
            Modality="CT",
            ImagePositionPatient=[0, 0, 3 * number],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1, 1],
            SliceThickness=3,
            InstanceNumber=number + 1,
            RescaleSlope=1,
            RescaleIntercept=0,
        )
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = CT
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        found.append(save(made, folder / f"{number:04}.dcm"))
    return found


def associate_rq(
    classes: Iterable[str] = (SECONDARY_CAPTURE, VERIFICATION),
    *,
    called: str = "LOOKALIKE",
    calling: str = "RAW",
    syntax: str = LITTLE_ENDIAN,
) -> bytes:
    """An A-ASSOCIATE-RQ; the contexts are 1, 3, ..."""
    contexts = b"".join(
        _item(0x20, bytes((2 * i + 1, 0, 0, 0)) + _item(0x30, uid.encode()) + _item(0x40, syntax.encode()))
        for i, uid in enumerate(classes)
    )
    user = _item(0x51, struct.pack(">L", 1 << 16)) + _item(0x52, b"1.2.826.0.1.3680043.9.1")
    body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), calling.ljust(16).encode())
    return pdu(1, body + _item(0x10, b"1.2.840.10008.3.1.1.1") + contexts + _item(0x50, user))


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def pdu(kind: int, body: bytes) -> bytes:
    """A PDU."""
    return struct.pack(">BxL", kind, len(body)) + body


def p_data(control: int, data: bytes, context: int = 1) -> bytes:
    """A P-DATA-TF with one value. control: 1 of a command, 2 the last of its kind."""
    return pdu(4, struct.pack(">LBB", len(data) + 2, context, control) + data)


def store_rq(instance: str, sop_class: str = SECONDARY_CAPTURE, kind: int = 1) -> bytes:
    """The command set of a C-STORE-RQ."""
    elements = [
        (0x0002, _even(sop_class.encode())),
        (0x0100, struct.pack("<H", kind)),
        (0x0110, struct.pack("<H", 7)),
        (0x0700, struct.pack("<H", 0)),
        (0x0800, struct.pack("<H", 1)),
        (0x1000, _even(instance.encode())),
    ]
    return b"".join(struct.pack("<HHL", 0, number, len(value)) + value for number, value in elements)


def _even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)


class RawPeer:
    """A connection that says what it likes."""

    def __init__(self, port: int, first: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.send(first)

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Send; whether the other end takes it."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def pdu(self) -> tuple[int, bytes] | None:
        """The next PDU; None once the other end has closed."""
        head = self._read(6)
        if len(head) < 6:
            return None
        kind, length = struct.unpack(">BxL", head)
        return kind, self._read(length)

    def pdus(self) -> Iterator[int]:
        """The kinds of what comes until the other end closes."""
        while (found := self.pdu()) is not None:
            yield found[0]

    def status(self) -> int:
        """The status of the response that comes next."""
        kind, body = self.pdu() or (0, b"")
        assert kind == 4
        at = body.index(struct.pack("<HHL", 0, 0x0900, 2)) + 8
        return int.from_bytes(body[at : at + 2], "little")

    def store(self, instance: str, data: bytes, **options: Any) -> int:
        """Store an encoded data set; the status."""
        self.send(p_data(3, store_rq(instance, **options)))
        for start in range(0, max(1, len(data)), 1 << 16):
            self.send(p_data(2 * (start + (1 << 16) >= len(data)), data[start : start + (1 << 16)]))
        return self.status()

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            try:
                more = self.socket.recv(length - len(data))
            except ConnectionError:
                more = b""
            if not more:
                break
            data += more
        return data


def associated(port: int, **options: Any) -> RawPeer:
    """A raw peer whose association was accepted."""
    peer = RawPeer(port, associate_rq(**options))
    found = peer.pdu()
    assert found is not None
    assert found[0] == 2
    return peer
