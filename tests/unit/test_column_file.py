"""The file of columns: a process that begins with it answers as brute force does, whatever has befallen the store or
the file meanwhile, and names damage of what it reads.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.erasing.canary import search_folder
from lookalike.errors import DamagedFileError
from lookalike.filters import matches, parse
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.column_file import COLUMNS
from lookalike.indexes.files import write_file
from lookalike.store import Batch, NewRecord, filtered, record_id, verified
from lookalike.store.database import FILE
from lookalike.store.edit import change_labels
from lookalike.verbs.gallery import part_of
from lookalike.verbs.records import remove

_opened: list[str] = []


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "sqlite3.connect"):
        _opened.append(str(arguments[0]))


sys.addaudithook(_note_opened)

COUNT = 60
FILTERS = ("site=s3", "age<30 and label=odd", "not site~s1", "age>=85 or label=even")


def new(gallery: Gallery, number: int) -> NewRecord:
    vector = np.zeros((1, gallery.spec.dim), np.float32)
    vector[0, number % gallery.spec.dim] = 1
    fields: dict[str, str | float] = {"site": f"s{number % 7}", "age": float(number % 90)}
    label = "odd" if number % 2 else "even"
    return NewRecord(f"/data/{number}.dcm", f"{number:064x}", 0, f"p{number}", (label,), fields, vector, b"jpeg")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gallery that counts as large, whose columns a process has left; nobody believes that it was verified."""
    monkeypatch.setattr(verified, "LEAST_BELIEVED", 3)
    with open_gallery(tmp_path / "g", create=True) as gallery:
        gallery.store.write(Batch(records=[new(gallery, number) for number in range(COUNT)]))
        gallery.store.keys_where(parse(" and ".join(FILTERS)))
        assert_right(gallery)
    monkeypatch.setattr(verified, "BELIEVED_SECONDS", 0.0)
    return tmp_path / "g"


def files(folder: Path) -> list[Path]:
    return sorted((folder / "indexes").glob(f"{COLUMNS}*.index"))


def assert_right(gallery: Gallery) -> None:
    """Every filter finds what brute force finds in the records, each of which is verified as it is read."""
    records = gallery.store.records()
    for where in FILTERS:
        tree = parse(where)
        found = gallery.store.owner_keys(gallery.store.keys_where(tree)).tolist()
        said = {
            key: {"label": record.labels, **{name: [str(value)] for name, value in record.attributes.items()}}
            for key, record in records.items()
        }
        assert sorted(found) == [key for key in sorted(records) if matches(tree, said[key])], where
        assert 0 < len(found) < len(records)


def damage(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / FILE)) as database:
        assert database.execute(statement).rowcount > 0
        database.commit()


def test_a_process_that_begins_with_the_file_verifies_no_other_row(folder: Path) -> None:
    """The damaged row is named when it is read; what is found is right, with it or without."""
    with open_gallery(folder) as gallery:
        before = {where: gallery.store.keys_where(parse(where)).tolist() for where in FILTERS}
    damage(folder, "UPDATE attributes SET text = 's3' WHERE record = 2 AND name = 'site'")
    with open_gallery(folder) as gallery:
        assert {where: gallery.store.keys_where(parse(where)).tolist() for where in FILTERS} == before
        assert gallery.store.has_field("site")
        with pytest.raises(DamagedFileError, match="damaged"):
            gallery.store.records([2])
        with pytest.raises(DamagedFileError, match="damaged"):
            gallery.store.keys_where(parse("patient=x"))  # a field that the file has not is read from the store
        with pytest.raises(DamagedFileError, match="damaged"):
            gallery.store.keys_where(parse(FILTERS[0]))  # now it is known


def test_another_process_is_answered_from_it(folder: Path) -> None:
    damage(folder, "UPDATE records SET frame = 7 WHERE key = 2")
    asked = (
        "import sys; from lookalike.store import verified; verified.BELIEVED_SECONDS = 0.0\n"
        "from lookalike.gallery import open_gallery; from lookalike.filters import parse\n"
        "with open_gallery(sys.argv[1]) as gallery: print(len(gallery.store.keys_where(parse('site=s3'))))"
    )
    done = subprocess.run([sys.executable, "-c", asked, folder], capture_output=True, text=True, check=True)
    assert int(done.stdout) == sum(number % 7 == 3 for number in range(COUNT))


