"""What this user's configuration says about galleries, and the pseudonyms of patients by a key outside of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.asking.patients import count_patients
from lookalike.errors import GalleryError, NotFoundError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.ownership import add_roots, change_ownership, config_folder, ownership_of
from lookalike.roots import folders_of
from lookalike.store import Batch, NewRecord, Store
from lookalike.store.identity import KEYED, MIXED
from lookalike.verbs.gallery import adopt, secret_key
from lookalike.verbs.keys import KeyRing, add_key, list_keys, remove_key
from new_records import new

ID = "0123456789abcdef"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("LOOKALIKE_KEY", raising=False)
    return tmp_path / "config"


def file_of(config: Path, gallery: str = ID) -> Path:
    return config / "galleries" / f"{gallery}.json"


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path))
    assert config_folder() == tmp_path
    monkeypatch.delenv("LOOKALIKE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_folder() == tmp_path / "lookalike"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_folder() == tmp_path / ".config" / "lookalike"


def test_a_file_is_this_user_s_alone(config: Path) -> None:
    change_ownership(ID, lambda found: replace(found, secret="ab" * 32))
    path = file_of(config)
    assert [oct(each.stat().st_mode & 0o777) for each in (path, path.parent)] == ["0o600", "0o700"]
    assert ownership_of(ID).key == bytes.fromhex("ab" * 32)
    assert "abab" not in repr(ownership_of(ID))
    for mode in (0o620, 0o602, 0o666, 0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(GalleryError, match="chmod 600"):
            ownership_of(ID)
    path.chmod(0o600)
    for mode in (0o720, 0o777):
        path.parent.chmod(mode)
        path.write_bytes(path.read_bytes() + b" ")  # read again
        with pytest.raises(GalleryError, match="chmod 700"):
            ownership_of(ID)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"gallery": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_an_error(config: Path, text: bytes) -> None:
    change_ownership(ID, lambda found: replace(found, secret="ab" * 32))
    file_of(config).write_bytes(text)
    with pytest.raises(GalleryError, match="damaged"):
        ownership_of(ID)


@pytest.mark.parametrize(
    "name", ["../x", "", "0" * 15, "0" * 17, "ABCDEF0123456789", "0123456789abcde\n", "/etc/passwd"]
)
def test_no_id_is_a_path(config: Path, name: str) -> None:
    for what in (ownership_of, lambda each: add_roots(each, ["/tmp"])):
        with pytest.raises(GalleryError):
            what(name)
    assert not config.exists()


def test_changes_at_once_are_all_kept(config: Path) -> None:
    threads = [threading.Thread(target=add_roots, args=(ID, [f"/data/{n}"])) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ownership_of(ID).roots) == 12
    add_roots(ID, ["/data"])
    assert ownership_of(ID).roots == ("/data",)


def test_many_links_are_few_folders() -> None:
    files = [f"/data/annex/objects/{n % 97:02x}/{n:04x}/{n}.dcm" for n in range(3000)]
    assert folders_of(files, []) == {"/data/annex/objects"}
    assert folders_of(files, ["/data"]) == set()
    assert folders_of(["/data/a.hdr"], ["/data/a.hdr"]) == set()
    assert len(folders_of([f"/home/u{n}/x.png" for n in range(100)], [])) == 100  # never /home


def test_a_gallery_cannot_be_made_where_its_key_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "file" / "config"))
    with pytest.raises(GalleryError, match="set LOOKALIKE_CONFIG"):
        open_gallery(tmp_path / "g", create=True)
    assert not (tmp_path / "g").exists()


def test_a_key_removed_is_seen_at_once(config: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    ring, key = KeyRing(gallery), add_key(gallery, "one", role="admin").key
    with pytest.raises(UsageError, match="already"):
        add_key(gallery, "one")
    found = ring.find(key)
    assert found is not None
    assert (found.name, found.role) == ("one", "admin")
    assert [each.name for each in list_keys(gallery)] == ["one"]
    remove_key(gallery, "one")
    assert not ring
    assert ring.find(key) is None
    everything = b"".join(path.read_bytes() for path in gallery.folder.iterdir() if path.is_file())
    assert hashlib.sha256(key.encode()).hexdigest().encode() not in everything


# Whose a gallery is


def filled(folder: Path, patients: int = 40) -> dict[str, str]:
    """A gallery with a record for each patient; the group of each by its id."""
    folder.mkdir(exist_ok=True)
    with closing(Store(folder)) as store:
        records: list[NewRecord] = [new(n, patient=f"{n:05}") for n in range(patients)]
        store.write(Batch(records=[*records, new(patients, patient="")]))
        return {record.id: record.patient for record in store.records().values()}


def test_a_copied_gallery_groups_as_before_and_gives_nobody_away(config: Path, tmp_path: Path) -> None:
    groups = filled(tmp_path / "g")
    shutil.copytree(tmp_path / "g", tmp_path / "copy")
    with closing(Store(tmp_path / "copy")) as store:
        assert store.identity.owned
        assert {store.patient_group(f"{n:05}") for n in range(40)} < set(groups.values())
        assert len(store.keys_of_patient(store.patient_group("00007"))) == 1
    with closing(sqlite3.connect(tmp_path / "copy" / "gallery.db")) as database:
        facts = dict(database.execute("SELECT name, value FROM gallery"))
        stored = {row[0] for row in database.execute("SELECT patient FROM records")}
    tried = set()
    for n in range(100_000):  # everything that the file alone lets one try
        for text in (f"{facts['salt']}:{n:05}", f"{facts['id']}:{n:05}", f"{facts['key_check']}:{n:05}", f"{n:05}"):
            tried.add(hashlib.sha256(text.encode()).hexdigest()[:32])
    assert not stored & tried
    assert ownership_of(facts["id"]).secret not in str(facts)


def test_another_user_reads_and_adopts(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = filled(tmp_path / "g")
    with open_gallery(tmp_path / "g", create=True) as gallery:
        exported = Path(secret_key(gallery, tmp_path / "key").file)
        assert oct(exported.stat().st_mode & 0o777) == "0o600"
        assert secret_key(gallery).key == exported.read_text().strip()
        with pytest.raises(UsageError, match="new file"):
            secret_key(gallery, exported)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "colleague"))
    with closing(Store(tmp_path / "g")) as store:
        assert (store.identity.owned, store.patient_group("00007"), store.identity.names_patients) == (False, "", False)
        with pytest.raises(GalleryError, match="was not made here"):
            store.write(Batch(records=[new(99)]))
    assert adopt(tmp_path / "g", key_file=exported).same_patients
    with closing(Store(tmp_path / "g")) as store:
        assert {store.patient_group(f"{n:05}") for n in range(40)} < set(groups.values())
        store.write(Batch(records=[new(99, patient="00007")]))
        assert len(store.keys_of_patient(store.patient_group("00007"))) == 2
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "third"))
    monkeypatch.setenv("LOOKALIKE_KEY", exported.read_text())  # a container: the key alone
    with closing(Store(tmp_path / "g")) as store:
        assert store.identity.owned
    monkeypatch.setenv("LOOKALIKE_KEY", "cd" * 32)
    with closing(Store(tmp_path / "g")) as store:
        assert not store.identity.owned
        with pytest.raises(GalleryError, match="not the one that this gallery was made with"):
            store.check_writable()
    monkeypatch.setenv("LOOKALIKE_KEY", "short")
    with pytest.raises(UsageError, match="64 hex digits"):
        Store(tmp_path / "g")


def test_another_key_never_claims_to_know_the_patients(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "g")
    with open_gallery(tmp_path / "g", create=True):
        pass  # with an encoder
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "other"))
    assert not adopt(tmp_path / "g").same_patients
    with closing(Store(tmp_path / "g")) as store:
        assert (store.identity.scheme, store.identity.owned, store.identity.names_patients) == (MIXED, True, False)
        store.write(Batch(records=[new(99, patient="00007")]))
        records = store.records().values()
    known = count_patients([record.patient for record in records], [record.id for record in records])
    assert (known.other_key, known.unknown) == (40, 1)
    assert "cannot be said" in known.sentence


def test_a_gallery_of_before_is_adopted_once(config: Path, tmp_path: Path) -> None:
    """Groups by the salt alone become pseudonyms; who was one patient stays one, and who was nobody stays nobody."""
    before = filled(tmp_path / "g")
    with open_gallery(tmp_path / "g", create=True):
        pass  # with an encoder
    with closing(sqlite3.connect(tmp_path / "g" / "gallery.db")) as database, database:
        salt = database.execute("SELECT value FROM gallery WHERE name = 'salt'").fetchone()[0]
        (own,) = [identity for identity, group in before.items() if identity == group]
        database.execute("DELETE FROM gallery WHERE name IN ('key_check', 'pseudonyms')")
        old = {f"{n:05}": hashlib.sha256(f"{salt}:{n:05}".encode()).hexdigest()[:32] for n in range(40)}
        for row, group in enumerate(old.values()):
            database.execute("UPDATE records SET patient = ? WHERE sha256 = ?", [group, new(row).sha256])
        database.execute("UPDATE records SET checksum = -1, history = -1")
        database.execute("INSERT INTO api_keys VALUES ('a', 'b', 'admin', 1)")
    with closing(Store(tmp_path / "g")) as store:
        assert (store.writable, store.patient_group("00007")) == (False, old["00007"])
    done = adopt(tmp_path / "g")
    assert (done.keys, done.same_patients) == (1, True)
    with closing(Store(tmp_path / "g")) as store:
        assert store.identity.scheme == KEYED
        groups = {record.id: record.patient for record in store.records().values()}
        assert not set(groups.values()) & set(old.values())
        assert {store.patient_group(name) for name in old} == set(groups.values()) - {own}
        assert groups[own] == own
    assert adopt(tmp_path / "g").same_patients  # again: nothing changes
    with closing(Store(tmp_path / "g")) as store:
        assert groups == {record.id: record.patient for record in store.records().values()}


def test_only_a_folder_of_its_own_and_allowed_ones_are_opened(
    config: Path, make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    gallery = make_gallery()
    allowed, kept = tmp_path / "allowed", gallery.folder / "sources"
    for folder in (allowed, kept, tmp_path / "allowed-not"):
        folder.mkdir()
        (folder / "a").write_text("")
    (allowed / "out").symlink_to(tmp_path / "allowed-not" / "a")
    (tmp_path / "in").symlink_to(allowed)
    gallery.places.allow([allowed, config_folder()])
    opened = {
        allowed,
        allowed / "a",
        allowed / "gone",
        tmp_path / "in" / "a",
        kept / "a",
        kept / ".." / "sources" / "a",
    }
    closed = {
        allowed / "out",
        allowed / ".." / "x",
        tmp_path / "allowed-not" / "a",
        gallery.folder / "gallery.db",
        kept / ".." / "gallery.db",
        kept,
        file_of(config, gallery.store.id),
        Path("allowed/a"),
        Path("~"),
        Path("\0"),
        Path("/"),
    }
    assert {path for path in opened | closed if gallery.places.may_open(path)} == opened
    assert gallery.places.place_of(tmp_path / "in" / "a") == Path(os.path.realpath(allowed / "a"))
    with pytest.raises(NotFoundError, match="no file here"):
        gallery.places.place_of("inbox:50f66d6ee1951417")
