"""A small DICOMweb service (PS3.18: QIDO-RS, WADO-RS of instances) over real HTTP, with the manners of bad ones."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom
from pydicom.dataset import Dataset

from conftest import texture
from dicoms import data_set

BOUNDARY = "a boundary with spaces"
_LEVELS = {
    "studies": ("0020000D", "StudyInstanceUID"),
    "series": ("0020000E", "SeriesInstanceUID"),
    "instances": ("00080018", "SOPInstanceUID"),
}

Answer = Callable[["Handler", bytes], None]


@dataclass
class Manners:
    """cap: rows of a page, whatever is asked for. ignores_offset, repeats, overlaps: of lists: the first page each
    time, every row twice, each page begins with the last row before. counts: whether the level above says how many
    there are. answer: how an object is sent, by default as it should be. status: of every answer, with retry_after, as
    long as busy lasts. authorization: the header without which nobody is answered. lists: answers instead of a list,
    where it says so. patients: whether studies say whose they are.
    """

    cap: int = 0
    ignores_offset: bool = False
    repeats: bool = False
    overlaps: bool = False
    counts: bool = True
    answer: Answer | None = None
    busy: int = 0
    status: int = 503
    retry_after: str = ""
    authorization: str = ""
    lists: Callable[[Handler], bool] = lambda _handler: False
    patients: bool = True


@dataclass
class Pacs:
    """A running service. objects: bytes by SOPInstanceUID. asked: the paths of all requests; most: how many of them
    were under way at the same time.
    """

    uri: str
    objects: dict[str, tuple[Dataset, bytes]] = field(default_factory=dict)
    manners: Manners = field(default_factory=Manners)
    asked: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def store(self, data: Dataset | bytes) -> str:
        """Keep an object; its SOPInstanceUID."""
        if isinstance(data, Dataset):
            out = BytesIO()
            data.save_as(out, enforce_file_format=True)
            data = out.getvalue()
        ds = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
        self.objects[str(ds.SOPInstanceUID)] = ds, data
        return str(ds.SOPInstanceUID)

    def fetched(self) -> list[str]:
        """The SOPInstanceUIDs that were asked for as objects."""
        return [path.rpartition("/")[2] for path in self.asked if path.split("/")[-2:-1] == ["instances"]]

    def rows(self, level: str, within: dict[str, str], query: dict[str, str]) -> list[dict[str, Any]]:
        """The rows of a list, in the order in which they came."""
        tag, keyword = _LEVELS[level]
        found: dict[str, Dataset] = {}
        counts: dict[str, Counter[str]] = {}
        for ds, _data in self.objects.values():
            inside = all(str(ds.get(name)) == value for name, value in within.items())
            if inside and all(_matches(ds, *each) for each in query.items()):
                uid = str(ds.get(keyword))
                found.setdefault(uid, ds)
                numbers = counts.setdefault(uid, Counter())
                numbers["instances"] += 1
                numbers[str(ds.get("SeriesInstanceUID"))] += 1
        return [self._row(level, tag, uid, ds, counts[uid]) for uid, ds in found.items()]

    def _row(self, level: str, tag: str, uid: str, ds: Dataset, numbers: Counter[str]) -> dict[str, Any]:
        told: dict[str, Any] = {tag: uid, "00080060": ds.get("Modality", ""), "00100010": "Doe^Jane"}
        if level == "studies" and self.manners.patients:
            told["00100020"] = str(ds.get("PatientID", ""))
        if level == "instances":
            told["00080016"] = str(ds.SOPClassUID)
        if level == "series" and self.manners.counts:
            told["00201209"] = numbers["instances"]
        if level == "studies" and self.manners.counts:
            told |= {"00201206": len(numbers) - 1, "00201208": numbers["instances"]}
        told["00081190"] = "http://elsewhere.example/bulk"
        return {each: {"vr": "UI", "Value": [value]} for each, value in told.items()}


def _matches(ds: Dataset, name: str, value: str) -> bool:
    if name == "StudyDate" and "-" in value:
        first, last = value.split("-")
        return first <= str(ds.get("StudyDate", "")) <= (last or "9")
    return str(ds.get({"ModalitiesInStudy": "Modality"}.get(name, name), "")) == value


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    pacs: Pacs

    def log_message(self, *_arguments: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        pacs = self.pacs
        with pacs.lock:
            pacs.asked.append(self.path)
            pacs.times.append(time.monotonic())
            pacs.headers.append({name.lower(): value for name, value in self.headers.items()})
            pacs.under_way += 1
            pacs.most = max(pacs.most, pacs.under_way)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._answer()
        finally:
            with pacs.lock:
                pacs.under_way -= 1

    def _answer(self) -> None:
        manners = self.pacs.manners
        parts = urlsplit(self.path)
        names = parts.path.strip("/").split("/")
        if names[0] != "dicom-web":
            self.send(404)
        elif manners.authorization and self.headers.get("Authorization") != manners.authorization:
            self.send(401)
        elif manners.busy:
            manners.busy -= 1
            self.send(manners.status, headers={"Retry-After": manners.retry_after} if manners.retry_after else {})
        elif len(names) % 2 == 0:
            if not manners.lists(self):
                self._list(names[1:], {name: values[0] for name, values in parse_qs(parts.query).items()})
        elif (found := self.pacs.objects.get(names[-1])) is None:
            self.send(404)
        else:
            (manners.answer or as_it_should)(self, found[1])

    def _list(self, names: list[str], query: dict[str, str]) -> None:
        manners = self.pacs.manners
        asked = {name: int(query.pop(name, default)) for name, default in (("limit", "1000"), ("offset", "0"))}
        query.pop("includefield", None)
        within = {_LEVELS[level][1]: uid for level, uid in zip(names[::2], names[1::2], strict=False)}
        rows = self.pacs.rows(names[-1], within, query)
        if manners.repeats:
            rows = [row for row in rows for _ in range(2)]
        offset = 0 if manners.ignores_offset else max(0, asked["offset"] - manners.overlaps)
        size = min(asked["limit"], manners.cap or asked["limit"])
        page = rows[offset : offset + size] if asked["offset"] < len(rows) or manners.ignores_offset else []
        if page:
            self.send(200, json.dumps(page).encode(), {"Content-Type": "application/dicom+json"})
        else:
            self.send(204)

    def send(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def begin(self, length: int | None, kind: str = "") -> None:
        """The beginning of an answer with an object."""
        self.send_response(200)
        self.send_header("Content-Type", kind or f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"')
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def in_parts(*objects: bytes) -> bytes:
    """The content of an answer of WADO-RS."""
    parts = [f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + each + b"\r\n" for each in objects]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def as_it_should(handler: Handler, data: bytes) -> None:
    content = in_parts(data)
    handler.begin(len(content))
    handler.wfile.write(content)


def no_dicom(handler: Handler, _data: bytes) -> None:
    content = in_parts(b"x" * 500)
    handler.begin(len(content))
    handler.wfile.write(content)


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Pacs]:
    """A service on a free port of this machine. context: of TLS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if context is None else "https"
    pacs = Pacs(f"dicomweb+{scheme}://127.0.0.1:{server.server_address[1]}/dicom-web")
    server.RequestHandlerClass = type("Handler", (Handler,), {"pacs": pacs})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield pacs
    finally:
        server.shutdown()
        server.server_close()


def radiograph(number: int, study: int | None = None, **elements: Any) -> Dataset:
    """A picture of a study of its own, or of one that others are of too. elements: stand as given."""
    study = number if study is None else study
    pixels = elements.pop("pixels", texture(number))
    own = {"StudyInstanceUID": f"1.9.{study}", "SeriesInstanceUID": f"1.9.{study}.1", "PatientID": f"MRN-{study}"}
    ds = data_set(pixels, signed=pixels.dtype.kind == "i", **{"Modality": "CR", **own, **elements})
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.9.{study}.1.{number}"
    return ds
