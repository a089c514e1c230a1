"""A PACS without DICOMweb: listed by C-FIND, sent by C-MOVE, and the same records as from its files."""

from __future__ import annotations

import re
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from running import children, patients
from test_pull import counts, slices, traces
from test_receiving import certificate

from dicoms import save
from lookalike.errors import LookalikeError, PacsError, UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.sources.dimse import destination
from lookalike.sources.dimse.source import DimseSource, open_dimse
from lookalike.sources.pacs import PacsLimits, PacsSource
from lookalike.verbs.index import index
from lookalike.verbs.pull import PullResult, pull
from peers.dicomweb import Pacs, radiograph, serving
from peers.dimse_pacs import DimsePacs, dcmqrscp, dimse_pacs
from peers.ports import held_port

pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")

MakeGallery = Callable[..., Gallery]
# Each request on its way has a process of its own, which starts from nothing.
QUICK = PacsLimits(at_once=1, first_wait=0.01, tries=2, silence=5.0)


@pytest.fixture
def pacs() -> Iterator[DimsePacs]:
    with dimse_pacs() as served:
        yield served


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def opened(pacs: DimsePacs) -> Iterator[DimseSource]:
    source = open_dimse(pacs.uri).within(QUICK)
    yield source
    source.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Four radiographs of three studies, a series of slices and a report."""
    report = radiograph(9, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID
    pictures = [radiograph(number, study=min(number, 2), PatientName="PACS^CANARY") for number in range(4)]
    for number, ds in enumerate([*pictures, *slices(21), report]):
        folder = tmp_path / "files" / str(ds.SeriesInstanceUID)
        folder.mkdir(parents=True, exist_ok=True)
        save(ds, folder / f"{number}.dcm")
    return tmp_path / "files"


def quick(gallery: Gallery, uri: str, **options: Any) -> PullResult:
    return pull(gallery, [uri], **{"stable": 0.0, "at_once": 1, **options})


def contents(gallery: Gallery) -> list[tuple[str, bytes]]:
    """What each record says of itself, and its vectors; the file that was sent is another one."""
    records = gallery.store.records().values()
    told = ((str(sorted(each.attributes.items())), gallery.store.vectors_of(each.key)) for each in records)
    return sorted((said, np.round(vectors.astype(np.float64), 4).tobytes()) for said, vectors in told)


def fetch_all(source: DimseSource) -> None:
    for item in source.items():
        with suppress(UnreadableImageError), source.fetch(item):
            pass


def workers() -> list[psutil.Process]:
    return children("dimse.worker")


def test_dcmtk_s_archive_gives_the_records_of_its_files(
    make_gallery: MakeGallery, files: Path, tmp_path: Path, temporary: Path
) -> None:
    local, pulled = make_gallery("local"), make_gallery("pulled")
    index(local, [files])
    with dcmqrscp(tmp_path / "archive", [files]) as archive:
        result = quick(pulled, archive.uri, at_once=4)
        assert counts(result) == (5, 0, 0, 1, 0)
        assert (result.studies, result.kinds) == (5, {"SR": 1})
        assert contents(pulled) == contents(local)
        assert len(patients(pulled)) == len(patients(local))
        assert counts(quick(pulled, archive.uri)) == (0, 5, 0, 1, 0)
        assert counts(quick(pulled, f"{archive.uri}&Modality=CT")) == (0, 1, 0, 0, 0)
    assert not list(temporary.iterdir())
    assert not workers()
    pulled.close()
    assert not traces(pulled.folder)


def test_what_came_over_dicomweb_is_not_sent_again(make_gallery: MakeGallery, files: Path, pacs: DimsePacs) -> None:
    gallery, other = make_gallery(), make_gallery("indexed")
    with serving() as web:
        for each in (web, pacs):
            for file in sorted(files.rglob("*.dcm")):
                each.store(file.read_bytes())
        assert pull_all(gallery, web) == 5
    assert counts(quick(gallery, pacs.uri)) == (0, 5, 0, 1, 0)
    assert not pacs.moved
    assert index(other, [pacs.uri]).added == 5
    assert {level for level, _ in pacs.moved} == {"IMAGE", "SERIES"}
    pacs.store(radiograph(77))
    pacs.moved.clear()
    assert counts(quick(other, pacs.uri)) == (1, 5, 0, 1, 0)
    assert [str(asked.SOPInstanceUID) for _, asked in pacs.moved] == ["1.9.77.1.77"]


def pull_all(gallery: Gallery, web: Pacs) -> int:
    return quick(gallery, web.uri).added


@pytest.mark.parametrize("capped", [0x0000, *(pytest.param(code, marks=pytest.mark.slow) for code in (0xFE00, 0xA700))])
def test_a_server_that_caps_its_lists_is_noticed_and_asked_for_the_rest(
    opened: DimseSource, pacs: DimsePacs, capped: int
) -> None:
    for number in range(90):
        pacs.store(radiograph(number, StudyDate=f"2026{1 + number // 30:02}{1 + number % 28:02}"))
    assert len(opened.studies()) == 90
    assert not opened.notes
    pacs.manners.cap, pacs.manners.capped = 20, capped
    assert len(opened.studies()) == 90
    assert opened.notes == ("the PACS caps its lists at 20 rows: part after part was asked for",)
    only = open_dimse(f"{pacs.uri}&StudyDate=20260201-").within(QUICK)
    assert len(only.studies()) == 60
    only.close()


def test_one_day_with_more_than_a_list_holds_is_told(opened: DimseSource, pacs: DimsePacs) -> None:
    for number in range(30):
        pacs.store(radiograph(number, StudyDate="20260105"))
    pacs.manners.cap, pacs.manners.capped = 20, 0xFE00
    assert len(opened.studies()) == 20
    assert any("is there more?" in note for note in opened.notes)


def test_a_server_that_repeats_rows_and_counts_nothing_loses_nothing(
    make_gallery: MakeGallery, pacs: DimsePacs
) -> None:
    for number in range(12):
        pacs.store(radiograph(number, study=number // 2))
    pacs.manners.repeats, pacs.manners.counts = True, False
    result = quick(make_gallery(), pacs.uri)
    assert (result.added, result.studies) == (12, 6)
    assert len(result.notes) == 1
    assert "listed things twice" in result.notes[0]


def test_lists_that_lack_what_the_server_counts_are_told(opened: DimseSource, pacs: DimsePacs) -> None:
    for ds in slices(21):
        pacs.store(ds)
    pacs.manners.cap = 4
    (some,) = opened.series_of(opened.studies())
    assert [len(series.instances) for series in some] == [4]
    assert opened.notes == ("1 lists of the PACS lack 2 of what it counts itself; pull again",)


def test_what_is_not_sent_is_asked_for_again(make_gallery: MakeGallery, pacs: DimsePacs) -> None:
    uids = [pacs.store(radiograph(number)) for number in range(3)]
    gallery = make_gallery()
    pacs.manners.keeps = frozenset(uids[:1])
    result = quick(gallery, pacs.uri)
    assert (result.added, [refusal.reason for refusal in result.refused]) == (2, ["not-fetched"])
    pacs.manners.keeps = frozenset()
    assert counts(quick(gallery, pacs.uri)) == (1, 2, 0, 0, 0)


def test_a_slice_that_the_server_keeps_leaves_its_series_for_the_next_pull(
    make_gallery: MakeGallery, pacs: DimsePacs
) -> None:
    uids = [pacs.store(ds) for ds in slices(21)]
    gallery = make_gallery()
    pacs.manners.keeps = frozenset(uids[2:3])
    result = quick(gallery, pacs.uri)
    assert result.added == 0
    assert sorted(refusal.reason for refusal in result.refused) == ["incomplete-series", "not-fetched"]
    pacs.manners.keeps = frozenset()
    assert counts(quick(gallery, pacs.uri)) == (1, 0, 0, 0, 0)
    assert not gallery.store.refused()


def test_an_object_that_the_server_cannot_read_costs_no_other_of_its_series(
    make_gallery: MakeGallery, pacs: DimsePacs
) -> None:
    uids = [pacs.store(ds) for ds in slices(21)]
    gallery = make_gallery()
    pacs.manners.chokes = frozenset(uids[-1:])
    result = quick(gallery, pacs.uri)
    assert [record.depth for record in gallery.store.records().values()] == [5]
    assert [refusal.reason for refusal in result.refused] == ["not-fetched"]
    assert [level for level, _keys in pacs.moved] == ["SERIES", *["IMAGE"] * 6]
    assert counts(quick(gallery, pacs.uri)) == (0, 1, 1, 0, 0)
    pacs.manners.chokes = frozenset()
    result = quick(gallery, pacs.uri)
    assert (result.added, result.replaced, result.records) == (1, 1, 1)
    assert [record.depth for record in gallery.store.records().values()] == [6]
    assert not gallery.store.refused()
    assert counts(quick(gallery, pacs.uri)) == (0, 1, 0, 0, 0)


def test_a_series_of_which_one_object_after_the_other_is_not_sent_is_left(opened: DimseSource, pacs: DimsePacs) -> None:
    pacs.manners.chokes = frozenset(pacs.store(ds) for ds in slices(21, depth=6))
    (item,) = opened.items()
    with pytest.raises(UnreadableImageError, match="not-fetched"), opened.fetch(item):
        pass


@pytest.mark.parametrize(
    ("change", "words", "says"),
    [
        ({}, {"called": "OTHER"}, "it is not called so"),
        ({"knows": False}, {}, "does not know where 'LOOKALIKE' is, or cannot reach it"),
        ({"find_status": 0xC001}, {}, "refused to list (status 0xC001)"),
        ({}, {"port": 1}, "gave no answer in 2 tries"),
    ],
)
def test_what_does_not_work_is_said_in_a_line(
    change: dict[str, Any], words: dict[str, Any], says: str, pacs: DimsePacs
) -> None:
    pacs.store(radiograph(1))
    for name, value in change.items():
        setattr(pacs.manners, name, value)
    port, called = words.get("port", pacs.port), words.get("called", pacs.title)
    source = open_dimse(f"dimse://LOOKALIKE@127.0.0.1:{port}/{called}?listen={pacs.listen}").within(QUICK)
    try:
        with pytest.raises(PacsError, match=re.escape(says)):
            fetch_all(source)
    finally:
        source.close()


def test_a_pacs_that_cannot_reach_us_is_said(opened: DimseSource, pacs: DimsePacs) -> None:
    pacs.store(radiograph(1))
    pacs.listen = held_port()  # where it sends, and nobody listens
    with pytest.raises(PacsError, match="or cannot reach it"):
        fetch_all(opened)


def test_a_pacs_that_sends_nothing_ends_the_pull(
    opened: DimseSource, pacs: DimsePacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "_LATE_SECONDS", 0.1)  # nothing comes late
    pacs.manners.keeps = frozenset(pacs.store(radiograph(number)) for number in range(9))
    with pytest.raises(PacsError, match="nothing of what the PACS was asked for has come"):
        fetch_all(opened)
    assert len(pacs.moved) == 8


def test_requests_keep_to_their_number_and_their_pace(pacs: DimsePacs) -> None:
    for number in range(8):
        pacs.store(radiograph(number))
    pacs.manners.meets = 2
    source = open_dimse(pacs.uri).within(PacsLimits(at_once=2, a_second=40, first_wait=0.01))
    began = time.monotonic()
    assert len(list(source.items())) == 8
    assert pacs.most == 2
    assert time.monotonic() - began >= (len(pacs.asked) - 1) / 40
    assert len(workers()) == 2
    source.close()
    assert not workers()


def test_a_peer_that_is_no_dicom_costs_a_process_and_no_more(pacs: DimsePacs) -> None:
    with serving() as web:
        port = int(web.uri.rpartition(":")[2].partition("/")[0])
        source = open_dimse(f"dimse://LOOKALIKE@127.0.0.1:{port}/PACS").within(replace(QUICK, silence=1.0))
        with pytest.raises(PacsError, match="gave no answer"):
            source.studies()
        source.close()


def test_the_address_is_one_spelling_and_names_no_more_than_it_may() -> None:
    source = open_dimse("dimse://LOOK%20ALIKE@[::1]/MY%20PACS?Modality=CT&StudyDate=20260101-")
    assert source.uri == "dimse://LOOK%20ALIKE@[::1]:104/MY%20PACS?listen=11113&Modality=CT&StudyDate=20260101-"
    assert open_dimse(source.uri).address == source.address
    assert open_dimse("dimse+tls://A@h/B").address.port == 2762
    assert isinstance(source, PacsSource)


@pytest.mark.parametrize(
    "uri",
    [
        "dimse://h/PACS",
        "dimse://A@h/",
        "dimse://A:secret@h/PACS",
        "dimse://A@h:x/PACS",
        "dimse://A@h/PACS?PatientName=Doe",
        "dimse://A@h/PACS?listen=0",
        "dimse://A@h/PACS?StudyDate=2026*",
        "dimse://ATITLETHATISTOOLONG@h/PACS",
        "dimse://A@h/PACS#x",
    ],
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(UsageError):
        open_dimse(uri)


def test_over_tls_with_certificates_of_both(
    make_gallery: MakeGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [certificate(tmp_path, name) for name in ("ours", "peers", "stranger")]
    (ours, ours_key), (peers, peers_key), (stranger, stranger_key) = names
    listens, sends = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(ours))
    for context in (listens, sends):
        context.load_cert_chain(peers, peers_key)
        context.load_verify_locations(ours)
        context.verify_mode = ssl.CERT_REQUIRED
    with dimse_pacs(listens) as pacs:
        for number in range(2):
            pacs.store(radiograph(number))
        pacs.manners.sends_with = sends
        uri = pacs.uri.replace("dimse://", "dimse+tls://")
        monkeypatch.setenv("LOOKALIKE_PACS_AUTHORITIES", str(peers))
        for cert, key in ((stranger, stranger_key), (ours, ours_key)):
            monkeypatch.setenv("LOOKALIKE_PACS_CERTIFICATE", str(cert))
            monkeypatch.setenv("LOOKALIKE_PACS_KEY", str(key))
            if cert == stranger:
                source = open_dimse(uri).within(QUICK)
                with pytest.raises(PacsError, match="gave no answer"):
                    source.studies()
                source.close()
        assert quick(make_gallery(), uri).added == 2


def test_over_tls_a_certificate_of_ours_is_needed(pacs: DimsePacs) -> None:
    pacs.store(radiograph(1))
    source = open_dimse(pacs.uri.replace("dimse://", "dimse+tls://")).within(QUICK)
    with pytest.raises(LookalikeError, match="gave no answer"):
        source.studies()
    with pytest.raises(UsageError, match="comes to a certificate of ours"):
        source._destination.open()
    source.close()
