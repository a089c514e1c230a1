"""Who records are in a PACS: pseudonyms in every gallery, encrypted in linked ones, and nobody in a copy of either."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
import pytest

import lookalike
from conftest import texture
from dicoms import data_set, save
from lookalike.days import day_number
from lookalike.errors import GalleryError, MissingExtraError, NotFoundError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store.identities import dicom_identities, dicom_identity, instances_there
from lookalike.store.sealed import sealed, unsealed
from lookalike.store.traces import empty_log
from lookalike.types import DicomIdentity
from lookalike.verbs.gallery import adopt, gallery_info, secret_key
from lookalike.verbs.records import remove

ROOT: Final = "1.2.826.0.7.5391"
"""Begins every UID here, and no other text."""
ACCESSION, DATE, TIME = "QX7734", "19870611", "141503.250731"  # six digits alone stand in a pseudonym now and then
WORDS: Final = (ROOT, ACCESSION, DATE, TIME, "1987-06-11", "PAT-5391")
SLICES: Final = 5


def header(study: int, series: int, instance: int, patient: int = 0) -> dict[str, Any]:
    return {
        "PatientID": f"PAT-5391-{patient}",
        "StudyInstanceUID": f"{ROOT}.{study}",
        "SeriesInstanceUID": f"{ROOT}.{study}.{series}",
        "SOPInstanceUID": f"{ROOT}.{study}.{series}.{instance}",
        "AccessionNumber": f"{ACCESSION}-{study}",
        "StudyDate": DATE,
        "StudyTime": TIME,
    }


def write(folder: Path) -> Path:
    """A radiograph, a file of three pictures, a series of five slices with a copy of one, and a picture that is no
    DICOM.
    """
    (folder / "series").mkdir(parents=True)
    save(data_set(texture(1), Modality="CR", **header(1, 1, 1)), folder / "cr.dcm")
    cine = np.stack([texture(10 + n) for n in range(3)])
    save(data_set(cine, Modality="US", **header(2, 1, 1, 1)), folder / "us.dcm")
    for n in range(SLICES):
        place = {"ImagePositionPatient": [0, 0, n], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
        said = {"Modality": "MR", "PixelSpacing": [1, 1], **place, **header(3, 2, n + 1, 2)}
        save(data_set(texture(20 + n), **said), folder / "series" / f"{n}.dcm")
    shutil.copy(folder / "series" / "0.dcm", folder / "copy.dcm")
    PIL.Image.fromarray(texture(40)).save(folder / "plain.png")
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("scans") / "files")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, scans: Path) -> dict[bool, Path]:
    """A linked and an anonymous gallery of the same files."""
    folders = {linked: tmp_path_factory.mktemp("made") / "g" for linked in (True, False)}
    for linked, folder in folders.items():
        with open_gallery(folder, create=True, linked=linked) as gallery:
            assert lookalike.index(gallery, [scans]).added == 6
    return folders


@pytest.fixture
def galleries(made: dict[bool, Path], tmp_path: Path) -> dict[bool, Path]:
    """Copies of them, which are still their owner's."""
    return {linked: Path(shutil.copytree(folder, tmp_path / f"{linked}")) for linked, folder in made.items()}


def ids(gallery: Gallery) -> dict[str, str]:
    """The ids of the records by the name of their file and their frame."""
    records = gallery.store.records().values()
    return {f"{Path(record.source).name}-{record.frame}": record.id for record in records}


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_linked_gallery_says_who_a_record_is(made: dict[bool, Path]) -> None:
    with open_gallery(made[True]) as gallery:
        assert gallery.linked
        assert gallery_info(gallery).linked
        own = ids(gallery)
        picture, volume = (dicom_identity(gallery.store, own[name]) for name in ("cr.dcm-0", "series-0"))
        frames = [dicom_identity(gallery.store, own[f"us.dcm-{n}"]) for n in range(3)]
        assert picture == DicomIdentity(
            study_instance_uid=f"{ROOT}.1",
            series_instance_uid=f"{ROOT}.1.1",
            sop_instance_uid=f"{ROOT}.1.1.1",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
            accession_number=f"{ACCESSION}-1",
            study_date=DATE,
            study_time=TIME,
        )
        assert (volume.series_instance_uid, volume.sop_instance_uid) == (f"{ROOT}.3.2", None)
        assert {frame.sop_instance_uid for frame in frames} == {f"{ROOT}.2.1.1"}
        assert ROOT not in repr(picture)
        with pytest.raises(NotFoundError, match="does not say"):
            dicom_identity(gallery.store, own["plain.png-0"])
        assert len(dicom_identities(gallery.store, gallery.store.records())) == 5


