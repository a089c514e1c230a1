"""Damage to every kind of file in a gallery, and to every column of its database by a raw UPDATE: a named error, a
repair, or the same answers as before. LOOKALIKE_DAMAGES=1000 says how many (docs/security.md).
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from operations import prepare
from running import answers, described, ids_of, patients
from test_damage import Damage, cut, flip

from conftest import write_pictures
from lookalike.errors import LookalikeError
from lookalike.filters import parse
from lookalike.gallery import open_gallery
from lookalike.pictures import stored_thumbnail
from lookalike.store.browse import refused_after
from lookalike.store.database import FILE
from lookalike.store.edit import label_changes
from lookalike.store.identities import dicom_identity, instances_there
from lookalike.store.patches import patched_records, read_patches
from lookalike.store.reports import every_report
from lookalike.verbs.cohorts.cohorts import list_cohorts, show_cohort
from lookalike.verbs.curation.decisions import list_decisions
from lookalike.verbs.curation.readings import list_readings
from lookalike.verbs.index import index
from lookalike.verbs.map import kept_map
from lookalike.verbs.records import facets, read_report
from lookalike.verbs.search import search
from said_more import say_more

DAMAGES = int(os.environ.get("LOOKALIKE_DAMAGES", "120"))
MATCHING = parse("site=north and not label=odd")
pytestmark = pytest.mark.slow


def zero(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data)), chance.choice([1, 40, 600, 4096])
    end = min(len(data), at + length)
    return data[:at] + bytes(end - at) + data[end:]


def noise(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    end = min(len(data), at + chance.choice([2, 40, 600]))
    return data[:at] + chance.randbytes(end - at) + data[end:]


DAMAGE: list[Damage] = [flip, cut, zero, noise]


@dataclass
class Whole:
    """A gallery, its files, and what it said."""

    folder: Path
    files: dict[Path, bytes]
    said: dict[str, Any] = field(default_factory=dict)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def restore(self) -> None:
        shutil.rmtree(self.folder)
        for path, data in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def judge(self, kind: str, what: str) -> str:
        """What became of every question: the same answers or a named error each; anything else is wrong."""
        results = {name: result for name, result in ask(self.folder).items() if result != self.said.get(name)}
        self.wrong += [
            f"{kind}, {what}: {name} said {str(result)[:300]}"
            for name, result in results.items()
            if not isinstance(result, LookalikeError) or "\n" in str(result)
        ]
        found = "named" if results else "same answers"
        self.seen[kind, found] += 1
        return found


def ask(folder: Path) -> dict[str, Any]:
    """Everything that the gallery says, each question on its own."""
    try:
        gallery = open_gallery(folder)
    except LookalikeError as error:
        return {"opening": error}
    with gallery:
        store = gallery.store
        ids = list(KNOWN)
        questions: dict[str, Callable[[], Any]] = {
            "base": lambda: answers(gallery, ids[:2], k=12),
            "adapted": lambda: answers(gallery, ids[:1], space="old"),
            "filtered": lambda: answers(gallery, ids[:1], where="label=even and site=north"),
            "matching": lambda: sorted(store.owner_keys(store.keys_where(MATCHING)).tolist()),
            "records": lambda: described(gallery),
            "patients": lambda: patients(gallery),
            "group": lambda: store.patient_group("patient-1"),
            "facets": lambda: [asdict(facet) for facet in facets(gallery)],
            "thumbnails": lambda: [zlib.crc32(stored_thumbnail(gallery, identity)) for identity in ids_of(gallery)],
            "log": lambda: label_changes(store, None, 50),
            "refused": lambda: [store.refused(), refused_after(store, 0, 5)],
            "map": lambda: _map(gallery),
            "patches": lambda: [
                (each.record, each.view, zlib.crc32(each.patches.codes.tobytes()), each.patches.shown)
                for some in read_patches(store, patched_records(store))
                for each in some
            ],
            "spaces": lambda: sorted(store.spaces()),
            "study": lambda: [hit.id for hit in search(gallery, study=ids[0], same_patient=True).hits],
            "report": lambda: read_report(gallery, ids[0]),
            "reports": lambda: [len(each) for each in every_report(store)],
            "identities": lambda: [dicom_identity(store, identity) for identity in ids],
            "instances": lambda: sorted(instances_there(store, [store.instance_group("1.2.3.4")])),
            "readings": lambda: repr(list_readings(gallery, "r")),
            "decisions": lambda: repr(list_decisions(gallery)),
            "cohorts": lambda: repr(list_cohorts(gallery)),
            "members": lambda: repr(show_cohort(gallery, "chosen")),
        }
        return {name: _tried(question) for name, question in questions.items()}


def _map(gallery: Any) -> Any:
    drawn = kept_map(gallery, method="tsne")  # None: it would be made again
    return None if drawn is None else (drawn.ids, drawn.x, drawn.y)


def _tried(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except LookalikeError as error:
        return error
    except Exception as error:
        return f"unnamed: {error!r}"


KNOWN: list[str] = []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    root = tmp_path_factory.mktemp("damages")
    pictures = write_pictures(root / "pictures")
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    folder = root / "g"
    with open_gallery(folder, create=True, linked=True) as gallery:
        prepare(gallery, root)
        index(gallery, [pictures], patches=True)
        say_more(gallery, ids_of(gallery))
        KNOWN[:] = ids_of(gallery)[::5]
    ask(folder)  # makes the caches
    files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    made = Whole(folder, files)
    made.said = ask(folder)
    assert not [each for each in made.said.values() if isinstance(each, LookalikeError) or "unnamed" in str(each)]
    yield made
    print()
    for (kind, result), many in sorted(made.seen.items()):
        print(f"{kind:28} {result:14} {many:5}")
    print(f"{sum(made.seen.values())} damages: 0 wrong answers, 0 unnamed errors")


FILES = ["gallery.db", "indexes", "adapters", "maps"]


@pytest.mark.parametrize("kind", FILES)
def test_damaged_files(whole: Whole, kind: str) -> None:
    """A cache is made again: its answers are the same, or there is no map; the rest is named."""
    paths = [path for path in whole.files if path.relative_to(whole.folder).parts[0] == kind]
    assert paths
    for number in range(DAMAGES // 10):
        chance = random.Random(f"{kind}:{number}")
        path = paths[number % len(paths)]
        made = DAMAGE[number % 4]
        path.write_bytes(made(whole.files[path], chance))
        if kind == "maps":
            said = ask(whole.folder)["map"]
            assert said in (None, whole.said["map"]), f"{path.name}, {number}"
            whole.seen[path.name if kind != "maps" else "maps", "same answers" if said else "made again"] += 1
        else:
            found = whole.judge(kind, f"{path.name}, {made.__name__}, {number}")
            assert kind != "indexes" or found == "same answers"
        whole.restore()
    assert whole.wrong == []


@pytest.mark.parametrize("kind", ["-wal", "-shm"])
def test_damaged_log(whole: Whole, kind: str) -> None:
    """What SQLite cannot verify of its write-ahead log it leaves out: the gallery is as it was before, or named."""
    copy = whole.folder.with_name("logged")
    with closing(sqlite3.connect(whole.folder / FILE)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE refused SET source = source")
        connection.commit()
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole.folder, copy)
    whole.restore()
    for number in range(DAMAGES // 10):
        chance = random.Random(f"{kind}:{number}")
        shutil.rmtree(whole.folder)
        shutil.copytree(copy, whole.folder)
        path = whole.folder / f"{FILE}{kind}"
        data = path.read_bytes()
        path.write_bytes(DAMAGE[number % 4](data, chance))
        whole.judge(f"{FILE}{kind}", str(number))
        whole.restore()
    assert whole.wrong == []


# Read by nobody, or said to be missing: a record without patches is counted in every answer for a region, a file that
# is not known is read again, and the number of edits only saves reading.
HARMLESS = {("patches", "record"), ("files", "source"), ("files", "sha256")}


def columns(folder: Path) -> list[tuple[str, str]]:
    """Every column of every table that a question reads."""
    left = ("alembic_version", "sqlite_sequence", "jobs", "api_keys")
    with closing(sqlite3.connect(folder / FILE)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            (table, row[1])
            for table in tables
            if table not in left and not table.startswith("erasure")
            for row in connection.execute(f"PRAGMA table_info({table})")
            if (table, row[1]) not in HARMLESS
        ]


def other_value(value: Any, others: list[Any], chance: random.Random) -> Any:
    """A value that is not this one: of another row, or damaged in itself."""
    different = [other for other in others if other != value]
    if different and chance.random() < 0.5:
        return chance.choice(different)
    if isinstance(value, int):
        return value + chance.choice([-1, 1, 7, 1 << 20])
    if isinstance(value, float):
        return value + chance.choice([-1.0, 1.0, 1e9])
    data = value if isinstance(value, bytes) else str(value).encode()
    changed = chance.choice([flip, cut, zero, noise])(data, chance) if data else b"x"
    return changed if isinstance(value, bytes) else changed.decode("latin-1")


def test_damaged_values(whole: Whole) -> None:
    """Raw values, without the checksums: what no bit flip in a page is likely to make, and a careless script does."""
    every = columns(whole.folder)
    for number in range(max(DAMAGES // 2, len(every))):
        table, column = every[number % len(every)]
        chance = random.Random(f"{table}.{column}:{number}")
        with closing(sqlite3.connect(whole.folder / FILE)) as connection, connection:
            rows = connection.execute(f'SELECT rowid, "{column}" FROM {table}').fetchall()
            if not rows:
                continue
            rowid, value = chance.choice(rows)
            new = other_value(value, [row[1] for row in rows], chance)
            if new == value:
                continue
            try:
                connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', [new, rowid])
            except sqlite3.IntegrityError:
                continue
        if chance.random() < 0.5:
            shutil.rmtree(whole.folder / "indexes")
        whole.judge(f"values of {table}", f"{column}: {value!r} -> {new!r}")
        whole.restore()
    assert whole.wrong == []
