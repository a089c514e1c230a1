"""Erasing with a proof: what was removed where, what is found of it, which backups hold it; and nothing of whom."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL.Image
import pytest

from conftest import texture, write_pictures
from lookalike.backups import BackupEntry, backups_of, note_backups
from lookalike.errors import GalleryError, NotFoundError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.audit_log import verify_audit_log
from lookalike.verbs.erase import check_erasure, erase_patient
from lookalike.verbs.index import index
from lookalike.verbs.map import map_gallery
from lookalike.verbs.records import RecordInfo, browse
from started import ran


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "g", create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        yield opened


def of_patient(gallery: Gallery, name: str = "patient-1") -> list[RecordInfo]:
    group = gallery.store.patient_group(name)
    return [one for one in browse(gallery).items if one.patient == group]


def test_what_was_removed_where(gallery: Gallery, tmp_path: Path) -> None:
    adapt(gallery, "s", kind="linear")
    map_gallery(gallery, method="tsne")
    own = of_patient(gallery)
    proof = erase_patient(gallery, patient=own[0].patient, proof=tmp_path / "proof.json", by="käthe")
    assert len(proof.records) == len(own) == 3
    assert (proof.left, proof.found, proof.erased, proof.clean) == (0, 0, True, True)
    assert proof.rows["records"] == proof.rows["vectors"] == proof.rows["thumbnails"] == 3
    assert proof.rows["attributes"] >= 3
    assert proof.files["maps"] == 1
    assert proof.files["indexes"] >= 1
    assert proof.words["ids"] == proof.words["vectors"] == 3
    assert proof.searched_files > 3
    assert proof.searched_bytes > 10_000
    assert len(browse(gallery).items) == 9
    stored = json.loads((tmp_path / "proof.json").read_text())
    assert stored["by"] == "käthe"
    assert check_erasure(gallery, tmp_path / "proof.json").genuine
    assert check_erasure(gallery, tmp_path / "proof.json").back == 0


def test_a_name_that_lies_in_another_ones_is_no_trace(tmp_path: Path) -> None:
    """As those of a DICOM folder do; one that is left by itself is."""
    for name in ("IM1", "IM10", "inIM2"):
        PIL.Image.fromarray(texture(len(name))).save(tmp_path / name, "PNG")
    table = tmp_path / "labels.csv"
    table.write_text("path,patient_id\nIM1,ann\nIM10,ben\ninIM2,cid\n")
    with open_gallery(tmp_path / "g", create=True) as gallery:
        index(gallery, [tmp_path / name for name in ("IM1", "IM10", "inIM2")], labels=table)
        proof = erase_patient(gallery, patient_id="ann")
        assert (proof.words["sources"], proof.passed_over, proof.found, proof.clean) == (0, 1, 0, True)
        (gallery.folder / "left.txt").write_text(str(tmp_path / "inIM2"))
        proof = erase_patient(gallery, patient_id="cid")
        assert (proof.words["sources"], proof.passed_over, proof.found, proof.clean) == (1, 0, 1, False)


def test_it_names_nobody(gallery: Gallery, tmp_path: Path) -> None:
    own = of_patient(gallery)
    erase_patient(gallery, patient_id="patient-1", proof=tmp_path / "proof.json")
    text = (tmp_path / "proof.json").read_text()
    words = [word for one in own for word in (one.id, one.patient, one.source, Path(one.source).name)]
    assert [word for word in ["patient-1", *words] if word in text] == []


CHANGES: list[Callable[[dict[str, object]], object]] = [
    lambda fields: fields.update(found=1),
    lambda fields: fields.update(records=[]),
    lambda fields: fields.update(by="somebody"),
    lambda fields: fields.update(gallery="0" * 16),
    lambda fields: fields.update(more=1),
    lambda fields: fields.pop("time"),
    lambda fields: fields.update(mac=""),
]


def test_a_proof_that_was_changed_is_none(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    erase_patient(gallery, patient_id="patient-1", proof=path)
    whole = path.read_text()
    for change in CHANGES:
        fields = json.loads(whole)
        change(fields)
        path.write_text(json.dumps(fields))
        assert not check_erasure(gallery, path).genuine
    path.write_text("{}")
    with pytest.raises(UsageError, match="holds no proof"):
        check_erasure(gallery, path)


@pytest.mark.sqlite_file
def test_which_backups_hold_it_and_that_one_brought_it_back(gallery: Gallery, tmp_path: Path) -> None:
    identity, folder = gallery.store.id, gallery.folder
    gallery.close()
    shutil.copytree(folder, tmp_path / "before")
    with open_gallery(folder) as opened:
        erase_patient(opened, patient_id="patient-2")
    shutil.copytree(folder, tmp_path / "between")
    (tmp_path / "archive.tar").write_bytes(b"\0" * 100)
    names = ("before", "between", "archive.tar", "gone")
    note_backups(identity, [BackupEntry(name, str(tmp_path / name), float(i)) for i, name in enumerate(names)])
    with open_gallery(folder) as opened:
        first = erase_patient(opened, patient_id="patient-1", proof=tmp_path / "p1.json")
        assert {each.name: each.holds for each in first.backups} == {
            "before": True,
            "between": True,
            "archive.tar": None,
            "gone": None,
        }
    with open_gallery(tmp_path / "between") as opened:
        assert check_erasure(opened, tmp_path / "p1.json").back == 3
        second = erase_patient(opened, patient_id="patient-0")
        assert second.backups[0].created.startswith("1970-01-01")
    shutil.rmtree(tmp_path / "between")
    shutil.copytree(folder, tmp_path / "between")
    with open_gallery(folder) as opened:
        third = erase_patient(opened, patient_id="patient-3")
    assert [each.holds for each in third.backups][:2] == [True, True]


def test_the_manifest_is_kept_in_order_and_closed(gallery: Gallery, tmp_path: Path) -> None:
    identity = gallery.store.id
    assert backups_of(identity) == ()
    later, earlier = BackupEntry("b", "/b", 2.0), BackupEntry("a", "/a", 1.0, "ab")
    note_backups(identity, [later])
    note_backups(identity, [earlier])
    note_backups(identity, [BackupEntry("b", "/c", 2.0)])
    assert [(each.name, each.path) for each in backups_of(identity)] == [("a", "/a"), ("b", "/c")]
    (tmp_path / "config" / "backups" / f"{identity}.jsonl").chmod(0o666)
    with pytest.raises(GalleryError, match="open to others"):
        backups_of(identity)


def test_traces_that_are_left_are_told(gallery: Gallery) -> None:
    (one, *_) = of_patient(gallery)
    (gallery.folder / "sources").mkdir(exist_ok=True)
    (gallery.folder / "note.txt").write_text(f"of {one.id}")
    (gallery.folder / f"{one.id}.txt").write_text("")
    proof = erase_patient(gallery, patient_id="patient-1")
    assert (proof.found, proof.clean) == (2, False)


def test_whom_and_where(gallery: Gallery, tmp_path: Path) -> None:
    for wrong in ({}, {"patient": "a", "patient_id": "b"}):
        with pytest.raises(UsageError, match="say whom"):
            erase_patient(gallery, **wrong)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        erase_patient(gallery, patient_id="nobody")
    (tmp_path / "there").touch()
    for place in (tmp_path / "there", tmp_path / "no" / "folder"):
        with pytest.raises(UsageError, match="new file"):
            erase_patient(gallery, patient_id="patient-1", proof=place)
    assert len(browse(gallery).items) == 12


def test_by_command(gallery: Gallery, tmp_path: Path) -> None:
    def run(*words: object, code: int = 0, given: str = "") -> str:
        done = ran(*words, given=given)
        assert done.returncode == code, done.stderr
        return done.stdout

    group = of_patient(gallery)[0].patient
    where = ("--gallery", gallery.folder)
    told = json.loads(run("erase", "--patient", group, "--proof", tmp_path / "p.json", "--json", *where))
    assert told == json.loads((tmp_path / "p.json").read_text())
    assert "3 records erased" in run("erase", "--patient-id", "-", *where, given="patient-2\n")
    assert "genuine" in run("erase", "--check", tmp_path / "p.json", *where)
    index(gallery, [tmp_path / "pictures"])
    assert "3 in the gallery again" in run("erase", "--check", tmp_path / "p.json", *where, code=1)
    noted = verify_audit_log()
    assert (noted.lines, noted.sound) == (2, True)