def test_without_the_file_every_row_is_verified(folder: Path) -> None:
    damage(folder, "UPDATE records SET frame = 7 WHERE key = 2")
    for file in files(folder):
        file.unlink()
    with open_gallery(folder) as gallery, pytest.raises(DamagedFileError, match="damaged"):
        gallery.store.keys_where(parse("site=s3"))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.99])
def test_a_damaged_file_is_not_believed_and_is_made_anew(folder: Path, part: float) -> None:
    (file,) = files(folder)
    content = bytearray(file.read_bytes())
    content[int(part * len(content))] ^= 1
    file.write_bytes(content)
    with open_gallery(folder) as gallery:
        assert_right(gallery)
    (again,) = files(folder)
    assert again.read_bytes() != bytes(content)
    damage(folder, "UPDATE records SET frame = 7 WHERE key = 2")
    with open_gallery(folder) as gallery:
        assert len(gallery.store.keys_where(parse("site=s3"))) > 0
    again.write_bytes(content[:-8])
    with open_gallery(folder) as gallery, pytest.raises(DamagedFileError):
        gallery.store.keys_where(parse("site=s3"))


def test_a_file_of_another_gallery_is_not_believed(folder: Path, tmp_path: Path) -> None:
    """Though it is intact, under the name of this one's."""
    with open_gallery(tmp_path / "other", create=True) as other:
        other.store.write(Batch(records=[new(other, number) for number in range(1, COUNT + 1)]))
        other.store.keys_where(parse(" and ".join(FILTERS)))
    (mine,), (theirs,) = files(folder), files(tmp_path / "other")
    for ending in (".index", ".json"):
        shutil.copy(theirs.with_suffix(ending), mine.with_suffix(ending))
    with open_gallery(folder) as gallery:
        assert_right(gallery)


