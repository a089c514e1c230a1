"""Pulled from a PACS: the records of a folder, only what is new, nothing twice, and nobody given away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import COMMAND, patients, refusal, run
from test_volumes import AXIAL, body

from awaited import PATIENCE, eventually
from dicoms import save
from lookalike.errors import PacsError, UsageError
from lookalike.gallery import Gallery
from lookalike.sources.arrivals import Arrivals
from lookalike.sources.fetching import FETCHED_AT_ONCE
from lookalike.sources.pacs import ListedStudy
from lookalike.types import Item
from lookalike.verbs import pull as verb
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.index import index
from lookalike.verbs.pull import PullResult, follow, pull
from lookalike.verbs.records import remove
from peers.dicomweb import Pacs, as_it_should, no_dicom, radiograph, serving

MakeGallery = Callable[..., Gallery]
NEEDLES = (b"1.9.", b"MRN-", b"127.0.0.1", b"dicom-web", b"PACS^CANARY")


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def slices(series: int, depth: int = 6) -> list[Any]:
    """A CT series of its own study, from the feet up."""
    return [
        radiograph(
            number,
            study=series,
            Modality="CT",
            pixels=plane,
            PatientName="PACS^CANARY",
            PixelSpacing=[1.0, 1.0],
            RescaleSlope=1,
            RescaleIntercept=0,
            InstanceNumber=number,
            ImagePositionPatient=[0, 0, 2.5 * number],
            ImageOrientationPatient=[*AXIAL],
        )
        for number, plane in enumerate(body(series, 6)[:depth])
    ]


@pytest.fixture
def filled(pacs: Pacs, tmp_path: Path) -> Path:
    """Five radiographs of four studies, two series of slices, a report and a broken file; the same in a folder."""
    pictures = [radiograph(number, study=min(number, 3), PatientName="PACS^CANARY") for number in range(5)]
    report = radiograph(9, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    broken = radiograph(8, Rows=0)
    for number, ds in enumerate([*pictures, *slices(21), *slices(22), report, broken]):
        folder = tmp_path / "files" / str(ds.SeriesInstanceUID)
        folder.mkdir(parents=True, exist_ok=True)
        pacs.store(save(ds, folder / f"{number}.dcm").read_bytes())
    return tmp_path / "files"


def vectors(gallery: Gallery) -> dict[str, bytes]:
    records = gallery.store.records().values()
    return {record.id: gallery.store.vectors_of(record.key).tobytes() for record in records}


def traces(folder: Path) -> list[str]:
    """The files that hold a UID, a name, a number of a patient or the address of the PACS."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [f"{path}: {needle!r}" for path in files for needle in NEEDLES if needle in path.read_bytes()]


def quick(gallery: Gallery, pacs: Pacs, **options: Any) -> PullResult:
    return pull(gallery, [pacs.uri], **{"stable": 0.0, **options})


def counts(result: PullResult) -> tuple[int, int, int, int, int]:
    return result.added, result.skipped, len(result.refused), result.ignored, result.waiting


def test_a_pull_an_index_and_the_folder_give_the_same(
    make_gallery: MakeGallery, filled: Path, pacs: Pacs, temporary: Path
) -> None:
    local = make_gallery("local")
    index(local, [filled])
    pulled = make_gallery("pulled")
    result = quick(pulled, pacs)
    assert counts(result) == (7, 0, 1, 1, 0)
    assert (result.studies, result.records, result.kinds, result.notes) == (8, 7, {"SR": 1}, ())
    assert [refusal.reason for refusal in result.refused] == ["unsupported-pixels"]
    indexed = make_gallery("indexed")
    assert index(indexed, [pacs.uri]).added == 7
    assert vectors(local) == vectors(pulled) == vectors(indexed)
    assert patients(local) == patients(pulled) == patients(indexed)
    assert not list(temporary.iterdir())
    sources = sorted(record.source for record in pulled.store.records().values())
    assert all(source.startswith("pacs:") for source in sources)
    assert len(sources) == len(set(sources))
    for gallery in (pulled, indexed):
        gallery.close()
        assert not traces(gallery.folder)


