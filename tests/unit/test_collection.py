"""A part of a gallery: whatever is asked of it, a record outside is not there, is counted nowhere, is nobody's hit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from conftest import write_pictures
from lookalike.collection import Collection
from lookalike.errors import NotFoundError, ReadOnlyError, UsageError
from lookalike.filters import matches, parse
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Store
from lookalike.store.database import FILE
from lookalike.store.schema import METADATA, RECORDS
from lookalike.store.within import checked_part
from lookalike.verbs.audit import audit_duplicates
from lookalike.verbs.classify import classify
from lookalike.verbs.curation.labelling import label, label_log, undo_labels
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.gallery import gallery_info, part_of, warm
from lookalike.verbs.index import index
from lookalike.verbs.map import kept_map, map_gallery
from lookalike.verbs.records import browse, facets, record_info
from lookalike.verbs.search import search


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("collections")
    pictures = write_pictures(folder / "pictures")
    with open_gallery(folder / "g", create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        ids = [one.id for one in browse(opened).items]
        label(opened, ids[:2], add=["by hand"])  # in the north
        label(opened, [ids[0], ids[11]], add=["both"])
        warm(opened)
        yield opened


@pytest.fixture(scope="module")
def north(gallery: Gallery) -> Iterator[Collection]:
    part = part_of(gallery, ["site=north"])
    yield part
    part.close()


def ids_of(gallery: Gallery) -> list[str]:
    return [one.id for one in browse(gallery).items]


def test_only_its_records_are_there(gallery: Gallery, north: Collection) -> None:
    every, inside = browse(gallery).items, ids_of(north)
    assert inside == [one.id for one in every if one.attributes["site"] == "north"]
    assert len(inside) == north.store.count() == gallery_info(north).records == 6
    outside = next(one.id for one in every if one.id not in inside)
    with pytest.raises(NotFoundError):
        record_info(north, outside)
    assert ids_of(part_of(gallery, ["site=nowhere"])) == []


def test_a_filter_narrows_and_never_widens(gallery: Gallery, north: Collection) -> None:
    for where in ("site=south", "not site=north", "site=south or site=north", "site!=north", "id!=x"):
        wanted = {one.id for one in browse(gallery, where=where).items} & {*ids_of(north)}
        assert {one.id for one in browse(north, where=where).items} == wanted
        hits = search(north, vector=np.ones(384, np.float32), where=where, k=100, pictures=False).hits
        assert {hit.id for hit in hits} == wanted


def test_hits_are_those_of_the_whole_gallery_that_are_there(gallery: Gallery, north: Collection) -> None:
    inside = {*ids_of(north)}
    for one in ids_of(north):
        for options in ({}, {"same_patient": True}, {"where": "label=even"}, {"group_by": "patient"}):
            whole = search(gallery, id=one, k=100, pictures=False, **options).hits
            part = search(north, id=one, k=100, pictures=False, **options).hits
            if "group_by" in options:
                assert {hit.id for hit in part} <= inside
                continue
            assert [(hit.id, hit.score) for hit in part] == [(hit.id, hit.score) for hit in whole if hit.id in inside]
    with pytest.raises(NotFoundError):
        search(north, id=next(one for one in ids_of(gallery) if one not in inside))


def test_counts_and_names_are_of_its_records(gallery: Gallery, north: Collection) -> None:
    found = {facet.field: {value.value: value.count for value in facet.values} for facet in facets(north)}
    assert found["site"] == {"north": 6}
    assert found["label"]["by hand"] == 2
    assert sum(found["label"][name] for name in ("even", "odd")) == 6
    with pytest.raises(UsageError):
        browse(part_of(gallery, ["site=south"]), where="nothing=1")


def test_the_log_of_labels_counts_what_is_there(gallery: Gallery, north: Collection) -> None:
    south = part_of(gallery, ["site=south"])
    assert [change.records for change in label_log(gallery).items] == [2, 2]
    assert [change.records for change in label_log(north).items] == [1, 2]
    assert [change.records for change in label_log(south).items] == [1]


def test_nothing_is_written_through_it(north: Collection) -> None:
    one = ids_of(north)[0]
    for write in (lambda: label(north, [one], add=["x"]), lambda: undo_labels(north)):
        with pytest.raises(ReadOnlyError):
            write()


def test_every_table_shows_rows_of_its_records_only(gallery: Gallery, north: Collection) -> None:
    """Also one that another version adds: a table that says nothing of records is empty, unless it is named."""
    with north.store.begin() as connection:
        there = set(connection.scalars(select(RECORDS.c.key)))
        for table in METADATA.sorted_tables:
            if "record" in table.c:
                assert set(connection.scalars(select(table.c.record))) <= there, table.name
            elif table.name not in ("records", "gallery", "spaces", "files", "label_changes"):
                assert connection.scalar(select(func.count()).select_from(table)) == 0, table.name
    with gallery.store.begin() as connection:
        assert len(set(connection.scalars(select(RECORDS.c.key)))) == 12


def test_what_is_learnt_and_measured_is_of_its_records(gallery: Gallery, north: Collection) -> None:
    assert evaluate(north, folds=2, seed=0, k=[1]).queries == 6
    assert classify(north, id=ids_of(north)[0]).records <= 6
    assert {hit.id for hit in classify(north, id=ids_of(north)[0]).evidence} <= {*ids_of(north)}
    assert audit_duplicates(north).records == 6


def test_maps_of_parts_and_of_the_whole_are_kept_apart(gallery: Gallery, north: Collection) -> None:
    whole = map_gallery(gallery, method="tsne")
    assert kept_map(north, method="tsne") is None
    assert {*map_gallery(north, method="tsne").ids} == {*ids_of(north)}
    again = part_of(gallery, ["site=north"])
    kept = kept_map(again, method="tsne")
    assert kept is not None
    assert {*kept.ids} == {*ids_of(north)}
    assert kept_map(gallery, method="tsne").ids == whole.ids  # type: ignore[union-attr]
    assert kept_map(part_of(gallery, ["site=south"]), method="tsne") is None


def test_a_record_that_leaves_is_gone_at_once(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "g", create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        warm(opened)
        part = part_of(opened, ["label=even"])
        first, *others = ids_of(part)
        assert len(search(part, id=others[0], k=100, same_patient=True).hits) == 6
        label(opened, [first], set=["odd"])
        assert ids_of(part) == others
        assert first not in {hit.id for hit in search(part, id=others[0], k=100, same_patient=True).hits}
        index(opened, [pictures], labels=pictures / "labels.csv", overwrite_labels=True)
        assert ids_of(part) == [first, *others]
        assert first in {hit.id for hit in search(part, id=others[0], k=100, same_patient=True).hits}


def test_a_part_looks_into_no_texts() -> None:
    with pytest.raises(UsageError, match="not with ~"):
        checked_part("source~north")
    with pytest.raises(UsageError, match="cannot be read"):
        checked_part("site=north; drop table records")


FIELDS = st.sampled_from(["site", "label", "patient", "source", "id", "nothing", "o'clock"])
VALUES = st.sampled_from(
    ["north", "south", "even", "odd", "by hand", "1", "''", "a'b", "%", '"', "x); DROP TABLE records"]
)
ATOMS = st.builds(
    lambda field, op, value: f"{quote(field)}{op}{quote(value)}", FIELDS, st.sampled_from(["=", "!="]), VALUES
)
TREES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=5,
)


def quote(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


@settings(max_examples=60)
@given(where=TREES)
def test_any_filter_means_the_same_as_in_memory(gallery: Gallery, where: str) -> None:
    tree = parse(where)
    wanted = [
        one.id
        for one in browse(gallery).items
        if matches(
            tree,
            {
                "id": [one.id],
                "source": [one.source],
                "patient": [one.patient],
                "label": one.labels,
                **{name: [str(value)] for name, value in one.attributes.items()},
            },
        )
    ]
    store = Store(gallery.folder, within=checked_part(where))
    try:
        assert [record.id for _, record in sorted(store.records().items())] == wanted
    finally:
        store.close()


@pytest.mark.sqlite_file
def test_the_tables_themselves_are_as_they_were(gallery: Gallery, north: Collection) -> None:
    with sqlite3.connect(f"file:{gallery.folder / FILE}?mode=ro", uri=True) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (12,)
    assert north.owned
