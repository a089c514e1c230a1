"""The parts of the confound audit: separability, rows that can be compared, and the fields that are recorded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.confounds import best_rule, comparable
from lookalike.evaluation.recorded_fields import fields_of, kind_of, recorded_fields
from lookalike.types import Record

pytest.importorskip("croma", reason="the confound audit needs: pip install 'lookalike[audit]'")


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.booleans()), min_size=2, max_size=40))
def test_separability_is_the_best_rules_balanced_accuracy(drawn: list[tuple[str, bool]]) -> None:
    values, bearing = np.array([v for v, _ in drawn]), np.array([b for _, b in drawn])
    if bearing.all() or not bearing.any():
        return
    best = 0.0
    for size in range(4):
        for rule in itertools.combinations("xyz", size):
            says = np.isin(values, rule)
            best = max(best, (says[bearing].mean() + (~says)[~bearing].mean()) / 2)
    assert best_rule(values, bearing) == pytest.approx(best)


def enough(labels: Sequence[int], values: Sequence[str], patients: Sequence[str], rows: Sequence[int]) -> list[int]:
    """Of some rows those with five others of their label at another value, and five of another at theirs."""
    kept = []
    for row in rows:
        others = [i for i in rows if patients[i] != patients[row]]
        of_label = sum(labels[i] == labels[row] and values[i] != values[row] for i in others)
        of_value = sum(labels[i] != labels[row] and values[i] == values[row] for i in others)
        if min(of_label, of_value) >= 5:
            kept.append(row)
    return kept


def test_comparable_rows_have_enough_neighbours_of_both_kinds() -> None:
    """Against loops that strike rows off until all have enough; some draws leave all rows, some a part, some none."""
    left = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(24, 60))
        labels, values = rng.integers(0, 2 + seed % 2, count), rng.choice(list("xy"), count)
        patients = rng.integers(0, rng.choice([2, 6, 60]), count).astype(str)
        rows, before = list(range(count)), count + 1
        while len(rows) < before:
            before, rows = len(rows), enough(labels, values, patients, rows)
        assert comparable(labels, values, patients).tolist() == rows
        left.append(len(rows) / count)
    assert min(sum(share == 0 for share in left), sum(share > 0 for share in left)) >= 10
    assert any(0 < share < 1 for share in left)


@pytest.mark.parametrize(("patients_of", "left"), [(lambda _cell, i: f"p{i}", 20), (lambda cell, _i: f"p{cell}", 0)])
def test_only_other_patients_can_be_compared_with(patients_of: Callable[[int, int], str], left: int) -> None:
    """Five records in each of four cells: of people of their own, or of one person in the cells a row needs."""
    cells = [(cell, i) for cell in range(4) for i in range(5)]
    labels, values = np.array([cell // 2 for cell, _ in cells]), np.array(["xy"[cell % 2] for cell, _ in cells])
    # One person for both labels at x, another for both at y: nobody finds five others of another label.
    patients = np.array([patients_of(cell % 2, 5 * cell + i) for cell, i in cells])
    assert len(comparable(labels, values, patients)) == left


def records(name: str, values: Sequence[str], labels: Sequence[str] = ()) -> list[Record]:
    return [
        Record(i, str(i), "", 0, (labels[i],) if labels else (), str(i), {name: value} if value else {})
        for i, value in enumerate(values)
    ]


def names_of(name: str, values: Sequence[str]) -> dict[str, dict[str, int]]:
    return {each.name: each.sizes for each in fields_of(records(name, values), name)}


def test_paths_are_cut_to_their_first_folder() -> None:
    values = [f"nih/{i}.png" for i in range(10)] + [f"other/{i}.png" for i in range(6)]
    assert names_of("source_image", values) == {"source_image (first folder)": {"nih": 10, "other": 6}}


def test_numbers_are_cut_at_their_quartiles_and_few_values_stay() -> None:
    assert names_of("age", [str(i) for i in range(40)]) == {
        "age": {"<= 9.75": 10, "9.75 to 19.5": 10, "19.5 to 29.25": 10, "> 29.25": 10}
    }
    assert names_of("rows", ["512"] * 8 + ["640"] * 7) == {"rows": {"512": 8, "640": 7}}


def test_two_spellings_are_one_value_and_a_field_of_their_own() -> None:
    assert names_of("sex", ["F"] * 8 + ["M"] * 9 + ["f"] * 5 + ["m"] * 6) == {
        "sex": {"M": 15, "F": 13},
        "sex (spelling)": {"upper case": 17, "lower case": 11},
    }


def test_what_is_not_recorded_is_a_field_of_its_own() -> None:
    assert names_of("kvp", ["80"] * 9 + ["120"] * 8 + [""] * 7) == {
        "kvp": {"80": 9, "120": 8},
        "kvp (recorded)": {"yes": 17, "no": 7},
    }


@pytest.mark.parametrize("values", [["x"] * 20, [f"id{i}" for i in range(20)], ["x"] * 18 + ["y"] * 2])
def test_one_value_or_one_a_record_is_no_field(values: list[str]) -> None:
    assert names_of("anything", values) == {}


def test_fields_that_restate_the_labels_are_skipped_and_alike_ones_are_one() -> None:
    labels = ["edema" if i % 2 else "mass" for i in range(20)]
    found = records("site", ["a" if i < 9 else "b" for i in range(20)], labels)
    rows = [
        Record(
            r.key,
            r.id,
            "",
            0,
            r.labels,
            r.patient,
            {
                **r.attributes,
                "all": f"{r.labels[0]}|x",
                "Edema": "1",
                "n_findings": "2",
                "width": str(9 + (i < 9)),
                "split": "train",
            },
        )
        for i, r in enumerate(found)
    ]
    fields, skipped = recorded_fields(rows, ["width", "site", "all", "Edema", "n_findings", "split"])
    assert [(each.name, each.also) for each in fields] == [("site", ("width",))]
    assert skipped == {
        "all": "restates the labels",
        "Edema": "restates the labels",
        "n_findings": "restates the labels",
        "split": "says nothing of the picture",
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ViewPosition", "how"),
        ("view_position", "how"),
        ("InstitutionName", "where"),
        ("source_image", "where"),
        ("PatientSex", "who"),
        ("PatientSize", "who"),
        ("cols", "how"),
        ("remark", "other"),
        ("ManufacturerModelName", "how"),
    ],
)
def test_a_field_is_about_where_how_or_who(name: str, kind: str) -> None:
    assert kind_of(name) == kind
