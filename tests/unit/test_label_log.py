"""Labels that a person set, the table's beside them, the log of changes; and files that lie elsewhere now."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.store import Batch, NewRecord, Relabel, Store, database, record_id
from lookalike.store.adoption import adopt_store
from lookalike.store.edit import change_labels, undo_change
from lookalike.verbs.curation.labelling import label, label_log, relabel, undo_labels
from lookalike.verbs.doctor import doctor
from lookalike.verbs.gallery import relocate
from lookalike.verbs.index import index
from lookalike.verbs.records import remove

pytestmark = pytest.mark.both_databases

MakeGallery = Callable[..., Gallery]


def names(gallery: Gallery) -> dict[str, str]:
    """The id of each file's record."""
    return {Path(record.source).name: record.id for record in gallery.store.records().values()}


def labels(gallery: Gallery, name: str) -> tuple[str, ...]:
    return gallery.store.record(names(gallery)[name]).labels


@pytest.fixture
def labelled(picture_folder: Path, make_gallery: MakeGallery) -> Gallery:
    gallery = make_gallery()
    index(gallery, [picture_folder], labels=picture_folder / "labels.csv")
    return gallery


def test_a_person_s_labels_stay_when_the_table_is_indexed_again(labelled: Gallery, picture_folder: Path) -> None:
    ids = names(labelled)
    relabel(labelled, ids["p03.png"], ["ICU device", "odd"])
    label(labelled, [ids["p04.png"], ids["p05.png"]], add=["seen"], remove=["odd"])
    before = {name: labels(labelled, name) for name in ids}
    for _ in range(2):
        again = index(labelled, [picture_folder], labels=picture_folder / "labels.csv")
        assert (again.added, again.labels_kept) == (0, 3)
        assert {name: labels(labelled, name) for name in ids} == before
    assert before["p04.png"] == ("even", "seen")
    over = index(labelled, [picture_folder], labels=picture_folder / "labels.csv", overwrite_labels=True)
    assert over.labels_kept == 0
    assert labels(labelled, "p03.png") == ("odd",)
    undo_labels(labelled)  # what the table overwrote
    assert {name: labels(labelled, name) for name in ids} == before
    assert index(labelled, [picture_folder], labels=picture_folder / "labels.csv").labels_kept == 3


def test_undone_labels_are_the_table_s_as_it_is_now(labelled: Gallery, picture_folder: Path) -> None:
    ids = names(labelled)
    changed = label(labelled, [ids["p03.png"]], set=["mine"])
    assert (changed.changed, changed.change) == (1, 1)
    (picture_folder / "labels.csv").write_text("file,label\np03.png,newer\n")
    assert index(labelled, [picture_folder], labels=picture_folder / "labels.csv").labels_kept == 1
    assert labels(labelled, "p03.png") == ("mine",)
    assert undo_labels(labelled, 1).changed == 1
    assert labels(labelled, "p03.png") == ("newer",)
    with pytest.raises(UsageError, match="change 1 is undone already"):
        undo_labels(labelled, 1)
    with pytest.raises(NotFoundError, match="no change of labels counts"):
        undo_labels(labelled)
    with pytest.raises(NotFoundError, match="has the number 9"):
        undo_labels(labelled, 9)


def test_no_number_of_a_change_is_given_again(labelled: Gallery) -> None:
    """Whoever undoes a change by its number undoes nobody else's, although its record has been removed meanwhile."""
    ids = names(labelled)
    label(labelled, [ids["p03.png"]], add=["seen"])
    gone = label(labelled, [ids["p04.png"]], add=["seen"]).change
    remove(labelled, [ids["p04.png"]])
    other = label(labelled, [ids["p05.png"]], add=["other"]).change
    assert gone is not None
    with pytest.raises(NotFoundError):
        undo_labels(labelled, gone)
    assert "other" in labels(labelled, "p05.png")
    assert other != gone


def test_an_earlier_change_is_undone_without_the_later_one(labelled: Gallery) -> None:
    some = names(labelled)["p03.png"]
    label(labelled, [some], add=["a"])
    label(labelled, [some], add=["b"], remove=["odd"])
    undo_labels(labelled, 1)
    assert labels(labelled, "p03.png") == ("b",)
    undo_labels(labelled)
    assert labels(labelled, "p03.png") == ("odd",)


def test_labels_that_are_confirmed_are_a_person_s(labelled: Gallery, picture_folder: Path) -> None:
    """Setting what is there changes nothing now, but a table does not change it later."""
    some = names(labelled)["p03.png"]
    assert label(labelled, [some], set=["odd"]).changed == 0
    assert label(labelled, [some], set=["odd"]).change is None
    assert label(labelled, [some], add=["odd"]).change is None
    (picture_folder / "labels.csv").write_text("file,label\np03.png,other\n")
    assert index(labelled, [picture_folder], labels=picture_folder / "labels.csv").labels_kept == 1
    assert labels(labelled, "p03.png") == ("odd",)
    with pytest.raises(UsageError, match="say what is to change"):
        label(labelled, [some])


