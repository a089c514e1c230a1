"""The rows of a run's items: volumes by folder or slice, arrays, sources elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from lookalike.errors import UsageError
from lookalike.readers.events import Finished
from lookalike.sources.item_labels import ItemLabels
from lookalike.sources.labels import LabelRow, LabelTable
from lookalike.sources.reading import Listing
from lookalike.types import Item


@dataclass(frozen=True)
class Listed:
    """A source of given items, with a table or without."""

    names: tuple[Item, ...]
    table: LabelTable | None = None
    uri: str = "listed:"

    def items(self, since: str | None = None) -> Iterator[Item]:
        return iter(self.names)

    def fetch(self, item: Item) -> AbstractContextManager[Sequence[Path]]:
        return nullcontext([Path(file) for file in item.files])

    def labels(self) -> LabelTable | None:
        return self.table


def table(*rows: str, folder: str = "/tables") -> LabelTable:
    """Rows ``path=label``."""
    pairs = [row.split("=") for row in rows]
    return LabelTable(Path(folder), {path: LabelRow((label,)) for path, label in pairs})


def local(*names: str) -> Listing:
    items = tuple(Item(name, (name,)) for name in names)
    return Listing(tuple((Listed(items), item) for item in items), 0)


def labels_of(labels: ItemLabels, source: str, file: str = "") -> tuple[str, ...] | None:
    row = labels.row(Finished(source, "0" * 64, file=file or source))
    return None if row is None else row.labels


SLICES = tuple(f"/d/p1/s1/IM{n}.dcm" for n in range(5))
OTHERS = tuple(f"/d/p2/s2/IM{n}.dcm" for n in range(5))


@pytest.mark.parametrize(
    "rows",
    [("s1=x", "s2=y"), ("D:\\e\\p1\\s1=x", "s2=y"), ("p1/s1/IM3.dcm=x", "s2/IM0=y"), ("s1/IM4=x", "s2/IM2.DCM=y")],
)
@pytest.mark.parametrize("alone", [True, False])
def test_a_series_by_its_folder_or_any_slice(rows: tuple[str, ...], alone: bool) -> None:
    """Its source is its folder, or its first file where the folder holds more."""
    found = ItemLabels(table(*rows), local(*SLICES, *OTHERS))
    names = ["/d/p1/s1", "/d/p2/s2"] if alone else [SLICES[0], OTHERS[0]]
    found.note_volumes([Item(names[0], SLICES), Item(names[1], OTHERS)])
    assert [labels_of(found, names[0], SLICES[0]), labels_of(found, names[1], OTHERS[0])] == [("x",), ("y",)]
    match = found.match()
    assert match is not None
    assert (match.rows, match.rows_met, match.images, match.images_met) == (2, 2, 2, 2)


def test_a_row_for_each_slice() -> None:
    found = ItemLabels(table(*(f"s1/IM{n}={'ab'[n % 2]}" for n in range(5))), local(*SLICES))
    found.note_volumes([Item("/d/p1/s1", SLICES)])
    assert labels_of(found, "/d/p1/s1", SLICES[0]) == ("a", "b")


def test_a_folder_that_is_no_volume_gives_its_pictures_nothing() -> None:
    found = ItemLabels(table("s1=x"), local("/d/s1/a.png", "/d/s1/b.png"))
    assert labels_of(found, "/d/s1/a.png") is None
    match = found.match()
    assert match is not None
    assert (match.rows_met, match.images, match.images_met) == (0, 1, 0)
    assert [each.source for each in match.rows_left] == ["s1"]


def test_two_series_in_folders_of_one_name() -> None:
    with pytest.raises(UsageError, match="ambiguous: the row s1 and the files /d/a/s1, /d/b/s1 fit"):
        ItemLabels(table("s1=x"), local("/d/a/s1/1.dcm", "/d/b/s1/1.dcm"))


def test_arrays_by_their_number_or_their_file() -> None:
    items = tuple(Item(f"/d/x.npz#{n}", ("/d/x.npz",), frame=n) for n in range(3))
    listing = Listing(tuple((Listed(items), item) for item in items), 0)
    by_number = ItemLabels(table("x.npz#1=one"), listing)
    assert [labels_of(by_number, item.name, "/d/x.npz") for item in items] == [None, ("one",), None]
    by_file = ItemLabels(table("x.npz=all"), listing)
    assert [labels_of(by_file, item.name, "/d/x.npz") for item in items] == [("all",)] * 3


def test_what_was_fetched_is_named_below_its_item() -> None:
    items = (Item("far:/study-1"), Item("far:/study-2"))
    listing = Listing(tuple((Listed(items), item) for item in items), 0)
    found = ItemLabels(table("study-1/a.png=x", "study-2=y", "study-9/a.png=z"), listing)
    assert labels_of(found, "far:/study-1", "/tmp/q/a.png") == ("x",)
    assert labels_of(found, "far:/study-2/b.png", "/tmp/q/b.png") == ("y",)
    found.note_volumes([Item("far:/study-9", ("/tmp/r/a.png", "/tmp/r/b.png"))])
    assert labels_of(found, "far:/study-9", "/tmp/r/a.png") == ("z",)
    match = found.match()
    assert match is not None
    assert (match.rows_met, match.images_met) == (3, 3)


def test_each_source_s_own_table_is_for_its_items_only() -> None:
    one, two = (Item("far:/a/1.png"),), (Item("near:/a/1.png"),)
    sources = [Listed(one, table("1.png=x", folder="far:/a")), Listed(two, table("1.png=y", folder="near:/a"))]
    found = ItemLabels(None, Listing(((sources[0], one[0]), (sources[1], two[0])), 0))
    assert [labels_of(found, "far:/a/1.png"), labels_of(found, "near:/a/1.png")] == [("x",), ("y",)]
    assert ItemLabels(None, local("/d/1.png")).match() is None


def test_tables_and_notes_beside_the_images_are_no_candidates() -> None:
    found = ItemLabels(table("1=x"), local("/d/1.png", "/d/notes/1.txt", "/e/1.csv"))
    assert labels_of(found, "/d/1.png") == ("x",)
