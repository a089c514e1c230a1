"""Filters as SQL and over columns in memory, which must both agree with their tree exactly."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy import text as sql

from awaited import PATIENCE
from filter_trees import WORDS, compares, trees
from lookalike.errors import BusyError, SlowFilterError
from lookalike.filters import And, Compare, Filter, Not, Or, matches, parse
from lookalike.store import Batch, NewRecord, Relabel, Store, record_id
from lookalike.store.browse import facet_counts, records_after
from lookalike.store.edit import change_labels, undo_change
from lookalike.store.edits import count_edit_of_all
from lookalike.store.erasures import remove_named
from lookalike.store.named import named_by_ids
from lookalike.store.place import put_elsewhere
from lookalike.store.schema import RECORDS, VECTORS
from lookalike.store.where import condition


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("store")
    if request.param == "postgresql":
        put_elsewhere(folder, request.getfixturevalue("postgresql_server").url())
    opened = Store(folder)
    opened.put_space("base", {"name": "none", "identity": {"name": "none"}}, None)
    yield opened
    opened.close()


class Row:
    """One record to be: what the store is told, and what a filter should see."""

    def __init__(self, number_: int, labels: list[str], attributes: dict[str, str | float], patient: str) -> None:
        self.sha256 = f"{number_:064x}"
        self.labels, self.attributes, self.patient = tuple(dict.fromkeys(labels)), attributes, patient
        self.source = f"/data/a_b{number_}.png"

    def new(self) -> NewRecord:
        vectors = np.ones((1, 2), np.float32)
        return NewRecord(self.source, self.sha256, 0, self.patient, self.labels, self.attributes, vectors, b"jpeg")


ROWS = st.lists(
    st.builds(
        lambda labels, attributes, patient: (labels, attributes, patient),
        st.lists(st.sampled_from(WORDS[:16]), max_size=3),
        st.dictionaries(
            st.sampled_from(["Modality", "age", "odd name", "not", "é"]),
            st.one_of(st.sampled_from(WORDS), st.floats(-20, 20), st.integers(-20, 20).map(float)),
            max_size=3,
        ),
        st.sampled_from(["", "patient-1", "patient-2"]),
    ),
    max_size=7,
)


def fill(store: Store, rows: list[Row]) -> None:
    with store.begin(write=True) as connection:  # emptied for each example: a new database would take seconds
        for table in ("vectors", "attributes", "labels", "thumbnails", "records", "files"):
            connection.execute(sql(f"DELETE FROM {table}"))
        count_edit_of_all(connection)
    store.write(Batch(records=[row.new() for row in rows]))


def found(store: Store, tree: Filter) -> set[str]:
    """The sources of the records that both ways find."""
    in_memory = {record.source for record in store.owners(store.keys_where(tree)) if record is not None}
    assert in_memory == {record.source for record in records_after(store, 0, 100_000, tree)}, tree
    return in_memory


@given(ROWS, st.lists(trees(compares(), least=0), min_size=1, max_size=6), st.data())
@settings(max_examples=25)
def test_both_find_exactly_what_the_tree_means(
    store: Store, drawn: list[Any], wanted: list[Filter], data: st.DataObject
) -> None:
    rows = [Row(i, *parts) for i, parts in enumerate(drawn)]
    fill(store, rows)
    known = {record.source: record for record in store.records().values()}
    for tree in wanted:
        expected = set()
        for row in rows:
            record = known[row.source]
            seen = {name: [str(value)] for name, value in row.attributes.items()}
            seen |= {"label": list(row.labels), "id": [record.id], "source": [row.source], "patient": [record.patient]}
            if matches(tree, seen):
                expected.add(row.source)
        assert found(store, tree) == expected


@pytest.mark.parametrize("field", ["label", "age"])
@pytest.mark.parametrize("op", ["=", "!=", "~", "<", "<=", ">", ">="])
def test_both_find_what_each_comparison_means(store: Store, field: str, op: Any) -> None:
    """Every odd word against every other: case, accents, wildcards, spellings of numbers."""
    fill(store, [Row(i, [word], {"age": word}, "") for i, word in enumerate(WORDS)])
    for wanted in WORDS:
        tree = Compare(field, op, wanted)
        meant = {f"/data/a_b{i}.png" for i, word in enumerate(WORDS) if matches(tree, {field: [word]})}
        assert found(store, tree) == meant, tree


@given(ROWS, st.lists(compares(), min_size=3, max_size=12), st.sampled_from([And, Or]), st.data())
@settings(max_examples=25)
def test_many_comparisons_of_few_fields_mean_what_each_means(
    store: Store, drawn: list[Any], parts: list[Compare], joined: Any, data: st.DataObject
) -> None:
    """They are asked together, a field's at a time, and must be as if each were asked alone."""
    rows = [Row(i, *parts_of) for i, parts_of in enumerate(drawn)]
    fill(store, rows)
    wanted = [Not(part) if data.draw(st.booleans()) else part for part in parts]
    alone = [found(store, part) for part in wanted]
    together = set.intersection(*alone) if joined is And else set.union(*alone)
    assert found(store, joined(tuple(wanted))) == together


@pytest.fixture
def large(make_store: Callable[[], Store]) -> Store:
    """A record's worth of text is cheap, 3,000 of them long enough to be interrupted."""
    store = make_store()
    rows = [Row(i, [f"label {i} {'x' * 50}"], {"Modality": "CR"}, "") for i in range(3000)]
    store.write(Batch(records=[row.new() for row in rows]))
    return store


COSTLY = Or(tuple(Compare("label", "~", f"z{i}") for i in range(100)))


