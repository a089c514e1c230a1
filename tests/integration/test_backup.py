"""Backups: whole while everything goes on, any other byte found, restored with the same answers."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import texture, write_pictures
from lookalike.backing_up import make
from lookalike.backing_up.manifest import MANIFEST, read_manifest
from lookalike.backups import BackupEntry, backups_of, note_backups
from lookalike.errors import DamagedFileError, GalleryError, LockedError, LookalikeError, NotFoundError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store.database import FILE
from lookalike.verbs.adapt import adapt
from lookalike.verbs.backup import backup_gallery, backup_info, list_backups, restore_gallery, verify_gallery
from lookalike.verbs.curation.labelling import label, label_log
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.index import index
from lookalike.verbs.jobs import list_jobs, submit_job
from lookalike.verbs.map import kept_map, map_gallery
from lookalike.verbs.records import browse
from lookalike.verbs.search import search
from started import ran


@dataclass
class Kept:
    """A gallery with something of everything, its backup, and what it answered then."""

    folder: Path
    backup: Path
    said: dict[str, Any]
    config: Path


def filled(folder: Path) -> Path:
    pictures = write_pictures(folder / "pictures")
    with open_gallery(folder / "g", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
        (gallery.folder / "sources" / "abc").mkdir(parents=True)
        PIL.Image.fromarray(texture(40)).save(gallery.folder / "sources" / "abc" / "own.png")
        index(gallery, [gallery.folder / "sources" / "abc"])
        adapt(gallery, "s", kind="linear")
        map_gallery(gallery, method="tsne")
        label(gallery, [browse(gallery).items[0].id], add=["by-hand"])
        gallery.index()
    return folder / "g"


def told(gallery: Gallery) -> dict[str, Any]:
    """What a gallery answers, by everything that it keeps."""
    records = browse(gallery, limit=1000).items
    drawn = kept_map(gallery, method="tsne")
    return {
        "records": sorted((one.id, one.patient, one.labels) for one in records),
        "base": [[(hit.id, hit.score) for hit in search(gallery, id=one.id, k=12).hits] for one in records],
        "s": [(hit.id, hit.score) for hit in search(gallery, id=records[0].id, k=12, space="s").hits],
        "map": None if drawn is None else (drawn.ids, drawn.x, drawn.y),
        "log": [(change.action, change.by) for change in label_log(gallery).items],
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    root = tmp_path_factory.mktemp("backup")
    folder = filled(root)
    with open_gallery(folder) as gallery:
        backup_gallery(gallery, root / "b")
        return Kept(folder, root / "b", told(gallery), Path(os.environ["LOOKALIKE_CONFIG"]))


def test_restored_beside_it_answers_the_same(kept: Kept, tmp_path: Path) -> None:
    done = restore_gallery(kept.backup, tmp_path / "again")
    assert (done.records, done.owned, done.relocated, done.notes) == (13, True, 1, ())
    with open_gallery(tmp_path / "again") as gallery:
        assert told(gallery) == kept.said
        (own,) = [one for one in browse(gallery).items if "sources" in one.source]
        assert gallery.places.kept_file(own.source) is not None
    assert verify_gallery(tmp_path / "again").sound
    assert verify_gallery(kept.folder).sound


def test_restored_elsewhere_needs_the_key_only_for_what_is_keyed(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_gallery(kept.folder) as gallery:
        secret = gallery.store.identity.key
    assert secret is not None
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "elsewhere"))
    done = restore_gallery(kept.backup, tmp_path / "g")
    assert (done.records, done.owned) == (13, False)
    assert "--key-file" in done.notes[0]
    with open_gallery(tmp_path / "g") as gallery:
        assert told(gallery) == kept.said
        assert gallery.store.patient_group("patient-1") == ""
    files = [path for path in kept.backup.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.hex().encode() in path.read_bytes() or secret in path.read_bytes()]
    monkeypatch.setenv("LOOKALIKE_KEY", secret.hex())
    with open_gallery(tmp_path / "g") as gallery:
        assert gallery.store.patient_group("patient-1") in {one.patient for one in browse(gallery).items}


def test_the_manifest_says_what_is_there(kept: Kept) -> None:
    manifest = read_manifest(kept.backup)
    assert (manifest.counts["records"], manifest.counts["vectors"], manifest.counts["patches"]) == (13, 13, 13)
    tops = {each.path.split("/")[0] for each in manifest.files}
    assert tops == {FILE, "adapters", "indexes", "maps", "sources"}
    (entry,) = [each for each in backups_of(manifest.gallery) if each.path == str(kept.backup)]
    assert entry.sha256
    assert {oct(path.stat().st_mode & 0o077) for path in kept.backup.rglob("*") if path.is_file()} == {"0o0"}


@given(st.data())
def test_any_flipped_byte_is_found(kept: Kept, data: st.DataObject) -> None:
    files = sorted(path for path in kept.backup.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(1, 255))
    try:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        found = verify_gallery(kept.backup)
        assert not found.sound
        assert found.faults[0].path in (str(path.relative_to(kept.backup)), MANIFEST)
    finally:
        path.write_bytes(whole)


def test_every_byte_of_the_manifest_counts(kept: Kept) -> None:
    path = kept.backup / MANIFEST
    whole = path.read_bytes()
    try:
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(LookalikeError):
                read_manifest(kept.backup)
    finally:
        path.write_bytes(whole)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file more": lambda folder: (folder / "maps" / "more.json").write_text("{}"),
    "a file less": lambda folder: next((folder / "maps").iterdir()).unlink(),
    "a file shorter": lambda folder: os.truncate(folder / FILE, (folder / FILE).stat().st_size - 1),
    "a file longer": lambda folder: os.truncate(folder / FILE, (folder / FILE).stat().st_size + 1),
    "a link instead": lambda folder: relinked(next((folder / "maps").iterdir())),
    "a folder that is a link": lambda folder: relinked(folder / "maps"),
    "a pipe instead": lambda folder: piped(next((folder / "maps").iterdir())),
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "another manifest, sound in itself": lambda folder: rewritten(folder, "name", "other"),
    "a place outside": lambda folder: rewritten(folder, "files", [{"path": "../x", "size": 0, "sha256": ""}]),
}


def relinked(path: Path) -> None:
    moved = path.rename(path.parent.parent.parent / "moved")
    path.symlink_to(moved)


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def rewritten(folder: Path, name: str, value: Any) -> None:
    import hashlib

    fields = json.loads((folder / MANIFEST).read_bytes())
    del fields["sha256"]
    fields[name] = value

    def text(of: dict[str, Any]) -> bytes:
        return f"{json.dumps(of, indent=1, sort_keys=True)}\n".encode()

    (folder / MANIFEST).write_bytes(text({**fields, "sha256": hashlib.sha256(text(fields)).hexdigest()}))


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_no_longer_the_backup_is_neither_sound_nor_restored(kept: Kept, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "b" / "copy"
    shutil.copytree(kept.backup, folder)
    whole = (folder / MANIFEST).read_bytes()
    entry = next(each for each in backups_of(read_manifest(folder).gallery) if each.path == str(kept.backup))
    note_backups(read_manifest(folder).gallery, [BackupEntry(str(folder), str(folder), 1.0, entry.sha256)])
    assert verify_gallery(folder).sound
    CHANGES[name](folder)
    with pytest.raises((DamagedFileError, GalleryError)):
        restore_gallery(folder, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob(".again*"))
    if (folder / MANIFEST).exists():
        assert not verify_gallery(folder).sound
        (folder / MANIFEST).write_bytes(whole)


def test_nothing_is_overwritten(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for place in (tmp_path / "there", kept.folder):
        with pytest.raises(UsageError, match="nothing is overwritten"):
            restore_gallery(kept.backup, place)
    with open_gallery(kept.folder) as gallery:
        for place in (kept.backup / FILE, tmp_path / "no" / "folder", kept.folder / "inside"):
            with pytest.raises(UsageError):
                backup_gallery(gallery, place)
        made = backup_gallery(gallery, tmp_path / "there")
    assert Path(made.folder).parent == tmp_path / "there"
    assert Path(made.folder).name.startswith("g-20")
    with pytest.raises(GalleryError, match="no backup"):
        restore_gallery(tmp_path, tmp_path / "new")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))
    with open_gallery(filled(tmp_path)) as gallery:
        yield gallery


def test_as_many_in_one_second_as_one_likes(own: Gallery, tmp_path: Path) -> None:
    made = {Path(backup_gallery(own, tmp_path).folder) for _ in range(4)}
    assert len(made) == 4
    assert made == {path for path in tmp_path.iterdir() if path.name.startswith(f"{own.folder.name}-")}


def test_who_is_erased_is_told_of_in_which_backups(own: Gallery, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    first = backup_gallery(own, tmp_path / "backups" / "1")
    erase_patient(own, patient_id="patient-1")
    second = backup_gallery(own, tmp_path / "backups" / "2")
    proof = erase_patient(own, patient_id="patient-2")
    assert {Path(each.name).name: each.holds for each in proof.backups} == {"1": True, "2": True}
    proof = erase_patient(own, patient_id="patient-3")
    shutil.rmtree(first.folder)
    backup_gallery(own, tmp_path / "backups" / "3")
    assert [Path(each.path).name for each in backups_of(own.store.id)] == ["2", "3"]
    assert restore_gallery(second.folder, tmp_path / "again").records == 10


def test_what_was_backed_up_is_listed_with_what_was_found(own: Gallery, tmp_path: Path) -> None:
    assert list_backups(own).items == ()
    first, second = (backup_gallery(own, tmp_path / name) for name in ("1", "2"))
    assert verify_gallery(first.folder).sound
    damaged = Path(second.folder) / FILE
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    (Path(second.folder) / MANIFEST).write_text("{}")  # what the gallery is can no longer be read there
    assert not verify_gallery(second.folder).sound
    found = list_backups(own).items
    assert [(each.name, each.sound, each.there) for each in found] == [("2", False, True), ("1", True, True)]
    assert all(each.created <= (each.verified or 0) for each in found)
    shutil.rmtree(first.folder)
    assert [each.there for each in list_backups(own).items] == [True, False]
    assert backup_info(own, found[1].id).folder == first.folder
    for nobody in ("", "0" * 16):
        with pytest.raises(NotFoundError, match="no such backup"):
            backup_info(own, nobody)


def test_an_erasure_on_the_way_begins_the_backup_again(
    own: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is erased between the copy of the database and that of the files."""
    real, groups = make.snapshot_facts, iter(["patient-1"])

    def then_erase(place: Path) -> Any:
        facts = real(place)
        for patient in groups:
            erase_patient(own, patient_id=patient)
        return facts

    monkeypatch.setattr(make, "snapshot_facts", then_erase)
    made = backup_gallery(own, tmp_path / "b")
    assert made.counts["records"] == 10
    assert restore_gallery(made.folder, tmp_path / "again").records == 10
    groups = iter(["patient-0", "patient-2", "patient-3"])

    def each_time(place: Path) -> Any:
        erase_patient(own, patient_id=next(groups))
        return real(place)

    monkeypatch.setattr(make, "snapshot_facts", each_time)
    with pytest.raises(LockedError, match="erased all the time"):
        backup_gallery(own, tmp_path / "b2")
    assert [path.name for path in tmp_path.iterdir() if "b2" in path.name] == []
    assert len(backups_of(own.store.id)) == 1