def test_only_what_is_new_is_fetched_whoever_brought_the_rest(
    make_gallery: MakeGallery, filled: Path, pacs: Pacs
) -> None:
    pulled, local = make_gallery("pulled"), make_gallery("local")
    quick(pulled, pacs)
    index(local, [filled])
    for gallery in (pulled, local):
        pacs.asked.clear()
        again = quick(gallery, pacs)
        assert counts(again)[:2] == (0, 7)
        assert len(pacs.fetched()) == (gallery is local)  # what a folder's file was refused for is not known of its UID
        assert index(gallery, [pacs.uri]).added == 0
    pacs.store(radiograph(77))
    pacs.asked.clear()
    assert counts(quick(pulled, pacs)) == (1, 7, 1, 1, 0)
    assert pacs.fetched() == ["1.9.77.1.77"]


def test_what_was_refused_is_fetched_again_when_asked_for(make_gallery: MakeGallery, pacs: Pacs) -> None:
    pacs.store(radiograph(1, Rows=0))
    pacs.store(radiograph(2))
    gallery = make_gallery()
    quick(gallery, pacs)
    pacs.asked.clear()
    assert [refusal.reason for refusal in quick(gallery, pacs).refused] == ["unsupported-pixels"]
    assert not pacs.fetched()
    pacs.store(radiograph(1))  # it never changes in a PACS; here it stands for a reader that has learned
    assert counts(quick(gallery, pacs, retry_refused=True)) == (1, 1, 0, 0, 0)
    assert not gallery.store.refused()


def test_what_was_not_sent_is_asked_for_again(make_gallery: MakeGallery, pacs: Pacs) -> None:
    pacs.store(radiograph(1))
    gallery = make_gallery()
    pacs.manners.answer = no_dicom
    assert [refusal.reason for refusal in quick(gallery, pacs).refused] == ["not-fetched"]
    pacs.manners.answer = None
    assert counts(quick(gallery, pacs)) == (1, 0, 0, 0, 0)
    assert not gallery.store.refused()


def test_a_slice_that_does_not_come_costs_no_other_and_is_asked_for_again(
    make_gallery: MakeGallery, pacs: Pacs
) -> None:
    for ds in slices(21):
        pacs.store(ds)
    last = str(ds.SOPInstanceUID)
    gallery = make_gallery()
    pacs.manners.answer = lambda handler, data: (no_dicom if last in handler.path else as_it_should)(handler, data)
    result = quick(gallery, pacs)
    assert (result.added, [refusal.reason for refusal in result.refused]) == (1, ["not-fetched"])
    (volume,) = gallery.store.records().values()
    label(gallery, [volume.id], add=["seen"])
    pacs.manners.answer = None
    result = quick(gallery, pacs)
    assert (result.added, result.replaced, result.records) == (1, 1, 1)
    (whole,) = gallery.store.records().values()
    assert (volume.depth, whole.depth, whole.labels) == (5, 6, ("seen",))
    assert not gallery.store.refused()


def test_a_picture_of_a_series_stays_when_its_slices_make_another_volume(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    arriving = slices(21)
    for ds in [*arriving[:4], _localizer(21)]:
        pacs.store(ds)
    assert quick(gallery, pacs).added == 2
    for ds in arriving[4:]:
        pacs.store(ds)
    result = quick(gallery, pacs)
    assert (result.added, result.replaced, result.records) == (1, 1, 2)
    assert sorted(record.depth for record in gallery.store.records().values()) == [1, 6]


def _localizer(series: int) -> Any:
    """A picture across the slices, in their series."""
    (ds,) = slices(series, depth=1)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ds.SOPInstanceUID}.9"
    ds.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    return ds


@pytest.mark.parametrize("manners", [{"cap": 20}, {"repeats": True}, {"counts": False}])
def test_a_server_of_bad_manners_loses_nothing(manners: dict[str, Any], make_gallery: MakeGallery, pacs: Pacs) -> None:
    pacs.manners = replace(pacs.manners, **manners)
    for number in range(45):
        pacs.store(radiograph(number, study=number % 41))
    result = quick(make_gallery(), pacs)
    assert (result.added, result.studies) == (45, 41)
    assert len(result.notes) == (manners != {"counts": False})


