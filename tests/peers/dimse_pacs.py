"""PACS without DICOMweb: dcmtk's dcmqrscp, and one of this process with the manners of bad ones (DICOM PS3.4 C)."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt

from awaited import PATIENCE, eventually
from dicoms import SECONDARY_CAPTURE as _SECONDARY
from peers.dimse import LITTLE_ENDIAN as _EXPLICIT
from peers.dimse import echoscu, program, storescu
from peers.ports import held_port

_FIND, _MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"  # Study Root
_KEYS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


@dataclass
class DimseManners:
    """cap: rows of a list; capped: the status that ends one that was cut. repeats: every row twice. counts: whether it
    says how many there are. keeps: SOPInstanceUIDs that it does not send. chokes: those that it cannot read: it sends
    nothing of a series that has one. knows: whether it knows where to send. meets: how many lists below a study's have
    been under way together before it answers the first. sends_with: its TLS towards us.
    """

    cap: int = 0
    capped: int = 0x0000
    repeats: bool = False
    counts: bool = True
    keeps: frozenset[str] = frozenset()
    chokes: frozenset[str] = frozenset()
    knows: bool = True
    meets: int = 1
    sends_with: Any = None
    find_status: int = 0x0000


@dataclass
class DimsePacs:
    """A running PACS. asked: level and keys of every C-FIND; moved: the same of every C-MOVE. most: associations at
    the same time.
    """

    port: int
    listen: int
    title: str = "PACS"
    objects: dict[str, Dataset] = field(default_factory=dict)
    manners: DimseManners = field(default_factory=DimseManners)
    asked: list[tuple[str, Dataset]] = field(default_factory=list)
    moved: list[tuple[str, Dataset]] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    lock: threading.Condition = field(default_factory=threading.Condition)

    @property
    def uri(self) -> str:
        """As which it is pulled from."""
        return f"dimse://LOOKALIKE@127.0.0.1:{self.port}/{self.title}?listen={self.listen}"

    def store(self, data: Dataset | bytes) -> str:
        """Keep an object; its SOPInstanceUID."""
        if isinstance(data, Dataset):
            out = BytesIO()
            data.save_as(out, enforce_file_format=True)
            data = out.getvalue()
        ds = pydicom.dcmread(BytesIO(data))
        self.objects[str(ds.SOPInstanceUID)] = ds
        return str(ds.SOPInstanceUID)

    def matching(self, level: str, asked: Dataset) -> list[list[Dataset]]:
        """The objects that a request selects, by what is of that level."""
        names = (
            "StudyInstanceUID",
            "SeriesInstanceUID",
            "SOPInstanceUID",
            "StudyDate",
            "ModalitiesInStudy",
            "Modality",
        )
        wanted = {name: str(asked.get(name) or "") for name in names}
        found: dict[str, list[Dataset]] = {}
        for ds in self.objects.values():
            if all(_matches(ds, *each) for each in wanted.items() if each[1]):
                found.setdefault(str(ds.get(_KEYS[level])), []).append(ds)
        return list(found.values())

    def rows(self, level: str, asked: Dataset) -> list[Dataset]:
        """The rows of a list."""
        return [self._row(level, asked, objects) for objects in self.matching(level, asked)]

    def _row(self, level: str, asked: Dataset, objects: list[Dataset]) -> Dataset:
        row, first = Dataset(), objects[0]
        row.QueryRetrieveLevel = level
        counts = {
            "NumberOfStudyRelatedSeries": len({str(ds.SeriesInstanceUID) for ds in objects}),
            "NumberOfStudyRelatedInstances": len(objects),
            "NumberOfSeriesRelatedInstances": len(objects),
        }
        for element in asked:
            if element.keyword in counts:
                setattr(row, element.keyword, counts[element.keyword] if self.manners.counts else None)
            elif element.keyword != "QueryRetrieveLevel":
                name = {"ModalitiesInStudy": "Modality"}.get(element.keyword, element.keyword)
                setattr(row, element.keyword, first.get(name, ""))
        return row


def _matches(ds: Dataset, name: str, value: str) -> bool:
    own = str(ds.get({"ModalitiesInStudy": "Modality"}.get(name, name), "") or "")
    if name == "StudyDate" and "-" in value:
        first, last = value.split("-")
        return bool(own) and first <= own <= (last or "9")
    return own == value


@contextmanager
def dimse_pacs(context: ssl.SSLContext | None = None) -> Iterator[DimsePacs]:
    """A PACS on a free port of this machine, which knows LOOKALIKE on another one. context: of its TLS."""
    pacs = DimsePacs(0, held_port())
    entity = AE(pacs.title)
    for each in (_FIND, _MOVE):
        entity.add_supported_context(each)
    entity.require_called_aet = True
    handlers = [(evt.EVT_C_FIND, _find, [pacs]), (evt.EVT_C_MOVE, _move, [pacs])]
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=handlers,  # type: ignore[arg-type]
        ssl_context=context,
    )
    pacs.port = int(server.server_address[1])
    try:
        yield pacs
    finally:
        server.shutdown()


def _find(event: Any, pacs: DimsePacs) -> Iterator[tuple[int, Dataset | None]]:
    asked, manners = event.identifier, pacs.manners
    with pacs.lock:
        pacs.asked.append((str(asked.QueryRetrieveLevel), asked))
        pacs.under_way += 1
        pacs.most = max(pacs.most, pacs.under_way)
        pacs.lock.notify_all()
        if asked.QueryRetrieveLevel != "STUDY":
            pacs.lock.wait_for(lambda: pacs.most >= manners.meets, timeout=PATIENCE)
    rows = [row for row in pacs.rows(str(asked.QueryRetrieveLevel), asked) for _ in range(1 + manners.repeats)]
    with pacs.lock:
        pacs.under_way -= 1
    yield from ((0xFF00, row) for row in rows[: manners.cap or None])
    if manners.find_status:
        yield manners.find_status, None
    if manners.cap and len(rows) > manners.cap and manners.capped:
        yield manners.capped, None


def _move(event: Any, pacs: DimsePacs) -> Iterator[Any]:
    asked = event.identifier
    pacs.moved.append((str(asked.QueryRetrieveLevel), asked))
    if not pacs.manners.knows or event.move_destination.strip() != "LOOKALIKE":
        yield None, None
        return
    objects = [ds for some in pacs.matching("IMAGE", asked) for ds in some]
    sent = [ds for ds in objects if str(ds.SOPInstanceUID) not in pacs.manners.keeps]
    tls = pacs.manners.sends_with
    syntaxes = {(str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)) for ds in sent} or {(_SECONDARY, _EXPLICIT)}
    options: dict[str, Any] = {"contexts": [build_context(*each) for each in sorted(syntaxes)]}
    yield "127.0.0.1", pacs.listen, options | ({"tls_args": (tls, "127.0.0.1")} if tls else {})
    yield len(sent)
    if pacs.manners.chokes.intersection(str(ds.SOPInstanceUID) for ds in objects):
        yield 0xC000, None
        return
    yield from ((0xFF00, ds) for ds in sent)


@contextmanager
def dcmqrscp(folder: Path, files: Iterable[Path], settings: Mapping[str, str] | None = None) -> Iterator[DimsePacs]:
    """dcmtk's archive with some files, on a free port. Skips where dcmtk is not installed."""
    pacs = DimsePacs(held_port(), held_port(), "ARCHIVE")
    (folder / "store").mkdir(parents=True)
    configuration = folder / "dcmqrscp.cfg"
    configuration.write_text(
        f"NetworkTCPPort = {pacs.port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nours = (LOOKALIKE, 127.0.0.1, {pacs.listen})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\n{pacs.title} {folder / 'store'} RW (5000, 1024mb) ANY\nAETable END\n"
    )
    if shutil.which("dcmqrscp") is None:
        pytest.skip("dcmtk is not installed")
    command = [program("dcmqrscp"), "-c", str(configuration)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            words = ("-aec", pacs.title, "-aet", "DCMTK")
            eventually(lambda: echoscu(pacs.port, *words), lambda code: code == 0)
            stored = storescu(pacs.port, *files, words=(*words, "-R"))
            assert stored.returncode == 0, stored.stderr
            yield pacs
        finally:
            process.kill()
