"""Rows that are looked up by the driver itself are those that SQLAlchemy gives, for any number of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func

from lookalike.errors import DamagedFileError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Batch
from lookalike.store.rows import CHUNK, chosen_rows, where_chosen
from lookalike.store.schema import ATTRIBUTES, RECORDS, VECTORS
from new_records import new

MANY = 700  # more than are asked for at once
QUERIES = (
    where_chosen(RECORDS.c.key, *RECORDS.c),
    where_chosen(ATTRIBUTES.c.record, *ATTRIBUTES.c),
    where_chosen(VECTORS.c.record, *VECTORS.c, RECORDS.c.id).join(RECORDS, RECORDS.c.key == VECTORS.c.record),
    where_chosen(VECTORS.c.record, VECTORS.c.record, func.count().label("many")).group_by(VECTORS.c.record),
)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with open_gallery(tmp_path_factory.mktemp("rows") / "g", create=True) as made:
        vectors = np.eye(MANY, 384, dtype=np.float32)
        vectors[384:, 0] = 1
        made.store.write(Batch(records=[new(i, vectors=vectors[i : i + 1]) for i in range(MANY)]))
        yield made


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
@pytest.mark.parametrize("many", [0, 1, 2, 3, 12, 13, CHUNK - 1, CHUNK, CHUNK + 1, MANY])
def test_rows_are_those_that_sqlalchemy_gives(gallery: Gallery, query: Any, many: int) -> None:
    wanted = np.random.default_rng(many).permutation(MANY + 20)[:many].tolist()  # of which some are not there
    with gallery.store.begin() as connection:
        found = chosen_rows(connection, query, [*wanted, *wanted[:3]])
        expected = connection.execute(query, {"chosen": wanted or [-1]}).all()
    distinct = {tuple(row) for row in found}
    assert distinct == set(map(tuple, expected))
    names = [name for name in expected[0]._fields if name.isidentifier()] if expected else []
    assert {tuple(getattr(row, name) for name in names) for row in found} == {
        tuple(getattr(row, name) for name in names) for row in expected
    }


def test_a_value_twice_gives_its_row_once(gallery: Gallery) -> None:
    with gallery.store.begin() as connection:
        assert len(chosen_rows(connection, QUERIES[0], [5, 5, 5])) == 1


def test_what_no_database_can_hold_is_refused(gallery: Gallery) -> None:
    by_id = where_chosen(RECORDS.c.id, RECORDS.c.key)
    with gallery.store.begin() as connection:
        assert chosen_rows(connection, by_id, ["none", "'; DROP TABLE records; --", "\0"]) == []
    with pytest.raises(UsageError), gallery.store.begin() as connection:
        chosen_rows(connection, by_id, ["\ud800"])


@pytest.mark.sqlite_file
def test_a_damaged_row_is_named(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    gallery.store.write(Batch(records=[new(i, vectors=np.eye(3, 384, dtype=np.float32)[i : i + 1]) for i in range(3)]))
    with gallery.store.begin(write=True) as connection:
        connection.exec_driver_sql("UPDATE attributes SET text = CAST(x'ff' AS TEXT) WHERE record = 1")
    with pytest.raises(DamagedFileError), gallery.store.begin() as connection:
        chosen_rows(connection, QUERIES[1], [1, 2])