def test_one_that_is_killed_is_told_of(own: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import os, sys\n"
        "from lookalike.backing_up import make\n"
        "from lookalike.gallery import open_gallery\n"
        "from lookalike.verbs.backup import backup_gallery\n"
        "make.snapshot_facts = lambda place: os._exit(9)\n"
        "with open_gallery(sys.argv[1]) as gallery: backup_gallery(gallery, sys.argv[2])\n"
    )
    done = ran("-c", code, own.folder, tmp_path / "b")
    assert done.returncode == 9
    proof = erase_patient(own, patient_id="patient-1")
    assert [(Path(each.name).name, each.holds) for each in proof.backups] == [("b", True)]
    backup_gallery(own, tmp_path / "b")
    assert verify_gallery(tmp_path / "b").sound


def test_jobs_of_then_are_not_begun_again(own: Gallery, tmp_path: Path) -> None:
    job = submit_job(own, "index", {"sources": ["/somewhere"]}, "a key")
    backup_gallery(own, tmp_path / "b")
    assert restore_gallery(tmp_path / "b", tmp_path / "again").jobs == 1
    with open_gallery(tmp_path / "again") as gallery:
        (found,) = list_jobs(gallery).items
        assert (found.id, found.state) == (job.id, "failed")
    assert list_jobs(own).items[0].state == "queued"


