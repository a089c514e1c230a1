"""The HTTP service under load: 16 clients on loopback search 100,000 records by id; and an upload to its hits.

The load generator and the service share the machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from benchmarks.by_id import RECORDS, fill, sha256_of
from benchmarks.report import Figure
from lookalike.gallery import open_gallery
from lookalike.store import record_id

CLIENTS = 16
WARM_SECONDS, SECONDS = 10.0, 120.0
K = 12
UPLOADS = 21
ROWS, COLUMNS = 1448, 1448  # a DICOM file of 4 MB, 16 bits a pixel
RATE, P99, GROWTH, UPLOAD = 200.0, 150.0, 5.0, 500.0


@dataclass
class Load:
    """What the clients saw. seconds: of every request. said: the beginnings of answers that were not right."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0
    said: Counter[str] = field(default_factory=Counter)
    took: float = 0.0


def run(_data: Path | None) -> list[Figure]:
    """A gallery of random unit vectors, then a service of its own process."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "g"
        with open_gallery(folder, create=True) as gallery:
            fill(gallery)
            gallery.index()
        with serving(folder) as (port, process):
            asyncio.run(load(port, WARM_SECONDS))
            before = resident(process)
            seen = asyncio.run(load(port, SECONDS))
            growth = 100 * (resident(process) / before - 1)
            uploads = [upload_to_hits(port, number) for number in range(UPLOADS)][1:]
    milliseconds = np.sort(np.array(seen.seconds)) * 1000
    p50, p99 = (float(np.percentile(milliseconds, q)) for q in (50, 99))
    notes = (
        f"{len(milliseconds)} searches by {CLIENTS} clients in {seen.took:.0f} s among {RECORDS:,} records, "
        f"{seen.errors} errors; p50 {p50:.1f} ms, p99 {p99:.1f} ms, slowest {milliseconds[-1]:.0f} ms",
        f"the service held {before / 1e6:.0f} MB when the load began",
    )
    assert seen.errors == 0, f"{seen.errors} requests failed"
    return [
        Figure("server_load", len(milliseconds) / seen.took, RATE, "requests/s", notes=notes),
        Figure("server_load, p99", p99, P99, "ms", at_least=False),
        Figure("server_load, resident growth", growth, GROWTH, "%", at_least=False),
        Figure("upload of 4 MB to hits, p50", 1000 * statistics.median(uploads), UPLOAD, "ms", at_least=False),
    ]


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[int, psutil.Process]]:
    """``lookalike serve`` on a free port, once it is ready."""
    lookalike = str(Path(sys.executable).with_name("lookalike"))
    command = [lookalike, "serve", "--gallery", str(folder), "--port", "0", "--no-browser", *options]
    command += ["--log-level", "error"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r":(\d+)/", process.stdout.readline())
            assert found is not None
            port = int(found[1])
            while not _ready(port):
                time.sleep(0.1)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def resident(process: psutil.Process) -> int:
    """Bytes of the service and of the processes that it has started."""
    return sum(int(one.memory_info().rss) for one in [process, *process.children(recursive=True)])


def by_id(random: np.random.Generator) -> bytes:
    """The body of a search with a random record."""
    identity = record_id(sha256_of(int(random.integers(0, RECORDS))), 0)
    return json.dumps({"query": {"ids": [identity]}, "k": K}).encode()


async def load(port: int, seconds: float, body: Callable[[np.random.Generator], bytes] = by_id) -> Load:
    """Every client asks, and asks again as soon as it has its answer. body: of a search for K."""
    seen, end = Load(), time.perf_counter() + seconds
    started = time.perf_counter()
    await asyncio.gather(*(_client(port, number, end, seen, body) for number in range(CLIENTS)))
    seen.took = time.perf_counter() - started
    return seen


async def asked_over(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], method: str, path: str, body: bytes
) -> tuple[bytes, bytes]:
    """The head and the body of the answer to a request over an open connection."""
    reader, writer = connection
    writer.write(
        b"%b %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (method.encode(), path.encode(), len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
    return head, await reader.readexactly(length)


async def _client(port: int, number: int, end: float, seen: Load, body: Callable[[np.random.Generator], bytes]) -> None:
    random = np.random.default_rng(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (asked := time.perf_counter()) < end:
        head, answer = await asked_over((reader, writer), "POST", "/api/v1/search", body(random))
        seen.seconds.append(time.perf_counter() - asked)
        if not (head.startswith(b"HTTP/1.1 200") and answer.count(b'"rank"') == K):
            seen.errors += 1
            seen.said[(head[9:12] + b" " + answer[:200]).decode()] += 1
    writer.close()


def upload_to_hits(port: int, number: int) -> float:
    """Seconds from the first byte of an upload to the last byte of its hits' JSON."""
    data = dicom(number)
    base, edge = f"http://127.0.0.1:{port}/api/v1", "----lookalike"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="q.dcm"\r\n\r\n'
    form = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    started = time.perf_counter()
    upload = _post(f"{base}/uploads", form, f"multipart/form-data; boundary={edge}")
    body = json.dumps({"query": {"image": upload["id"]}, "k": K}).encode()
    hits = _post(f"{base}/search", body, "application/json")["hits"]
    took = time.perf_counter() - started
    assert len(hits) == K
    return took


def _post(url: str, body: bytes, kind: str) -> dict[str, list[object] | str]:
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


def dicom(seed: int) -> bytes:
    """A radiograph's size: smooth structure with noise, 12 bits."""
    from io import BytesIO

    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    random = np.random.default_rng(seed)
    y, x = np.mgrid[:ROWS, :COLUMNS] / ROWS
    pixels = 2000 + 1500 * np.sin(3 * x + seed) * np.cos(2 * y) + random.normal(0, 60, (ROWS, COLUMNS))
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    ds.Modality, ds.PatientID = "DX", f"bench-{seed}"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = np.clip(pixels, 0, 4095).astype("<u2").tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    out = BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()
