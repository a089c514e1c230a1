"""Objects a second that are received and acknowledged, beside dcmtk's storescp, which does not wait for the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.errors import UsageError
from lookalike.receiving.folder import objects_in
from lookalike.receiving.receiver import Receiver
from lookalike.receiving.settings import ReceiverSettings
from lookalike.sockets import listen

ASSOCIATIONS = 4
EACH = 50  # objects of an association: slices of 512 x 512
ROUNDS = 5
# Debian's: pynetdicom brings scripts of the same names.
_STORESCU, _STORESCP, _ECHOSCU = "/usr/bin/storescu", "/usr/bin/storescp", "/usr/bin/echoscu"


def run(_data: Path | None) -> list[Figure]:
    """Four associations at once send the same slices to either in turn, each time into an empty folder."""
    if not all(Path(program).is_file() for program in (_STORESCU, _STORESCP, _ECHOSCU)):
        raise UsageError("dcmtk is not installed (Debian: dcmtk)")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sent = [_slices(folder / "sent" / str(number)) for number in range(ASSOCIATIONS)]
        with _ours(folder / "ours") as ours, _storescp(folder / "theirs") as theirs:
            timings = interleave(
                ROUNDS,
                ours=_turn(ours, sent, folder / "ours" / "arrived", _arrived),
                storescp=_turn(theirs, sent, folder / "theirs", _files),
            )
    count = ASSOCIATIONS * EACH
    rates = {name: count / timing.seconds for name, timing in timings.items()}
    notes = [f"{name}: {rate:.0f} objects/s, {rate / 2:.0f} MiB/s" for name, rate in rates.items()]
    name = f"receive, {ASSOCIATIONS} associations, {count} slices of 0.5 MiB: objects/s against storescp's"
    return [Figure(name, rates["ours"] / rates["storescp"], notes=(*notes, busy_note(timings)))]


def _slices(folder: Path) -> Path:
    folder.mkdir(parents=True)
    pixels, series = np.random.default_rng(0).integers(0, 4000, (512, 512), np.uint16), generate_uid()
    for number in range(EACH):
        made = Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.SOPClassUID, made.SOPInstanceUID, made.SeriesInstanceUID = CTImageStorage, generate_uid(), series
        made.StudyInstanceUID = series
        made.Rows = made.Columns = 512
        made.BitsAllocated, made.BitsStored, made.HighBit, made.SamplesPerPixel = 16, 12, 11, 1
        made.PixelRepresentation, made.PhotometricInterpretation = 0, "MONOCHROME2"
        made.add_new("PixelData", "OW", pixels.tobytes())
        made.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


def _turn(port: int, sent: list[Path], place: Path, count: Callable[[Path], int]) -> Callable[[], None]:
    def turn() -> None:
        with ThreadPoolExecutor(ASSOCIATIONS) as pool:
            list(pool.map(lambda folder: _send(port, folder), sent))
        assert count(place) == ASSOCIATIONS * EACH
        for each in place.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()

    return turn


def _send(port: int, folder: Path) -> None:
    command = [_STORESCU, "-aec", "LOOKALIKE", "-pdu", "131072", "+sd", "127.0.0.1", str(port), str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def _arrived(place: Path) -> int:
    return sum(1 for _ in objects_in(place.parent))


def _files(place: Path) -> int:
    return len(list(place.iterdir()))


@contextmanager
def _ours(folder: Path) -> Iterator[int]:
    with Receiver(ReceiverSettings(), folder, os.urandom(32), "127.0.0.1", 0) as running:
        running.start()
        port = int(running.address.rpartition(":")[2])
        _await(port)
        yield port


@contextmanager
def _storescp(folder: Path) -> Iterator[int]:
    folder.mkdir()
    with listen("127.0.0.1", 0, 1) as free:
        port = int(free.getsockname()[1])
    command = [_STORESCP, "--fork", "-aet", "LOOKALIKE", "-pdu", "131072", "-od", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            _await(port)
            yield port
        finally:
            running.terminate()


def _await(port: int) -> None:
    command = [_ECHOSCU, "-aec", "LOOKALIKE", "127.0.0.1", str(port)]
    while subprocess.run(command, check=False, capture_output=True).returncode:
        time.sleep(0.1)