DAMAGES: dict[str, Callable[[Path], list[Path]]] = {
    "an adapter": lambda folder: sorted((folder / "adapters").iterdir()),
    "an index": lambda folder: sorted((folder / "indexes").iterdir()),
    "a kept file": lambda folder: [folder / "sources" / "abc" / "own.png"],
}


@pytest.mark.parametrize("name", DAMAGES)
def test_verify_finds_damage_in_a_gallery(kept: Kept, tmp_path: Path, name: str) -> None:
    restore_gallery(kept.backup, tmp_path / "g")
    for path in DAMAGES[name](tmp_path / "g"):
        whole = path.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            found = verify_gallery(tmp_path / "g")
            assert not found.sound, (path, at)
            assert len(found.faults) == 1
        path.write_bytes(whole)
    assert verify_gallery(tmp_path / "g").sound


ROWS = {
    "vectors": "UPDATE vectors SET data = zeroblob(length(data)) WHERE key = 1",
    "thumbnails": "UPDATE thumbnails SET jpeg = x'00' WHERE record = 1",
    "labels": "UPDATE labels SET label = 'else' WHERE record = 2",
    "attributes": "UPDATE attributes SET text = 'else' WHERE record = 1",
    "patches": "UPDATE patches SET data = zeroblob(length(data)) WHERE record = 1",
    "facts": "UPDATE gallery SET value = value || ' ' WHERE name = 'salt'",
}