@pytest.mark.parametrize("linked", [True, False])
def test_a_source_can_ask_which_instances_are_there(made: dict[bool, Path], linked: bool) -> None:
    with open_gallery(made[linked]) as gallery:
        name = gallery.store.instance_group
        there = [f"{ROOT}.1.1.1", f"{ROOT}.2.1.1", *(f"{ROOT}.3.2.{n + 1}" for n in range(SLICES))]
        asked = {name(uid): uid for uid in (*there, f"{ROOT}.1.1.2", f"{ROOT}.3.2.6", f"{ROOT}.1")}
        assert {asked[one] for one in instances_there(gallery.store, asked)} == set(there)
        assert len({name(there[0]), gallery.store.series_group(there[0]), gallery.store.study_group(there[0])}) == 3
        assert name("") == ""


@pytest.mark.sqlite_file
def test_what_was_not_read_to_its_end_is_not_there(galleries: dict[bool, Path]) -> None:
    with open_gallery(galleries[False]) as gallery:
        instance = gallery.store.instance_group(f"{ROOT}.2.1.1")
        with closing(sqlite3.connect(gallery.folder / "gallery.db")) as database, database:
            database.execute("DELETE FROM files WHERE source LIKE '%us.dcm'")
        assert instances_there(gallery.store, [instance]) == set()


@pytest.mark.parametrize("linked", [True, False])
def test_a_copy_gives_nobody_away(galleries: dict[bool, Path], linked: bool) -> None:
    """In no file of it, with what is in the write-ahead log and without."""
    folder = galleries[linked]
    with open_gallery(folder) as gallery:
        lookalike.index(gallery, [write(folder.parent / "again")])  # leaves a log
        held = bytes_of(folder)
        empty_log(gallery.store, 5)
    for word in WORDS:
        assert word.encode() not in held
        assert word.encode() not in bytes_of(folder)
        assert word.encode("utf-16-le") not in held


def test_it_is_fixed_when_the_gallery_is_made(made: dict[bool, Path], scans: Path) -> None:
    for linked, folder in made.items():
        with open_gallery(folder, create=True, linked=linked) as gallery:
            assert gallery.linked is linked
        with pytest.raises(UsageError, match=r"stays so.*new gallery"):
            open_gallery(folder, create=True, linked=not linked)


def test_an_anonymous_gallery_refuses_in_one_line(made: dict[bool, Path]) -> None:
    with open_gallery(made[False]) as gallery:
        assert not gallery_info(gallery).linked
        with pytest.raises(GalleryError, match=r"^this gallery is anonymous: .* --linked") as refused:
            dicom_identity(gallery.store, ids(gallery)["cr.dcm-0"])
        assert "\n" not in str(refused.value)


def test_without_the_key_or_with_another_nothing_is_said(
    galleries: dict[bool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, key = galleries[True], tmp_path / "key"
    with open_gallery(folder) as gallery:
        secret_key(gallery, key)
        own = ids(gallery)["cr.dcm-0"]
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "colleague"))
    with open_gallery(folder) as gallery, pytest.raises(GalleryError, match="secret key"):
        dicom_identity(gallery.store, own)
    monkeypatch.setenv("LOOKALIKE_KEY", "cd" * 32)
    with open_gallery(folder) as gallery, pytest.raises(GalleryError, match="secret key"):
        dicom_identity(gallery.store, own)
    monkeypatch.setenv("LOOKALIKE_KEY", key.read_text())
    with open_gallery(folder) as gallery:
        assert dicom_identity(gallery.store, own).accession_number == f"{ACCESSION}-1"
    monkeypatch.delenv("LOOKALIKE_KEY")
    adopt(folder)  # with a key of one's own
    with open_gallery(folder) as gallery:
        assert gallery.linked
        assert dicom_identities(gallery.store, gallery.store.records()) == {}
        with pytest.raises(GalleryError, match="another secret key"):
            dicom_identity(gallery.store, own)
    adopt(folder, key_file=key)
    with open_gallery(folder) as gallery:
        assert dicom_identity(gallery.store, own).study_date == DATE