def test_the_log(labelled: Gallery) -> None:
    ids = list(names(labelled).values())
    label(labelled, ids[:2], add=["x"], by="reader")
    label(labelled, ids[:1], set=[], by="other")
    undo_labels(labelled)
    page = label_log(labelled, limit=1)
    assert [(each.number, each.by, each.action, each.records) for each in page.items] == [(2, "other", "set", 1)]
    assert page.items[0].undone is not None
    (first,) = label_log(labelled, cursor=page.next_cursor).items
    assert (first.by, first.action, first.records, first.added, first.removed, first.undone) == (
        *("reader", "change", 2, ("x",), ()),
        None,
    )
    remove(labelled, ids[:1])
    assert [each.records for each in label_log(labelled).items] == [1]  # of what is erased nothing is left


# Random changes against a model that keeps the whole history


def new(number: int) -> NewRecord:
    vector = np.ones((1, 4), np.float32) / 2
    return NewRecord(f"/d/{number}", f"{number:064}", 0, "", ("t",), {}, vector, b"")


def test_random_changes_and_undoings(tmp_path: Path) -> None:
    """Persons add, set and undo while tables say this and that: the labels are those of the latest word."""
    draw = random.Random(1)
    store = Store(tmp_path)
    store.put_space("base", {}, None)
    store.write(Batch([new(0)]))
    identity = record_id(f"{0:064}", 0)
    table, changes = {"t"}, list[tuple[int, frozenset[str]]]()  # of those that count: number, labels after it
    for _ in range(300):
        step = draw.choice(["set", "table", "undo", "overwrite"])
        some = frozenset(draw.sample("abct", draw.randint(0, 2)))
        if step == "set":
            number, _changed = change_labels(store, [identity], instead=sorted(some))
            changes += [(number, some)] if number else []
        elif step == "undo" and changes:
            assert undo_change(store, None)[0] == changes.pop()[0]
        elif step in ("table", "overwrite"):
            if step == "overwrite" and changes:
                continue  # an overwriting table is a change of its own: test_a_person_s_labels_stay...
            table = set(some)
            relabels = [Relabel(f"{0:064}", "", tuple(sorted(some)), {})]
            store.write(Batch(relabels=relabels, overwrite=step == "overwrite"))
        wanted = changes[-1][1] if changes else table
        assert set(store.record(identity).labels) == wanted
    store.close()


def test_labels_of_an_older_gallery_are_the_table_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_HEAD", "0002")
    engine = database.connect(tmp_path, writable=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO gallery VALUES ('id', '0123456789abcdef'), ('salt', 'x')")
        connection.exec_driver_sql("INSERT INTO records VALUES (1, 'abc', '/d/1', 'sha', 0, 'abc')")
        connection.exec_driver_sql("INSERT INTO labels VALUES (1, 'old')")
    engine.dispose()
    monkeypatch.undo()
    adopt_store(tmp_path)
    store = Store(tmp_path)
    change_labels(store, ["abc"], instead=["new"])
    assert store.record("abc").labels == ("new",)
    undo_change(store, None)
    assert store.record("abc").labels == ("old",)
    store.close()


# Files that lie elsewhere now


def sources(gallery: Gallery) -> list[str]:
    return sorted(record.source for record in gallery.store.records().values())


def test_a_moved_folder_is_found_again(labelled: Gallery, picture_folder: Path) -> None:
    elsewhere = picture_folder.with_name("elsewhere")
    kept = picture_folder.with_name("kept.png")
    picture_folder.rename(elsewhere)
    result = index(labelled, [elsewhere])
    assert (result.added, result.skipped, result.moved) == (0, 12, 12)
    assert sources(labelled) == sorted(str(path) for path in elsewhere.glob("*.png"))
    assert (elsewhere / "p00.png").rename(kept)
    index(labelled, [elsewhere, kept])
    (elsewhere / "copy.png").write_bytes((elsewhere / "p01.png").read_bytes())
    again = index(labelled, [elsewhere, kept])
    assert (again.moved, again.records) == (0, 12)
    assert str(kept) in sources(labelled)
    assert str(elsewhere / "copy.png") not in sources(labelled)  # the old place is still there


def test_doctor_names_what_is_gone_and_relocate_finds_it(labelled: Gallery, picture_folder: Path) -> None:
    def check() -> str:
        (found,) = [each for each in doctor(labelled).checks if each.name == "sources"]
        return f"{found.state}: {found.detail}"

    assert check().startswith("ok: 12 files")
    elsewhere = picture_folder.with_name("elsewhere")
    picture_folder.rename(elsewhere)
    (elsewhere / "p03.png").unlink()
    assert check().startswith(f"missing: 12 of 12 are not where they were read: {picture_folder}/p00.png, ")
    assert "lookalike gallery relocate OLD NEW" in check()
    result = relocate(labelled, picture_folder, elsewhere)
    assert (result.relocated, result.missing) == (11, 1)
    assert [each.source for each in result.first_missing] == [str(picture_folder / "p03.png")]
    assert check().startswith("missing: 1 of 12")
    assert index(labelled, [elsewhere]).moved == 0
    for folder in (picture_folder.with_name("pic"), elsewhere / "p0"):  # no part of a name
        with pytest.raises(UsageError, match="no record is from"):
            relocate(labelled, folder, elsewhere)
