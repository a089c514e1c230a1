"""Who was erased does not come back, by whichever way, until that is allowed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import run
from test_pull import quick, slices

from conftest import write_pictures
from dicoms import save
from lookalike.gallery import INBOX, Gallery
from lookalike.receiving.folder import make_inbox, objects_in
from lookalike.receiving.known import KnownObjects
from lookalike.store.kept_out import kept_out
from lookalike.verbs.erase import erase_patient, may_return
from lookalike.verbs.index import index
from lookalike.verbs.receive import receive
from peers.dicomweb import Pacs, radiograph, serving

MakeGallery = Callable[..., Gallery]


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    """Pictures of three patients, and slices of the second one."""
    with serving() as served:
        for number in range(3):
            served.store(radiograph(number))
        for ds in slices(1):
            ds.SeriesInstanceUID = "1.9.1.2"
            served.store(ds)
        yield served


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("says_patients", [True, False])
def test_a_pull_leaves_out_who_was_erased(make_gallery: MakeGallery, pacs: Pacs, says_patients: bool) -> None:
    pacs.manners.patients = says_patients
    gallery = make_gallery()
    added = quick(gallery, pacs).added
    own = len([one for one in gallery.store.records().values() if one.patient == gallery.store.patient_group("MRN-1")])
    proof = erase_patient(gallery, patient_id="MRN-1")
    assert proof.clean
    assert proof.kept_out
    pacs.store(radiograph(70, study=71, PatientID="MRN-1"))  # a later study
    pacs.asked.clear()
    again = quick(gallery, pacs)
    assert (again.added, again.kept_out, again.records) == (0, 2, added - own)
    assert [uid for uid in pacs.fetched() if not uid.startswith("1.9.71.")] == []
    assert bool(pacs.fetched()) is not says_patients
    assert may_return(gallery, patient_id="MRN-1").was_kept_out
    assert not may_return(gallery, patient_id="MRN-1").was_kept_out
    assert quick(gallery, pacs).added == own + 1


def test_so_does_whatever_else_is_indexed(make_gallery: MakeGallery, tmp_path: Path) -> None:
    gallery, pictures = make_gallery(), write_pictures(tmp_path / "pictures")
    index(gallery, [pictures], labels=pictures / "labels.csv")
    save(radiograph(5, study=5, PatientID="patient-1"), tmp_path / "a.dcm")
    lone = index(gallery, [save(radiograph(6, PatientID=""), tmp_path / "b.dcm")])
    assert lone.added == 1
    (nobody,) = (one for one in gallery.store.records().values() if one.source.endswith("b.dcm"))
    group, before = gallery.store.patient_group("patient-1"), gallery.store.count()
    own = sum(one.patient == group for one in gallery.store.records().values())
    for patient in (group, nobody.patient):
        assert erase_patient(gallery, patient=patient).kept_out
    for _ in range(2):
        told = index(gallery, [pictures, tmp_path / "a.dcm", tmp_path / "b.dcm"], labels=pictures / "labels.csv")
        assert (told.added, told.kept_out) == (0, own + 2)
        assert gallery.store.count() == before - own - 1
    may_return(gallery, patient=group)
    assert index(gallery, [pictures, tmp_path / "a.dcm"], labels=pictures / "labels.csv").added == own + 1


def test_what_is_kept_of_them_is_in_no_word_of_theirs(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    quick(gallery, pacs)
    store, group = gallery.store, gallery.store.patient_group("MRN-1")
    words = [group, store.study_group("1.9.1"), store.series_group("1.9.1.1"), "MRN-1", "1.9.1"]
    erase_patient(gallery, patient=group)
    quick(gallery, pacs)
    out = kept_out(store)
    assert out
    assert out.holds(group)
    assert not out.holds(store.patient_group("MRN-2"), "")
    gallery.close()
    assert [word for word in words if word.encode() in bytes_of(gallery.folder)] == []


def wait_in(inbox: Path, *files: Path) -> None:
    """Put files where received ones wait."""
    make_inbox(inbox)
    for number, file in enumerate(files):
        place = inbox / "arrived" / f"{number:032x}" / f"{number:032x}-{number:032x}.dcm"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(file.read_bytes())


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_erasure_reaches_what_was_received(make_gallery: MakeGallery, tmp_path: Path, elsewhere: bool) -> None:
    pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")
    files = [save(radiograph(n, study=n, PatientID=f"MRN-{n % 2}"), tmp_path / f"{n}.dcm") for n in range(6)]
    gallery = make_gallery()
    inbox = tmp_path / "inbox" if elsewhere else gallery.folder / INBOX
    wait_in(inbox, *files[:4])
    assert receive(gallery, inbox=inbox, once=True).records == 4
    wait_in(inbox, *files[4:])
    assert len(KnownObjects(inbox).items()) == 4
    proof = erase_patient(gallery, patient_id="MRN-1")
    assert (proof.clean, proof.files["inbox"], len(proof.records)) == (True, 1, 2)
    assert len(KnownObjects(inbox).items()) == 2
    assert [file.read_bytes() for file in objects_in(inbox)] == [files[4].read_bytes()]
    assert b"MRN-1" not in bytes_of(inbox)
    wait_in(inbox, *files)  # all of it is sent again
    done = receive(gallery, inbox=inbox, once=True)
    assert (done.records, done.left_out) == (1, {"erased-patient": 3})
    assert not list(objects_in(inbox))


def test_who_only_waits_is_erased_too(make_gallery: MakeGallery, tmp_path: Path) -> None:
    gallery = make_gallery()
    wait_in(gallery.folder / INBOX, save(radiograph(1), tmp_path / "1.dcm"), save(radiograph(2), tmp_path / "2.dcm"))
    proof = erase_patient(gallery, patient_id="MRN-1")
    assert (proof.clean, proof.records, proof.files["inbox"]) == (True, (), 1)
    assert len(list(objects_in(gallery.folder / INBOX))) == 1


def test_by_command(pacs: Pacs, tmp_path: Path) -> None:
    words = ("--gallery", tmp_path / "g")
    assert run("pull", pacs.uri, *words, "--stable", "0").exit_code == 0
    erased = run("erase", "--patient-id", "MRN-1", *words)
    assert "left out from now on (--may-return ends it)" in " ".join(erased.output.split())
    again = run("pull", pacs.uri, *words, "--stable", "0")
    assert "1 of patients who were erased left out" in " ".join(again.output.split())
    for said in ("The patient is taken again.", "No such patient was left out."):
        assert said in run("erase", "--patient-id", "MRN-1", "--may-return", *words).output
