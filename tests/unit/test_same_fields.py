"""A table's column that says what the files' headers say is one field with theirs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lookalike.filters import parse
from lookalike.store import Batch, NewRecord, Relabel, Store
from lookalike.store.browse import facet_counts

Attributes = dict[str, str | float]


def fill(store: Store, *rows: Attributes) -> None:
    vector = np.ones((1, 2), np.float32)
    new = [NewRecord(f"{i}.dcm", f"{i:064x}", 0, "", (), row, vector, b"jpeg") for i, row in enumerate(rows)]
    store.write(Batch(records=new))


def listed(store: Store, where: str | None = None) -> dict[str, tuple[str, ...]]:
    counts = facet_counts(store, 5, None if where is None else parse(where))
    return {each.field: each.same for each in counts if each.field != "label"}


@pytest.mark.both_databases
def test_what_is_said_twice_is_listed_once(make_store: Callable[[], Store]) -> None:
    store = make_store()
    header: Attributes = {"PatientSex": "F", "PatientAge": 45.0, "ViewPosition": "PA", "Modality": "CR"}
    fill(
        store,
        {**header, "Sex": "female", "age": "45", "view": "pa", "site": "north"},
        {**header, "Sex": "f"},
        {"Modality": "MR", "site": "south"},
    )
    once = {"Modality": (), "PatientAge": ("age",), "PatientSex": ("Sex",), "ViewPosition": ("view",), "site": ()}
    assert listed(store) == once
    assert listed(store, "site=south") == once  # whatever the filter leaves
    assert len(store.keys_where(parse("Sex=f"))) == 1  # and a filter still takes either name


def test_a_record_that_comes_or_changes_is_looked_at(make_store: Callable[[], Store]) -> None:
    store = make_store()
    fill(store, {"PatientSex": "M", "sex": "m"})
    assert listed(store) == {"PatientSex": ("sex",)}
    store.write(Batch(relabels=[Relabel(f"{0:064x}", "", None, {"sex": "F"})]))
    assert listed(store) == {"PatientSex": (), "sex": ()}
    store.write(Batch(relabels=[Relabel(f"{0:064x}", "", None, {"sex": "M"})]))
    assert listed(store) == {"PatientSex": ("sex",)}
    new = NewRecord("1.dcm", f"{1:064x}", 0, "", (), {"sex": "F"}, np.ones((1, 2), np.float32), b"jpeg")
    store.write(Batch(records=[new]))
    assert listed(store) == {"PatientSex": (), "sex": ()}


@pytest.mark.parametrize(
    "other", [{"PatientSex": "M", "sex": "F"}, {"sex": "F"}, {"PatientSex": "M", "sex": "M", "gender": "F"}]
)
def test_what_differs_or_stands_alone_stays(make_store: Callable[[], Store], other: Attributes) -> None:
    store = make_store()
    fill(store, {"PatientSex": "M", "sex": "M"}, other)
    column = "gender" if "gender" in other else "sex"
    assert listed(store)[column] == ()
    assert column not in listed(store)["PatientSex"]