def test_a_series_that_still_grows_waits_and_is_said(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    arriving = slices(21)
    for ds in arriving[:3]:
        pacs.store(ds)
    pacs.store(radiograph(1))
    more = iter(arriving[3:])
    listings: list[str] = []

    def grow(handler: Any) -> bool:
        """Each time that the series is looked at anew, one more slice has come."""
        if handler.path.startswith("/dicom-web/studies/1.9.21/series?") and "offset=0" in handler.path:
            listings.append(handler.path)
            if len(listings) > 1:
                pacs.store(next(more))
        return False

    pacs.manners.lists = grow
    result = quick(gallery, pacs, stable=0.2)
    assert counts(result) == (1, 0, 0, 0, 1)
    assert len(listings) == 2
    assert [name for name in pacs.fetched() if ".21." in name] == []
    pacs.manners.lists = lambda handler: False
    assert counts(quick(gallery, pacs, stable=0.2)) == (1, 1, 0, 0, 0)


def test_slices_that_come_late_make_a_new_volume_in_place_of_the_old_one(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    for ds in slices(21, depth=4):
        pacs.store(ds)
    pacs.store(radiograph(1))
    assert quick(gallery, pacs).added == 2
    volume = next(record for record in gallery.store.records().values() if record.depth == 4)
    label(gallery, [volume.id], add=["seen"])
    for ds in slices(21)[4:]:
        pacs.store(ds)
    result = quick(gallery, pacs)
    assert (result.added, result.replaced, result.records) == (1, 1, 2)
    (grown,) = (record for record in gallery.store.records().values() if record.depth > 1)
    assert (grown.depth, grown.labels) == (6, ("seen",))
    pacs.asked.clear()
    assert counts(quick(gallery, pacs)) == (0, 2, 0, 0, 0)
    assert not pacs.fetched()


def test_followed_it_asks_for_what_has_changed_and_survives_failures(
    make_gallery: MakeGallery, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, now = make_gallery(), [100.0]
    monkeypatch.setattr(verb, "Arrivals", partial(Arrivals, clock=lambda: now[0]))
    for number in range(3):
        pacs.store(radiograph(number))
    looks = follow(gallery, [pacs.uri], every=0.01, stable=10.0)
    assert next(looks).added == 3
    assert next(looks).skipped == 3  # looked at once more, since it was new
    pacs.asked.clear()
    assert counts(next(looks)) == (0, 0, 0, 0, 0)
    assert {path.partition("?")[0] for path in pacs.asked} == {"/dicom-web/studies"}
    pacs.store(radiograph(7, study=1))
    for ds in slices(21):
        pacs.store(ds)
    pacs.asked.clear()
    found = next(looks)
    assert (found.added, found.waiting) == (1, 1)
    assert not any("/1.9.2/" in path for path in pacs.asked)
    pacs.manners.lists = lambda handler: handler.send(400) is None
    assert "refused the request with status 400" in next(looks).failed
    pacs.manners.lists = lambda handler: False
    now[0] = 110.0
    assert (found := next(looks)).added == 1
    assert found.failed == ""
    with gallery.writing():
        pass  # the gallery is free between two looks
    looks.close()


def test_when_a_series_has_settled() -> None:
    now = [100.0]
    arrivals = Arrivals(10.0, lambda: now[0])
    picture, before = (Item(f"pacs:s/{name}", instances=("i",)) for name in "i1")
    after = Item("pacs:s/2", instances=("i", "j"))
    assert arrivals.has_settled(picture)
    assert not arrivals.has_settled(before)
    now[0] = 109.0
    assert not arrivals.has_settled(after)
    assert arrivals.seconds_left() == 10.0
    now[0] = 110.0
    assert (arrivals.has_settled(before), arrivals.has_settled(after)) == (True, False)
    now[0] = 119.0
    assert arrivals.has_settled(after)
    held_up = Arrivals(10.0, count(step=20).__next__)  # so many seconds pass from one look at the clock to the next
    assert [held_up.has_settled(after) for _ in range(2)] == [False, True]
    assert Arrivals(0.0).has_settled(before)
    study = ListedStudy("1", (1, 2))
    assert not arrivals.is_complete(study)
    arrivals.note_complete(study)
    assert arrivals.is_complete(study)
    assert not arrivals.is_complete(ListedStudy("1", (1, 3)))
    unknown = ListedStudy("2", (None, 2))
    arrivals.note_complete(unknown)
    assert not arrivals.is_complete(unknown)


def test_a_run_that_failed_on_the_way_goes_on_from_there(make_gallery: MakeGallery, pacs: Pacs) -> None:
    for number in range(40):
        pacs.store(radiograph(number))
    gallery = make_gallery()
    served: list[str] = []

    def sent(handler: Any, data: bytes) -> None:
        served.append(handler.path)
        if len(served) > 30:
            handler.send(401)
        else:
            as_it_should(handler, data)

    pacs.manners.answer = sent
    with pytest.raises(PacsError, match="refused who asks"):
        quick(gallery, pacs)
    there = gallery.store.count()
    assert 16 <= there <= 30
    pacs.manners.answer = None
    pacs.asked.clear()
    assert quick(gallery, pacs).added == 40 - there
    assert len(pacs.fetched()) <= 40 - there + FETCHED_AT_ONCE  # those read last were not noted as read to their end


def test_removed_records_come_back_with_the_next_pull(make_gallery: MakeGallery, pacs: Pacs) -> None:
    """As those of a folder do: what is to stay away goes from the PACS first."""
    pacs.store(radiograph(1))
    gallery = make_gallery()
    quick(gallery, pacs)
    (record,) = gallery.store.records().values()
    remove(gallery, ids=[record.id])
    assert quick(gallery, pacs).added == 1


def test_the_command_prints_what_came(pacs: Pacs, filled: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "g"
    done = run("pull", pacs.uri, "--gallery", gallery, "--stable", "0", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["added"], told["studies"], told["ignored"]) == (7, 8, 1)
    again = run("pull", pacs.uri, "--gallery", gallery, "--stable", "0", "--at-once", "2", "--rate", "500")
    assert again.exit_code == 0, again.output
    said = " ".join(again.output.split())  # whatever the terminal's width
    assert "0 records added of 8 studies that the PACS lists, 7 series and pictures there already, 1 refused" in said
    assert "no images: 1 SR" in said
    assert not any(needle.decode() in done.output + again.output for needle in NEEDLES)
    pacs.manners.authorization = "Bearer x"
    assert "status 401" in refusal(run("pull", pacs.uri, "--gallery", gallery))
    assert "files and folders are for index" in refusal(run("pull", str(tmp_path), "--gallery", gallery))


def test_a_pull_that_is_told_to_end_leaves_no_file(pacs: Pacs, tmp_path: Path, temporary: Path) -> None:
    pacs.store(radiograph(1))
    waits = threading.Event()

    def never(handler: Any, data: bytes) -> None:
        handler.begin(1 << 30)
        while not waits.wait(0.05):
            handler.wfile.write(b"x")

    pacs.manners.answer = never
    command = [COMMAND, "pull", pacs.uri, "--gallery", tmp_path / "g"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        eventually(lambda: pacs.fetched() or process.poll() is not None)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)  # an answer that never ends may take thrice as long
    waits.set()
    assert process.returncode == 130
    assert b"Run the same command again" in said
    assert not [path for path in temporary.rglob("*") if path.is_file()]


@pytest.mark.parametrize("sources", [[], ["file:/"], ["vectors:x"]])
def test_pull_reads_from_a_pacs_alone(sources: list[str], make_gallery: MakeGallery) -> None:
    with pytest.raises(UsageError):
        pull(make_gallery(), sources)


def test_volumes_of_the_two_ways_are_the_same_arrays(make_gallery: MakeGallery, pacs: Pacs, tmp_path: Path) -> None:
    """One instance a file, whatever the order in which they came."""
    for ds in slices(21)[::-1]:
        pacs.store(ds)
        (tmp_path / "ct").mkdir(exist_ok=True)
        save(ds, tmp_path / "ct" / f"{ds.InstanceNumber}.dcm")
    one, other = make_gallery("one"), make_gallery("other")
    quick(one, pacs)
    index(other, [tmp_path / "ct"])
    (a,), (b,) = one.store.records().values(), other.store.records().values()
    assert a.id == b.id
    assert np.array_equal(one.store.vectors_of(a.key), other.store.vectors_of(b.key))