def test_a_filter_that_takes_too_long_is_interrupted(large: Store) -> None:
    assert len(large.keys_where(COSTLY)) == 0
    large.limit_filters(0.0)
    asked = [
        lambda: large.keys_where(Not(COSTLY)),
        lambda: records_after(large, 0, 10, COSTLY),
        lambda: facet_counts(large, 10, COSTLY),
    ]
    for ask in asked:
        with pytest.raises(SlowFilterError, match="the filter takes longer than 0 s; compare fewer fields"):
            ask()
    assert large.count() == len(records_after(large, 0, 5000)) == 3000  # the same connections, without a limit
    large.limit_filters(PATIENCE)
    assert len(large.keys_where(COSTLY)) == 0
    assert len(large.keys_where(parse("label~'label 1'"))) > 1000


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "encode again", "label", "describe", "remove"]), st.integers(0, 9)),
    min_size=1,
    max_size=8,
)
ASKED = [parse(text) for text in ("label=odd", "not label=odd and n>=4", "site~S or source~b3", "label!=x and n!=2")]


@given(STEPS)
@settings(max_examples=12)
def test_columns_keep_step_with_every_change(store: Store, steps: list[tuple[str, int]]) -> None:
    """Filters are asked after each change; a key may be given again to another record."""
    fill(store, [])
    for step, i in steps:
        change(store, step, i)
        for tree in ASKED:
            found(store, tree)
            among = select(RECORDS.c.key).where(condition(tree))
            with store.begin() as connection:
                keys = connection.scalars(select(VECTORS.c.key).where(VECTORS.c.record.in_(among))).all()
            assert store.keys_where(tree).tolist() == sorted(keys)


def change(store: Store, step: str, i: int) -> None:
    row = Row(i, ["odd"] if i % 2 else [], {"n": float(i), "site": f"s{i % 3}"}, "")
    identity = record_id(row.sha256, 0)
    if step in ("add", "encode again"):
        store.write(Batch(records=[row.new(), *([Row(i + 10, [], {}, "").new()] if step == "add" else [])]))
    elif store.find(identity) is None:
        return
    elif step == "label":
        change_labels(store, [identity], add=["x"], remove=["odd"])
    elif step == "describe":
        store.write(Batch(relabels=[Relabel(row.sha256, "", None, {"n": str(i - 1), "site": "S9"})]))
    else:
        remove_named(store, named_by_ids(store, [identity]), {}, PurePath("sources"))


def test_a_label_leaves_the_answers_of_other_fields(large: Store) -> None:
    """The same arrays, by which indexes know what they have chosen by them."""
    modality, label = parse("Modality=CR"), parse("label=changed")
    kept, none = large.keys_where(modality), large.keys_where(label)
    assert not len(none)
    change_labels(large, [record_id(f"{0:064x}", 0)], add=["changed"])
    assert large.keys_where(modality) is kept
    assert len(large.keys_where(label)) == 1
    undo_change(large, None)
    assert large.keys_where(modality) is kept
    assert not len(large.keys_where(label))


def test_demanding_filters_take_turns_and_the_rest_is_refused(large: Store) -> None:
    """While four are held up, others wait half their time and are told so; simple filters go on, and so do the rest."""
    holding, release = threading.Barrier(5), threading.Event()

    def hold() -> None:
        with large.begin_filtered(COSTLY):
            holding.wait(PATIENCE)
            release.wait(PATIENCE)

    large.verify()  # for which a filter would wait
    large.limit_filters(0.2)
    held = [threading.Thread(target=hold) for _ in range(4)]
    try:
        for thread in held:
            thread.start()
        holding.wait(PATIENCE)
        for _ in range(3):
            with pytest.raises(BusyError, match="ask again"):
                large.keys_where(COSTLY)
        large.limit_filters(PATIENCE)
        assert len(large.keys_where(parse("Modality=CR"))) == 3000
    finally:
        release.set()
        for thread in held:
            thread.join()
    assert len(large.keys_where(COSTLY)) == 0


def test_facets_are_counted_as_the_tree_means(store: Store) -> None:
    rows = [Row(i, ["in"] if i % 2 else [], {"n": float(i), "site": f"s{i % 3}"}, "") for i in range(30)]
    fill(store, rows)
    tree = parse("label=in and n>=10")
    label, number_, site = facet_counts(store, 2, tree)
    left = [row for row in rows if row.labels and row.attributes["n"] >= 10]
    counts = Counter(str(row.attributes["site"]) for row in left)
    assert label.values == (("in", len(left)),)
    assert (number_.low, number_.high, number_.values) == (11.0, 29.0, ())
    assert site.values == tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:2])
    assert (site.low, site.high, site.kind) == (None, None, "text")


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
def test_an_order_over_no_number_is_empty(store: Store, op: Any) -> None:
    """The text form refuses it; a tree made in Python finds nothing, and its opposite everything."""
    fill(store, [Row(1, [], {"age": 5.0}, ""), Row(2, [], {"age": "old"}, "")])
    tree = Compare("age", op, "old")
    assert not matches(tree, {"age": ["old"]})
    assert found(store, tree) == set()
    assert len(found(store, Not(tree))) == 2


@pytest.mark.parametrize("share", [0, 1, 50, 1199, 1200])
def test_exact_at_any_selectivity(make_store: Callable[[], Store], share: int) -> None:
    store = make_store()
    rows = [Row(i, ["in"] if i < share else [], {"n": float(i)}, "") for i in range(1200)]
    store.write(Batch(records=[row.new() for row in rows]))
    by_label, by_number = store.keys_where(parse("label=in")), store.keys_where(parse(f"n<{share}"))
    assert len(by_label) == share
    assert by_label.tolist() == by_number.tolist() == sorted(by_label.tolist())
    assert len(store.keys_where(parse("not label=in"))) == 1200 - share