@pytest.mark.parametrize("name", ROWS)
def test_verify_finds_rows_that_were_changed(kept: Kept, tmp_path: Path, name: str) -> None:
    import sqlite3

    restore_gallery(kept.backup, tmp_path / "g")
    with sqlite3.connect(tmp_path / "g" / FILE) as connection:
        assert connection.execute(ROWS[name]).rowcount
    connection.close()
    assert not verify_gallery(tmp_path / "g").sound


def test_a_flipped_byte_anywhere_in_a_database_is_found_or_changes_nothing(kept: Kept, tmp_path: Path) -> None:
    """Between rows there is room that says nothing: there a flip is no damage."""
    import random

    restore_gallery(kept.backup, tmp_path / "g")
    path, chance = tmp_path / "g" / FILE, random.Random(0)
    whole, found = path.read_bytes(), 0
    for _ in range(24):
        at = chance.randrange(len(whole))
        for left in tmp_path.glob(f"g/{FILE}-*"):
            left.unlink()
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        if not verify_gallery(tmp_path / "g").sound:
            found += 1
            continue
        with open_gallery(tmp_path / "g") as gallery:
            assert told(gallery) == kept.said, at
    assert found > 8


def test_by_command(kept: Kept, tmp_path: Path) -> None:
    def run(*words: object, code: int = 0) -> str:
        done = ran(*words)
        assert done.returncode == code, done.stderr
        return done.stdout

    made = json.loads(run("gallery", "backup", tmp_path / "b", "--gallery", kept.folder, "--json"))
    assert made["counts"]["records"] == 13
    assert "The backup is sound" in run("gallery", "verify", tmp_path / "b")
    assert "13 records as of" in run("gallery", "restore", tmp_path / "b", "--gallery", tmp_path / "again")
    os.truncate(tmp_path / "b" / FILE, 100)
    assert "has 100 bytes" in run("gallery", "verify", tmp_path / "b", code=1)


def test_writers_go_on_meanwhile(own: Gallery, tmp_path: Path) -> None:
    """Labels change all the time; each backup is of one moment: all records have the same mark."""
    ids, stopped = [one.id for one in browse(own).items], threading.Event()

    def write() -> None:
        number = 0
        with open_gallery(own.folder) as other:
            while not stopped.is_set():
                number += 1
                label(other, ids, set=[f"mark-{number}"])

    label(own, ids, set=["mark-0"])
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            backup_gallery(own, tmp_path / f"b{number}")
            restore_gallery(tmp_path / f"b{number}", tmp_path / f"r{number}")
            with open_gallery(tmp_path / f"r{number}") as gallery:
                assert len({tuple(one.labels) for one in browse(gallery).items}) == 1
    finally:
        stopped.set()
        writer.join()