def forge(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Leave another file in the place of the gallery's, with its seal, as whoever prepares a gallery may."""
    (mine,) = files(folder)
    made_of = json.loads(mine.with_suffix(".json").read_bytes())["made_of"]
    change(made_of)
    content = mine.read_bytes()
    made = write_file(folder / "indexes", COLUMNS, "columns", made_of, lambda file: file.write(content), over=False)
    with open_gallery(folder) as gallery:
        gallery.store.note("columns", made.sha256)


FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "no fields": lambda said: said.pop("fields"),
    "fields of text": lambda said: said.update(fields="site"),
    "an array beyond the end": lambda said: said["keys"].__setitem__(1, 1 << 40),
    "an array before the beginning": lambda said: said["owners"].__setitem__(0, -8),
    "codes of no value": lambda said: said["fields"]["site"].update(codes=said["fields"]["site"]["records"]),
    "records that are not there": lambda said: said.update(last=3),
    "no number of changes": lambda said: said.update(edits="many"),
    "another field's values": lambda said: said["fields"]["site"].update(texts=said["fields"]["label"]["texts"]),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_a_forged_file_is_not_believed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    forge(folder, change)
    with open_gallery(folder) as gallery:
        assert_right(gallery)


def test_a_seal_leads_to_no_other_file(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        gallery.store.note("columns", "/../../elsewhere")
    for ending in (".index", ".json"):
        (folder / "indexes" / f"{COLUMNS}.").mkdir(exist_ok=True)
        shutil.copy(files(folder)[0].with_suffix(ending), folder / f"elsewhere{ending}")
    _opened.clear()
    with open_gallery(folder) as gallery:
        assert_right(gallery)
    assert any(name.endswith(FILE) for name in _opened)
    assert not [name for name in _opened if "elsewhere" in name]


def test_what_has_changed_since_is_seen(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        change_labels(gallery.store, [record_id(f"{4:064x}", 0)], instead=["odd"], by="test")
        gallery.store.write(Batch(records=[new(gallery, number) for number in range(COUNT, COUNT + 20)]))
        remove(gallery, [record_id(f"{3:064x}", 0)])
    with open_gallery(folder) as gallery:
        assert_right(gallery)
        change_labels(gallery.store, [record_id(f"{6:064x}", 0)], instead=["odd"], by="test")
        assert_right(gallery)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attributes SET text = 's3' WHERE record = 5 AND name = 'site'",
        "DELETE FROM vectors WHERE record = 61",
        "UPDATE labels SET label = 'odd' WHERE record = 61",
    ],
)
def test_damage_of_what_has_changed_since_is_named(folder: Path, statement: str) -> None:
    """Of a record that was changed, and of new ones."""
    with open_gallery(folder) as gallery:
        change_labels(gallery.store, [record_id(f"{4:064x}", 0)], instead=["odd"], by="test")
        gallery.store.write(Batch(records=[new(gallery, number) for number in range(COUNT, COUNT + 5)]))
    damage(folder, statement)
    with open_gallery(folder) as gallery, pytest.raises(DamagedFileError, match="damaged"):
        gallery.store.keys_where(parse("site=s3"))


def test_nothing_of_what_was_removed_is_in_the_file(folder: Path) -> None:
    """Not in one either that is written by a process which has held it in memory."""
    word = "canary-7f3a"
    with open_gallery(folder) as gallery:
        record = new(gallery, COUNT)
        told = NewRecord(
            record.source, record.sha256, 0, "p", ("odd",), {"site": word, "age": 3.0}, record.vectors, b"jpeg"
        )
        gallery.store.write(Batch(records=[told]))
    for file in files(folder):
        file.unlink()
    with open_gallery(folder) as holding:
        assert len(holding.store.keys_where(parse(f"site={word}"))) == 1
        assert search_folder(folder / "indexes", [word.encode()]).found
        with open_gallery(folder) as gallery:
            remove(gallery, [record_id(record.sha256, 0)])
        assert not files(folder)
        assert len(holding.store.keys_where(parse(f"site={word}"))) == 0
        assert len(files(folder)) == 1
        assert not search_folder(folder, [word.encode()]).found
        assert_right(holding)


def test_the_file_has_the_fields_of_all_processes(folder: Path) -> None:
    for name in ("patient", "id", "source"):
        with open_gallery(folder) as gallery:
            gallery.store.keys_where(parse(f"{name}=x"))
    (file,) = files(folder)
    fields = json.loads(file.with_suffix(".json").read_bytes())["made_of"]["fields"]
    assert {*fields} == {"site", "age", "label", "patient", "id", "source"}


def test_a_file_that_lags_is_written_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a process that begins with it would have to verify every row: whoever has found that new records came."""
    monkeypatch.setattr(filtered, "_MOST_NEW", 10)
    with open_gallery(folder) as gallery:
        for number in range(COUNT, COUNT + 30):
            gallery.store.write(Batch(records=[new(gallery, number)]))
            assert len(gallery.store.keys_where(parse("site=s3"))) > 0
    damage(folder, "UPDATE records SET frame = 7 WHERE key = 2")
    with open_gallery(folder) as gallery:
        assert len(gallery.store.keys_where(parse("site=s3"))) == sum(each % 7 == 3 for each in range(COUNT + 30))
    with open_gallery(folder) as gallery:
        gallery.store.write(Batch(records=[new(gallery, number) for number in range(COUNT + 30, COUNT + 50)]))
        with pytest.raises(DamagedFileError, match="damaged"):
            gallery.store.keys_where(parse("site=s3"))  # too many to verify these alone


def test_what_is_merely_believed_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that was read hours after every row was verified: damage of that time would stay in the file."""
    monkeypatch.setattr(verified, "BELIEVED_SECONDS", 1e9)
    damage(folder, "UPDATE records SET source = '/data/other.dcm' WHERE key = 2")
    with open_gallery(folder) as gallery:
        assert len(gallery.store.keys_where(parse("source=/data/other.dcm"))) == 1  # as it was before there was a file
        remove(gallery, [record_id(f"{3:064x}", 0)])
        assert len(gallery.store.keys_where(parse("site=s3 or source=x"))) > 0
    monkeypatch.setattr(verified, "BELIEVED_SECONDS", 0.0)
    with open_gallery(folder) as gallery, pytest.raises(DamagedFileError, match="damaged"):
        gallery.store.keys_where(parse("source=/data/other.dcm"))


def test_a_part_of_the_gallery_is_answered_from_its_own_records(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        part = part_of(gallery, ["label=odd"])
        try:
            found = part.store.owner_keys(part.store.keys_where(parse("site=s3"))).tolist()
        finally:
            part.close()
        assert len(found) == sum(number % 7 == 3 and number % 2 == 1 for number in range(COUNT))
        assert_right(gallery)


def test_a_small_gallery_has_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified, "LEAST_BELIEVED", 1000)
    for file in files(folder):
        file.unlink()
    with open_gallery(folder) as gallery:
        assert_right(gallery)
    assert not files(folder)
