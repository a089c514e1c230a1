"""The HTTP service while one caller does his worst: what another caller waits for ``/healthz`` and ``/search``.

A reader sends files that decode to gigabytes, or as large a picture as is allowed, and asks for their pictures; then 60
connections of his upload for a minute. Who asks, who attacks and the service share the machine.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from benchmarks.by_id import fill, sha256_of
from benchmarks.report import Figure
from benchmarks.server_load import K, dicom, serving
from lookalike.gallery import open_gallery
from lookalike.store import record_id
from lookalike.verbs.keys import add_key

RECORDS = 20_000
BOMBS, BOMB_BYTES = 40, 3_800_000
LARGEST = 11_000  # rows and columns of the largest grey picture that is read
DRAWN = 3  # sizes that are asked for of each file
UPLOADERS, SECONDS = 60, 60.0
_BLOCK = 1 << 24  # bytes of zeros
EVERY = 0.1  # seconds between what the other caller asks
HEALTHZ, SEARCH, TREE = 1.0, 2.0, 2.0

Said = Counter[tuple[int, str]]  # how often the attacker got which status and reason


@dataclass
class Seen:
    """What the other caller saw. healthz, search: seconds of each answer; tree: bytes of all processes at each look."""

    healthz: list[float] = field(default_factory=list)
    search: list[float] = field(default_factory=list)
    tree: list[int] = field(default_factory=list)
    failed: int = 0


def run(_data: Path | None) -> list[Figure]:
    """A gallery of random unit vectors, served to two readers."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "g"
        with open_gallery(folder, create=True) as gallery:
            fill(gallery, RECORDS)
            gallery.index()
            attacker, other = (add_key(gallery, name, role="reader").key for name in ("attacker", "other"))
        with serving(folder) as (port, process):
            attacks: dict[str, Callable[[], Said]] = {
                f"{BOMBS} deflate bombs": partial(draw, port, attacker, bomb(BOMB_BYTES)),
                f"{BOMBS} largest pictures": partial(draw, port, attacker, largest()),
                f"{UPLOADERS} uploaders": partial(upload, port, attacker),
            }
            return [
                figure for name, attack in attacks.items() for figure in _figures(name, attack, port, process, other)
            ]


def _figures(name: str, attack: Callable[[], Said], port: int, process: psutil.Process, other: str) -> Iterator[Figure]:
    """Attack from a process of its own, and ask meanwhile."""
    with ProcessPoolExecutor(1, get_context("spawn")) as attacking, watched(port, process, other) as seen:
        started = time.monotonic()
        said = attacking.submit(attack).result()
        took = time.monotonic() - started
    wrong = {(status, reason): n for (status, reason), n in said.items() if status != 503 and status >= 500}
    silent = {(status, reason): n for (status, reason), n in said.items() if status >= 400 and not reason}
    cut = said.pop((0, ""), 0)
    assert not wrong, f"{name}: {wrong}"
    assert not silent, f"{name}: refused without a reason: {silent}"
    assert not seen.failed, f"{name}: {seen.failed} answers to the other caller were none, or refusals"
    assert min(len(seen.healthz), len(seen.search)) > 0, f"{name}: nothing was asked meanwhile"
    counts = ", ".join(f"{n} x {status} {reason}".rstrip() for (status, reason), n in sorted(said.items()))
    notes = (
        f"{took:.0f} s, load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        f"the attacker got {counts}; {cut} connections were cut off while he sent",
        f"medians of {len(seen.healthz)} /healthz {1000 * float(np.median(seen.healthz)):.0f} ms, of "
        f"{len(seen.search)} /search {1000 * float(np.median(seen.search)):.0f} ms",
    )
    yield Figure(f"{name}, slowest /healthz", max(seen.healthz), HEALTHZ, "s", at_least=False, notes=notes)
    yield Figure(f"{name}, slowest /search", max(seen.search), SEARCH, "s", at_least=False)
    yield Figure(f"{name}, all processes", max(seen.tree) / 2**30, TREE, "GiB", at_least=False)


# The other caller