@pytest.mark.sqlite_file
def test_a_gallery_of_before_is_anonymous(galleries: dict[bool, Path]) -> None:
    with closing(sqlite3.connect(galleries[False] / "gallery.db")) as database, database:
        database.execute("DELETE FROM gallery WHERE name = 'identities'")
    with open_gallery(galleries[False]) as gallery:
        assert not gallery.linked
    with pytest.raises(UsageError, match="anonymous"):
        open_gallery(galleries[False], linked=True)


@pytest.mark.sqlite_file
@pytest.mark.parametrize("linked", [True, False])
def test_who_is_removed_leaves_no_row_and_no_byte(galleries: dict[bool, Path], linked: bool) -> None:
    folder = galleries[linked]
    with open_gallery(folder) as gallery:
        names = [gallery.store.instance_group(f"{ROOT}.3.2.{n + 1}") for n in range(SLICES)]
        names += [gallery.store.series_group(f"{ROOT}.3.2"), gallery.store.study_group(f"{ROOT}.3")]
        held = bytes_of(folder)
        assert all(name.encode() in held for name in names)
        volume = gallery.store.record(ids(gallery)["series-0"])
        with closing(sqlite3.connect(folder / "gallery.db")) as database:
            query = "SELECT sealed FROM identities WHERE record = ?"
            (cipher,) = database.execute(query, [volume.key]).fetchone()
        assert (cipher is not None) is linked
        assert remove(gallery, patient=volume.patient).erased
        left = bytes_of(folder)
        assert not [name for name in names if name.encode() in left]
        assert cipher is None or cipher[:24] not in left
        assert instances_there(gallery.store, names) == set()
    with closing(sqlite3.connect(folder / "gallery.db")) as database:
        tables = "identities", "instances"
        counts = [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    assert counts == [4, 4]


def test_a_linked_gallery_needs_an_optional_package(
    make_gallery: Callable[..., Gallery], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    from lookalike.store.sealed import _cipher

    _cipher.cache_clear()
    with pytest.raises(MissingExtraError, match=r"lookalike\[pacs\]"):
        make_gallery("linked", linked=True)
    assert not (tmp_path / "linked").exists()
    assert not make_gallery("plain").linked


def test_what_is_sealed_is_of_one_key_gallery_and_record() -> None:
    who, key = DicomIdentity("1.2", "1.2.3", None, accession_number="Ä7"), bytes(range(32))
    data = sealed(key, "g", "r", who)
    assert unsealed(key, "g", "r", data) == who
    assert unsealed(bytes(32), "g", "r", data) is None
    assert unsealed(key, "h", "r", data) is None
    assert unsealed(key, "g", "s", data) is None
    assert unsealed(key, "g", "r", data[:-1]) is None
    assert unsealed(key, "g", "r", b"") is None
    assert sealed(key, "g", "r", who) != data
    assert len(sealed(key, "g", "r", DicomIdentity())) == len(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00010101", 1),
        ("20240229", 738945),
        ("2024-02-29", 738945),
        ("2024.02.29", 738945),
        (" 20240229 ", 738945),
        ("20230229", None),
        ("2024-0229", None),
        ("2024", None),
        ("", None),
        ("٢٠٢٤٠٢٢٩", None),
    ],
)
def test_dates_are_numbers(text: str, expected: int | None) -> None:
    assert day_number(text) == expected
