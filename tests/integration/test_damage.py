"""Damaged files and rows: a named error or the same answers as before, never a wrong score, never a crash."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from running import answers, described, ids_of

from conftest import write_pictures
from lookalike.errors import DamagedFileError, GalleryError, LookalikeError
from lookalike.gallery import open_gallery
from lookalike.locks import LOCKS
from lookalike.verbs.doctor import doctor
from lookalike.verbs.index import index
from lookalike.verbs.search import search

pytestmark = pytest.mark.sqlite_file


@dataclass(frozen=True)
class Subject:
    """A gallery to damage: its folder, its files as they were, and what it answered."""

    folder: Path
    pictures: Path
    ids: list[str]
    answers: list[tuple[Any, ...]]
    scores: dict[tuple[str, str], float]  # of every pair (query, hit)
    files: dict[Path, bytes]

    def restore(self) -> None:
        shutil.rmtree(self.folder)
        (self.folder / "indexes").mkdir(parents=True)
        for path, data in self.files.items():
            path.write_bytes(data)


def ask(subject: Subject) -> list[tuple[Any, ...]]:
    with open_gallery(subject.folder) as gallery:
        ids = subject.ids[:3]
        return answers(gallery, ids) + answers(gallery, ids[:1], where="label=even and site=north")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    root = tmp_path_factory.mktemp("sound")
    pictures, folder = write_pictures(root / "pictures"), root / "gallery"
    with open_gallery(folder, create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv")
        ids = ids_of(gallery)
        scores = {
            (query, hit.id): hit.score
            for query in ids
            for hit in search(gallery, id=query, k=12, same_patient=True).hits
        }
    files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    caches = {"base.index", "base.json", "base.background.json"}
    assert {path.name for path in files} == {"gallery.db", *LOCKS[:2], *caches}
    made = Subject(folder, pictures, ids, [], scores, files)
    made.answers.extend(ask(made))
    assert len(made.answers) > 20
    return made


@pytest.fixture
def subject(sound: Subject) -> Iterator[Subject]:
    yield sound
    sound.restore()


def flip(data: bytes, chance: random.Random) -> bytes:
    """One bit."""
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def cut(data: bytes, chance: random.Random) -> bytes:
    """The end is gone."""
    return data[: chance.randrange(len(data))]


def zero(data: bytes, chance: random.Random) -> bytes:
    """A stretch of zeros."""
    at, length = chance.randrange(len(data)), chance.randrange(1, 600)
    end = min(len(data), at + length)
    return data[:at] + bytes(end - at) + data[end:]


Damage = Callable[[bytes, random.Random], bytes]
DAMAGES: list[Damage] = [flip, cut, zero]


def damages(tries: int, seed: int) -> Iterator[tuple[Damage, random.Random]]:
    for number in range(tries):
        yield DAMAGES[number % 3], random.Random(f"{seed}:{number}")


def named(error: LookalikeError) -> str:
    assert "\n" not in str(error)
    return type(error).__name__


def outcome(subject: Subject) -> str:
    """What became of the questions: the same answers, or a named error. Anything else is raised."""
    try:
        found = ask(subject)
    except LookalikeError as error:
        return named(error)
    assert found == subject.answers
    return "same"


def damage_index_files(subject: Subject, tries: int) -> None:
    """An index is a cache: whatever happens to it, the answers are the same."""
    for number, (damage, chance) in enumerate(damages(tries, 0)):
        name = ("base.index", "base.json", "base.background.json")[number % 3]
        path = subject.folder / "indexes" / name
        path.write_bytes(damage(subject.files[path], chance))
        assert outcome(subject) == "same", damage.__name__
        path.write_bytes(subject.files[path])


def test_damaged_index_files(subject: Subject) -> None:
    damage_index_files(subject, 60)


@pytest.mark.slow
def test_damaged_index_files_200_tries_each(subject: Subject) -> None:
    damage_index_files(subject, 400)


@pytest.mark.parametrize("lost", ["base.index", "base.json", ""])
def test_lost_index_files(subject: Subject, lost: str) -> None:
    if lost:
        (subject.folder / "indexes" / lost).unlink()
    else:
        shutil.rmtree(subject.folder / "indexes")
    assert outcome(subject) == "same"
    assert (subject.folder / "indexes" / "base.index").exists()


def damage_vector_row(subject: Subject, damage: Damage, chance: random.Random) -> str:
    """Damage one row of the vectors; returns the id of its record."""
    identity = chance.choice(subject.ids)
    with closing(sqlite3.connect(subject.folder / "gallery.db")) as connection, connection:
        key, data, checksum = connection.execute(
            "SELECT v.key, v.data, v.checksum FROM vectors v JOIN records r ON r.key = v.record WHERE r.id = ?",
            [identity],
        ).fetchone()
        if chance.randrange(8) == 0:
            connection.execute("UPDATE vectors SET checksum = ? WHERE key = ?", [checksum ^ 1, key])
        else:
            connection.execute("UPDATE vectors SET data = ? WHERE key = ?", [damage(data, chance), key])
    return identity


def damage_vector_rows(subject: Subject, tries: int) -> None:
    seen: Counter[str] = Counter()
    for number, (damage, chance) in enumerate(damages(tries, 1)):
        identity = damage_vector_row(subject, damage, chance)
        if number % 2:
            shutil.rmtree(subject.folder / "indexes")
        result = outcome(subject)
        seen[result] += 1
        # The index's copy may answer for the row; the row itself, and an index made of it, may not.
        if number % 2 or identity in subject.ids[:3]:
            assert result == "DamagedFileError"
        subject.restore()
    assert seen.keys() == {"same", "DamagedFileError"}


def test_damaged_vector_rows(subject: Subject) -> None:
    damage_vector_rows(subject, 45)


@pytest.mark.slow
def test_damaged_vector_rows_200_tries(subject: Subject) -> None:
    damage_vector_rows(subject, 200)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vectors SET data = 'text'",
        "UPDATE vectors SET data = x''",
        "UPDATE vectors SET data = zeroblob(length(data)) WHERE key % 3 = 0",
        "UPDATE vectors SET checksum = 'x' WHERE key = 2",
        "UPDATE vectors SET view = 7 WHERE key = 5",
        "DELETE FROM vectors WHERE key = 4",
        "DELETE FROM vectors",
        # Two rows change places: each is whole, but stands for another picture.
        "UPDATE vectors SET data = (SELECT data FROM vectors o WHERE o.key = 3 - vectors.key), "
        "checksum = (SELECT checksum FROM vectors o WHERE o.key = 3 - vectors.key) WHERE key IN (1, 2)",
    ],
)
def test_index_makes_damaged_vectors_anew(subject: Subject, statement: str) -> None:
    with closing(sqlite3.connect(subject.folder / "gallery.db")) as connection, connection:
        connection.execute(statement)
    shutil.rmtree(subject.folder / "indexes")
    assert outcome(subject) == "DamagedFileError"
    with open_gallery(subject.folder) as gallery:
        before = described(gallery)
        assert not doctor(gallery).healthy
        result = index(gallery, [subject.pictures])
        assert (result.added, result.refused, result.records) == (0, (), 12)
        assert described(gallery) == before
        assert doctor(gallery).healthy
        with pytest.raises(LookalikeError, match="no record"):
            search(gallery, id="0" * 16)
    assert outcome(subject) == "same"


def damage_database(subject: Subject, tries: int) -> None:
    """Any byte of the database file. Scores are never wrong; texts bear no checksum of their own."""
    database = subject.folder / "gallery.db"
    seen: Counter[str] = Counter()
    for number, (damage, chance) in enumerate(damages(tries, 2)):
        database.write_bytes(damage(subject.files[database], chance))
        if number % 2:
            shutil.rmtree(subject.folder / "indexes")
        try:
            found = ask(subject)
        except LookalikeError as error:
            seen[named(error)] += 1
        else:
            for query, _rank, hit, score, *_ in found:
                assert score == pytest.approx(subject.scores[query, hit], abs=2e-6)
            seen["same" if found == subject.answers else "other texts"] += 1
        subject.restore()
    assert seen["same"] > 0
    assert seen["DamagedFileError"] > tries / 4
    assert seen["other texts"] < tries / 50 + 2, seen


def test_damaged_database(subject: Subject) -> None:
    damage_database(subject, 60)


@pytest.mark.slow
def test_damaged_database_600_tries(subject: Subject) -> None:
    damage_database(subject, 600)


@pytest.mark.parametrize("data", [b"", b"no database at all" * 400, bytes(8192), b"SQLite format 3\0"])
def test_a_file_that_is_no_database(subject: Subject, data: bytes) -> None:
    (subject.folder / "gallery.db").write_bytes(data)
    if data:
        with pytest.raises(DamagedFileError, match="database is damaged"):
            open_gallery(subject.folder)
        return
    with pytest.raises(GalleryError, match="making it was cut short"):  # an empty file is an empty database
        open_gallery(subject.folder)
    with open_gallery(subject.folder, create=True) as gallery:
        assert gallery.store.count() == len(gallery.index()) == 0