@contextmanager
def watched(port: int, process: psutil.Process, key: str) -> Iterator[Seen]:
    """Ask, and look at the memory, until the block ends."""
    seen, stop = Seen(), threading.Event()
    rows, body = np.random.default_rng(0), "/api/v1/search"

    def search() -> None:
        query = {"query": {"ids": [record_id(sha256_of(int(rows.integers(0, RECORDS))), 0)]}, "k": K}
        status, _ = exchange(port, key, "POST", body, json.dumps(query).encode(), "application/json")
        seen.failed += status != 200

    def healthz() -> None:
        seen.failed += exchange(port, key, "GET", "/healthz")[0] != 200

    each = ((healthz, seen.healthz), (search, seen.search), (lambda: seen.tree.append(proportional(process)), None))
    threads = [threading.Thread(target=_repeat, args=(stop, *one)) for one in each]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _repeat(stop: threading.Event, ask: Callable[[], object], seconds: list[float] | None) -> None:
    while not stop.wait(EVERY):
        started = time.perf_counter()
        ask()
        if seconds is not None:
            seconds.append(time.perf_counter() - started)


def proportional(process: psutil.Process) -> int:
    """Bytes of a process and those that it has started; what they share counts once (PSS)."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error):
            total += int(one.memory_full_info().pss)
    return total


# The attacker


def draw(port: int, key: str, data: bytes) -> Said:
    """Every file is sent as a table, which is not looked at, until it is taken, and then drawn."""
    said: Said = Counter()

    def one(number: int) -> None:
        sent: dict[str, str] = {}
        while not sent:
            status, answer = send(port, key, data, f"{number}.csv")
            said[status, answer.get("reason", "")] += 1
            sent = answer if status == 201 else {}
        for size in range(100, 100 + DRAWN):
            status, answer = exchange(port, key, "GET", f"/api/v1/uploads/{sent['id']}/picture?size={size}")
            said[status, answer.get("reason", "")] += 1

    with ThreadPoolExecutor(BOMBS) as threads:
        list(threads.map(one, range(BOMBS)))
    return said


def upload(port: int, key: str) -> Said:
    """Radiographs of 4 MB, one after the other."""
    said, end, data = Counter[tuple[int, str]](), time.monotonic() + SECONDS, dicom(0)

    def one(number: int) -> None:
        while time.monotonic() < end:
            status, answer = send(port, key, data, f"{number}.dcm")
            said[status, answer.get("reason", "")] += 1

    with ThreadPoolExecutor(UPLOADERS) as threads:
        list(threads.map(one, range(UPLOADERS)))
    return said


def send(port: int, key: str, data: bytes, name: str) -> tuple[int, dict[str, str]]:
    """Upload a file."""
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    form = head + data + b"\r\n--edge--\r\n"
    return exchange(port, key, "POST", "/api/v1/uploads", form, "multipart/form-data; boundary=edge")


def exchange(
    port: int, key: str, method: str, path: str, body: bytes | None = None, kind: str = ""
) -> tuple[int, dict[str, str]]:
    """One request on a connection of its own: the status and the JSON; (0, {}) if the connection was cut off."""
    headers = {"Authorization": f"Bearer {key}", **({"Content-Type": kind} if kind else {})}
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        with suppress(OSError):  # a refusal may come before the body has been sent
            connection.request(method, path, body, headers)
        return _read(connection.getresponse())
    except (OSError, HTTPException):
        return 0, {}
    finally:
        connection.close()


def _read(answer: HTTPResponse) -> tuple[int, dict[str, str]]:
    data = answer.read()
    return answer.status, json.loads(data) if "json" in answer.headers.get("content-type", "") else {}


def bomb(size: int) -> bytes:
    """A deflated DICOM file of so many bytes, of zeros that are a thousand times as many."""
    return _deflated(8192, 8192, 1024 * size)


def largest() -> bytes:
    """A deflated DICOM file of the largest picture that is read."""
    return _deflated(LARGEST, LARGEST, LARGEST * LARGEST)


def _deflated(rows: int, columns: int, zeros: int) -> bytes:
    ds = _picture(rows, columns)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole, plain = BytesIO(), BytesIO()
    dcmwrite(whole, ds, enforce_file_format=True)
    head = whole.getvalue()[: -len(_tail(whole.getvalue()))]
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(plain, ds, enforce_file_format=True)
    elements = _tail(plain.getvalue()) + b"\xe0\x7f\x10\x00OB\x00\x00" + zeros.to_bytes(4, "little")
    blocks, rest = divmod(zeros, _BLOCK)
    end = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    last = end.compress(bytes(rest)) + end.flush()
    return head + b"".join([_flushed(elements), _flushed(bytes(_BLOCK)) * blocks, last])


def _flushed(data: bytes) -> bytes:
    """Deflated so that it may stand anywhere in a stream (RFC 1951)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def _tail(data: bytes) -> bytes:
    """The data set of a Part 10 file: what comes after preamble, prefix and meta information (PS3.10 section 7.1)."""
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]


def _picture(rows: int, columns: int) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    ds.Modality, ds.PatientID = "OT", "bench"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return ds
