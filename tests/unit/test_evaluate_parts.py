"""The parts of an evaluation that are asked for: golden values computed by hand, brute force, planted truths."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from filled import fill
from lookalike import metrics
from lookalike.cli import main
from lookalike.errors import GalleryError, ManifestMismatchError, UsageError
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.gallery_sizes import drawn_rows
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.paired import differences, patient_shares, sign_flip_p
from lookalike.evaluation.protocols.protocol import PRECISION, remote_options
from lookalike.evaluation.recorded_fields import RecordedValues, recorded_values
from lookalike.evaluation.scores import Scoring
from lookalike.evaluation.subgroups import LEAST, FieldSubgroups, spread, subgroups_by
from lookalike.gallery import Gallery
from lookalike.server.jobs.process import WORK
from lookalike.types import Record
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate

MakeGallery = Callable[..., Gallery]


# A tree that can be computed by hand: six patients' pictures at angles in a plane


ANGLES = (0, 10, 22, 36, 52, 70)
LABELS = ("A", "A", "B", "B", "A", "B")
SEX = ("F", "M", "F", "M", "F", "M")


def at(gallery: Gallery, degrees: Sequence[float]) -> NDArray[np.float64]:
    """Unit vectors in a plane: the nearest is the one at the nearest angle."""
    vectors = np.zeros((len(degrees), gallery.spec.dim))
    vectors[:, 0], vectors[:, 1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vectors


def tree(gallery: Gallery, degrees: Sequence[float] = ANGLES) -> list[str]:
    about = [{"sex": sex, "site": "north"} for sex in SEX]
    return fill(gallery, [*at(gallery, degrees)], [f"p{i}" for i in range(6)], [(label,) for label in LABELS], about)


def test_subgroups_by_hand(make_gallery: MakeGallery) -> None:
    """P@1 is 1, 1, 0, 1, 0, 0 and P@2 is .5 but for the fifth, 0; two of five others bear each label."""
    tree(gallery := make_gallery())
    sex, site = evaluate(gallery, k=[1, 2], by=["sex", "site"]).subgroups
    assert (sex.groups, sex.too_small, sex.test) == ({}, {"F": 3, "M": 3}, None)
    assert f"{LEAST} patients" in sex.untested
    (north,) = site.groups.values()
    assert (north.queries, north.patients) == (6, 6)
    assert north.scores.micro == {"P@1": 0.5, "P@2": 0.416667}
    assert north.scores.macro == {"P@1": 0.5, "P@2": 0.416667}
    assert north.scores.per_class == {"A": {"P@1": 0.666667, "P@2": 0.333333}, "B": {"P@1": 0.333333, "P@2": 0.5}}
    assert north.chance == {"macro": 0.4, "micro": 0.4}


def test_levels_by_hand(make_gallery: MakeGallery) -> None:
    """Of the same sex are the second hits of the first and of the last picture."""
    tree(gallery := make_gallery())
    report = evaluate(gallery, k=[1, 2], levels=["sex", "label", "site"])
    sex, label, site = report.levels
    assert (sex.level, sex.class_sizes, sex.not_recorded) == ("sex", {"F": 3, "M": 3}, 0)
    assert sex.scores.micro == sex.scores.macro == {"P@1": 0.0, "P@2": 0.166667}
    assert sex.chance == {"macro": 0.4, "micro": 0.4}
    assert (label.scores, label.chance) == (report.intervals, report.chance)
    assert site.scores.micro == {"P@1": 1.0, "P@2": 1.0}


def test_two_galleries_by_hand(make_gallery: MakeGallery) -> None:
    """In the other one the labels lie apart. P@1 changes for three patients, of whose 8 signs 2 are as far from 0; P@2
    for all, 2 of 64.
    """
    tree(gallery := make_gallery())
    other = make_gallery("other")
    labels = [*((label,) for label in LABELS[:-1]), ("C",), ("A",)]  # the seventh picture is in the other only
    fill(other, [*at(other, (0, 1, 90, 91, 2, 92, 45))], [f"q{i}" for i in range(7)], labels)
    found = evaluate(gallery, k=[1, 2], against=other.folder).comparison
    assert found is not None
    assert found.scores.micro == {"P@1": 1.0, "P@2": 1.0}
    assert found.patients == 6
    for mean in (found.micro, found.macro):
        assert {name: (each.value, each.p, each.p_adjusted) for name, each in mean.items()} == {
            "P@1": (-0.5, 0.25, 0.25),
            "P@2": (-0.583333, 0.03125, 0.0625),
        }
    assert found.matched is not None
    assert asdict(found.matched) == {"records": 6, "only_here": 0, "only_there": 1, "other_labels": 1}


def test_across_galleries_by_hand(make_gallery: MakeGallery) -> None:
    """The pictures at 4, 30 and 60 degrees find 2, 2 and 1 of their label among their first two. By themselves the
    first and the last find each other second, and nobody bears the label of the other.
    """
    tree(gallery := make_gallery())
    other = make_gallery("other")
    vectors = [*at(other, (1, 1, 1, 1, 1, 1, 4, 30, 40, 60))]
    labels: list[tuple[str, ...]] = [("A",), ("B",), ("C",), ("A", "D")]
    names = fill(other, vectors, [f"q{i}" for i in range(10)], [(), (), (), (), (), (), *labels])
    report = evaluate(gallery, k=[1, 2], queries_from=other.folder)
    assert (report.queries, report.left_out) == (3, {"a label that only one of the two galleries has": 1})
    assert report.micro == {"P@1": 1.0, "P@2": 0.833333}
    assert report.macro == {"P@1": 1.0, "P@2": 0.875}
    found = report.cross_domain
    assert found is not None
    assert "Whether a patient is on both sides cannot be said" in report.audit.sentence
    assert (found.labels, found.only_queries, found.only_gallery) == (("A", "B"), {"C": 1, "D": 1}, {})
    alone, asked = found.queries_alone, found.gallery_alone
    assert alone.scores is not None
    assert alone.scores.macro == alone.scores.micro == {"P@1": 0.0, "P@2": 0.5}
    assert {name: each.value for name, each in alone.drop_macro.items()} == {"P@1": -1.0, "P@2": -0.25}
    assert asked.scores is not None
    assert asked.scores.macro == {"P@1": 0.5, "P@2": 0.416667}
    assert {name: each.value for name, each in asked.drop_macro.items()} == {"P@1": -0.5, "P@2": -0.458333}
    assert all(each.p is None for each in asked.drop_macro.values())
    assert len(names) == 10


def test_sizes_by_hand(make_gallery: MakeGallery) -> None:
    """The whole gallery is the report itself; with two records a query can find one other at most."""
    tree(gallery := make_gallery())
    report = evaluate(gallery, k=[1, 2], sizes=[6, 2], draws=4)
    small, whole = report.sizes
    assert (whole.size, whole.records, whole.unscored) == (6, 6.0, 0)
    assert (whole.scores, whole.chance) == (report.intervals, report.chance)
    assert whole.draws == {name: (value, value) for name, value in report.macro.items()}
    assert small.records == 2.0
    assert small.unscored < 6


# Brute force


def cases(
    seed: int, count: int = 60
) -> tuple[NDArray[np.float64], list[str], list[tuple[str, ...]], list[dict[str, Any]]]:
    """Vectors, patients, labels and attributes at random; some records lack an attribute."""
    rng = np.random.default_rng(seed)
    labels = [tuple(sorted({"abc"[int(rng.integers(3))], "abc"[int(rng.integers(3))]})) for _ in range(count)]
    about: list[dict[str, Any]] = []
    for _ in range(count):
        each: dict[str, Any] = {
            "age": float(rng.integers(20, 90)),
            "site": "xyz"[int(rng.choice(3, p=[0.6, 0.35, 0.05]))],
        }
        if rng.random() < 0.1:
            del each["age"]
        about.append(each)
    return rng.normal(size=(count, 8)), [f"p{int(rng.integers(22))}" for _ in range(count)], labels, about


def filled(gallery: Gallery, seed: int, weight: float = 1.0) -> list[str]:
    vectors, patients, labels, about = cases(seed)
    wide = np.zeros((len(vectors), gallery.spec.dim))
    wide[:, :8] = vectors * weight
    return fill(gallery, [*wide], patients, labels, about)


def precisions(
    gallery: Gallery, k: int, relevant: Callable[[Record, Record], bool], rows: Sequence[str] | None = None
) -> dict[str, float | None]:
    """Of each labelled record: P@k among the others' patients, None if nobody is relevant. rows: who may answer."""
    asked = data = labelled(gallery)
    about = others = {record.id: record for record in gallery.store.records().values()}
    found: dict[str, float | None] = {}
    for i, identity in enumerate(asked.ids):
        allowed = [
            j
            for j, other in enumerate(data.ids)
            if data.patients[j] != asked.patients[i] and (rows is None or other in rows)
        ]
        good = {j for j in allowed if relevant(about[identity], others[data.ids[j]])}
        ranked = sorted(allowed, key=lambda j: -float(asked.vectors[i] @ data.vectors[j]))[:k]
        found[identity] = sum(j in good for j in ranked) / k if good else None
    return found


def mean(values: Sequence[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))


def share(one: Record, two: Record) -> bool:
    return bool(set(one.labels) & set(two.labels))


@pytest.mark.parametrize("seed", [0, 1])
def test_subgroups_and_levels_are_what_a_plain_count_gives(make_gallery: MakeGallery, seed: int) -> None:
    gallery = make_gallery()
    filled(gallery, seed)
    report = evaluate(gallery, k=[1, 4], by=["age:20", "site"], levels=["site", "label"], samples=50)
    records = {record.id: record for record in gallery.store.records().values()}
    scores = precisions(gallery, 4, share)
    age, site = report.subgroups
    seen = 0
    for field, value_of in ((age, decade), (site, lambda r: str(r.attributes.get("site", "")))):
        values = {identity: value_of(records[identity]) for identity in scores}
        assert field.not_recorded == sum(not value for value in values.values())
        for value in set(values.values()) - {""}:
            rows = [i for i in scores if values[i] == value and scores[i] is not None]
            patients = len({records[i].patient for i in rows})
            if patients < LEAST:
                assert field.too_small[value] == patients
                continue
            group = field.groups[value]
            assert (group.queries, group.patients) == (len(rows), patients)
            assert group.scores.micro["P@4"] == pytest.approx(mean([scores[i] for i in rows]), abs=1e-6)
            by_label = [mean([scores[i] for i in rows if label in records[i].labels]) for label in "abc"]
            assert group.scores.macro["P@4"] == pytest.approx(np.mean(by_label), abs=1e-6)
            low, high = group.scores.micro_intervals["P@4"]
            assert low is not None
            assert high is not None
            assert low <= group.scores.micro["P@4"] <= high
            seen += 1
    assert seen >= 4
    level = report.levels[0]
    at_site = precisions(gallery, 4, lambda a, b: a.attributes["site"] == b.attributes["site"])
    assert level.scores.micro["P@4"] == pytest.approx(mean([*at_site.values()]), abs=1e-6)
    assert level.unscored == list(at_site.values()).count(None)
    assert report.levels[1].scores == report.intervals


def decade(record: Record) -> str:
    age = record.attributes.get("age")
    return "" if age is None else f"{float(age) // 20 * 20:g} to < {float(age) // 20 * 20 + 20:g}"


def test_sub_galleries_are_what_a_plain_count_gives(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    filled(gallery, 3)
    data = labelled(gallery)
    (found,) = evaluate(gallery, k=[3], sizes=[25], draws=3, seed=7, samples=50).sizes
    by_draw = []
    for draw in range(3):
        rows = drawn_rows(data, 25, [7, draw, 0])
        by_draw.append(precisions(gallery, 3, share, [data.ids[row] for row in rows]))
    known = {i: [d[i] for d in by_draw if d[i] is not None] for i in data.ids}
    over = [mean(values) for values in known.values() if values]
    assert found.unscored == sum(not values for values in known.values())
    assert found.scores.micro["P@3"] == pytest.approx(np.mean(over), abs=1e-6)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=40), st.integers(2, 40), st.integers(0, 5))
@settings(max_examples=60)
def test_sub_galleries_are_of_whole_patients_and_nested(owners: list[int], size: int, seed: int) -> None:
    from lookalike.evaluation.labelled import Labelled

    names = tuple(f"p{owner}" for owner in owners)
    data = Labelled(np.zeros((len(names), 2), np.float32), tuple(("a",) for _ in names), names, names)
    rows, more = (set(drawn_rows(data, wanted, [seed]).tolist()) for wanted in (size, size + 3))
    assert rows
    assert rows <= more
    taken = {names[row] for row in rows}
    assert rows == {row for row, name in enumerate(names) if name in taken}
    largest = max(names.count(name) for name in names)
    assert abs(len(rows) - min(size, len(names))) <= largest


def test_across_galleries_is_what_a_plain_count_gives(make_gallery: MakeGallery) -> None:
    gallery, other = make_gallery(), make_gallery("other")
    filled(gallery, 4)
    filled(other, 5)
    report = evaluate(gallery, k=[1, 3], queries_from=str(other.folder), samples=50)
    # The records have the same ids in both galleries, so that each query's picture is in the gallery, with its patient.
    mine = {record.id: record.patient for record in gallery.store.records().values()}
    scores = []
    asked, data = labelled(other), labelled(gallery)
    for i, identity in enumerate(asked.ids):
        allowed = [j for j in range(len(data.ids)) if data.patients[j] != mine[identity]]
        order = sorted(allowed, key=lambda j: -float(asked.vectors[i] @ data.vectors[j]))[:3]
        scores.append(sum(bool(set(data.labels[j]) & set(asked.labels[i])) for j in order) / 3)
    assert report.micro["P@3"] == pytest.approx(np.mean(scores), abs=1e-6)
    found = report.cross_domain
    assert found is not None
    own = precisions(other, 3, share)
    assert found.queries_alone.drop_micro["P@3"].value == pytest.approx(
        np.mean([own[i] - cross for i, cross in zip(asked.ids, scores, strict=True)]), abs=1e-6
    )
    itself = evaluate(gallery, k=[1, 3], samples=50)
    assert found.gallery_alone.scores == itself.intervals


# The tests: their size and their power


@given(st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=0, max_size=7))
def test_signs_are_flipped_in_every_way(shares: list[list[int]]) -> None:
    gaps = np.array(shares, float).reshape(-1, 2)
    ways = list(itertools.product((-1, 1), repeat=len(gaps)))
    for column, p in zip(gaps.T, sign_flip_p(gaps, 0), strict=True):
        extreme = [abs(sum(s * g for s, g in zip(way, column, strict=True))) >= abs(sum(column)) for way in ways]
        assert p == pytest.approx(np.mean(extreme))


@given(st.integers(0, 1000), st.sampled_from(["micro", "macro"]))
@settings(max_examples=40)
def test_what_patients_add_is_the_difference(seed: int, which: Any) -> None:
    gap, askers = random_gaps(seed)
    gap[np.random.default_rng(seed).random(len(gap)) < 0.2] = np.nan
    wanted = metrics.micro(gap) if which == "micro" else metrics.macro(gap, askers.labels)
    assert patient_shares(gap, askers, which).sum(axis=0) == pytest.approx(np.nan_to_num(wanted))
    found = differences(gap, np.zeros_like(gap), ["x", "y"], askers, Scoring((1, 2), 20, 0), which)
    assert [each.value for each in found.values()] == pytest.approx(wanted, abs=1e-6, nan_ok=True)


def random_gaps(seed: int, queries: int = 60, shift: float = 0.0) -> tuple[NDArray[np.float64], Askers]:
    """Differences of two spaces that are equally good (or not: shift), alike within a patient."""
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, 20, queries)
    own = rng.normal(size=(20, 2))[patients]
    gap = own + 0.5 * rng.normal(size=(queries, 2)) + shift
    labels = np.eye(3, dtype=bool)[rng.integers(0, 3, queries)]
    names = np.array([f"p{patient}" for patient in patients])
    return gap, Askers(labels, ("a", "b", "c"), names, tuple(map(str, range(queries))))


def test_p_of_two_equal_spaces_is_uniform() -> None:
    """Of 400: at most as many below .05 as chance gives in 999 of 1000 cases (binomial), and about half below .5."""
    found = []
    for seed in range(400):
        gap, askers = random_gaps(seed)
        for mean_of in ("micro", "macro"):
            found.append(sign_flip_p(patient_shares(gap[:, :1], askers, mean_of), seed)[0])  # type: ignore[arg-type]
    p = np.array(found).reshape(-1, 2)
    assert ((p <= 0.05).sum(axis=0) <= 35).all()
    assert (np.abs((p <= 0.5).mean(axis=0) - 0.5) < 0.08).all()


def test_a_better_space_is_found() -> None:
    gap, askers = random_gaps(1, shift=1.0)
    assert (sign_flip_p(patient_shares(gap, askers, "macro"), 0) < 0.01).all()


def subgroups_at_random(seed: int, worse: float = 0.0, *, own_labels: bool = False) -> FieldSubgroups:
    """Scores that are alike within a patient; a field of three values that has nothing to do with them, or one of whose
    values is worse. own_labels: the worse value bears a label of its own, and it is the label that is worse.
    """
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, 30, 90)
    values = np.array(["x", "y", "z"])[rng.integers(0, 3, 30)][patients]
    scores = np.clip(0.6 + 0.2 * rng.normal(size=30)[patients] + 0.1 * rng.normal(size=90), 0, 1)
    scores -= worse * (values == "z")
    kinds = np.where(values == "z", 1, 0) if own_labels else rng.integers(0, 2, 30)[patients]
    names = np.array([f"p{patient}" for patient in patients])
    askers = Askers(np.eye(2, dtype=bool)[kinds], ("a", "b"), names, tuple(map(str, range(90))))
    field = RecordedValues("site", tuple(values.tolist()), ("x", "y", "z"))
    return subgroups_by([field], askers, scores[:, None], np.full(90, 0.3), Scoring((5,), 1, seed))[0]


def test_permuted_groups_cry_wolf_in_one_of_twenty_cases_at_most() -> None:
    """Of 120 fields that mean nothing: at most 14 below .05 (binomial, 998 of 1000 cases)."""
    tests = [subgroups_at_random(seed).test for seed in range(120)]
    assert all(test is not None for test in tests)
    assert sum(test.p < 0.05 for test in tests if test is not None) <= 14
    assert sum(test.p_same_labels < 0.05 for test in tests if test is not None) <= 14


def test_a_worse_subgroup_is_found_and_named() -> None:
    found = subgroups_at_random(0, worse=0.4)
    assert found.test is not None
    assert found.test.p < 0.01
    assert found.test.p_same_labels < 0.05
    assert "more than chance, lowest for z; so it is among patients of the same labels" in found.sentence
    by_label = subgroups_at_random(0, worse=0.4, own_labels=True)
    assert by_label.test is not None
    assert by_label.test.p < 0.01
    assert by_label.test.p_same_labels > 0.05
    assert "which may explain it" in by_label.sentence


def test_many_fields_are_corrected_for() -> None:
    rng = np.random.default_rng(2)
    names = np.array([f"p{i}" for i in range(60)])
    askers = Askers(np.ones((60, 1), bool), ("a",), names, tuple(names.tolist()))
    values = [np.array(["x", "y"])[rng.integers(0, 2, 60)] for _ in range(6)]
    scores = 0.5 + 0.05 * rng.normal(size=60) - 0.3 * (values[0] == "y")
    fields = [RecordedValues(f"f{i}", tuple(each.tolist()), ("x", "y")) for i, each in enumerate(values)]
    found = subgroups_by(fields, askers, scores[:, None], np.full(60, 0.3), Scoring((1,), 1, 0))
    tests = [each.test for each in found if each.test is not None]
    assert len(tests) == 6
    assert all(test.p_adjusted >= test.p for test in tests)
    assert tests[0].p_adjusted == pytest.approx(6 * tests[0].p)
    assert tests[0].p_adjusted < 0.05


@given(st.integers(0, 50))
@settings(max_examples=20)
def test_the_spread_is_that_of_the_means(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes, scores = rng.integers(0, 3, 30), rng.random(30)
    means = np.array([scores[codes == c].mean() if (codes == c).any() else 0 for c in codes])
    assert spread(codes[None], scores, 3)[0] == pytest.approx(means.std())


# What is recorded


def records_of(**fields: Sequence[Any]) -> list[Record]:
    count = len(next(iter(fields.values())))
    about = [{name: values[i] for name, values in fields.items() if values[i] is not None} for i in range(count)]
    return [Record(i, str(i), f"{i}.png", 0, ("a",), f"p{i}", each) for i, each in enumerate(about)]


def test_values_of_fields() -> None:
    ages = [*range(20, 60), None]
    records = records_of(age=ages, sex=[*["F", "f", "M", ""] * 10, "M"])
    sex = recorded_values(records, "sex")
    assert sex.order == ("F", "M")
    assert sex.values.count("F") == 20
    quartiles = recorded_values(records, "age")
    assert quartiles.order == ("<= 29.75", "29.75 to 39.5", "39.5 to 49.25", "> 49.25")
    assert [quartiles.values.count(band) for band in quartiles.order] == [10, 10, 10, 10]
    assert quartiles.values[-1] == ""
    decades = recorded_values(records, "age:10")
    assert decades.name == "age"
    assert decades.order == ("20 to < 30", "30 to < 40", "40 to < 50", "50 to < 60")
    assert decades.values[15] == "30 to < 40"
    few = recorded_values(records_of(stage=[3, 1, 12, 2]), "stage")
    assert few.order == ("1", "2", "3", "12")


@pytest.mark.parametrize(
    ("asked", "says"), [("sexx", "Did you mean 'sex'"), ("sex:10", "must be numbers"), ("age:0", "above 0")]
)
def test_fields_that_cannot_be_used(asked: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        recorded_values(records_of(age=[30, 40], sex=["F", "M"]), asked)


def test_a_name_with_a_colon_is_a_name() -> None:
    found = recorded_values(records_of(**{"dose:2": ["high", "low"]}), "dose:2")
    assert (found.name, found.values) == ("dose:2", ("high", "low"))


# Together


def test_spaces_are_compared_on_folds(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    planted_space(gallery)
    report = evaluate(gallery, space="findings", folds=3, against="base", k=[1, 5], samples=50)
    found = report.comparison
    assert found is not None
    assert report.baseline == found.scores
    assert {name: (each.value, each.low, each.high) for name, each in found.macro.items()} == report.gain
    assert found.macro["P@5"].value > 0.1
    assert found.macro["P@5"].p_adjusted < 0.05
    assert "better than chance explains" in str(report)
    back = evaluate(gallery, folds=3, against="findings", k=[1, 5], samples=50).comparison
    assert back is not None
    assert back.adapter is not None
    assert back.adapter["kind"] == "linear"
    assert {name: -each.value for name, each in back.macro.items()} == {n: e.value for n, e in found.macro.items()}
    assert [each.p for each in back.macro.values()] == [each.p for each in found.macro.values()]


def test_a_space_is_compared_with_its_namesake_in_another_gallery(make_gallery: MakeGallery) -> None:
    gallery, other = make_gallery(), make_gallery("other")
    planted_space(gallery)
    planted_space(other)
    found = evaluate(gallery, space="findings", folds=3, against=other.folder, k=[1], samples=20).comparison
    assert found is not None
    assert (found.against, found.macro["P@1"].value) == ("other (findings)", 0.0)
    assert found.adapter is not None


def test_across_galleries_in_a_learnt_space(make_gallery: MakeGallery) -> None:
    gallery, other = make_gallery(), make_gallery("other")
    planted_space(gallery)
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 50)
    vectors = rng.normal(size=(50, other.spec.dim))
    vectors[:, :3] += 5 * np.eye(3)[labels]
    names = [("abc"[label],) for label in labels]
    unlabelled = np.ones((90, other.spec.dim))  # whose ids are those of the gallery's records
    fill(other, [*unlabelled, *vectors], [f"q{i}" for i in range(140)], [*[()] * 90, *names])
    report = evaluate(gallery, space="findings", queries_from=other.folder, k=[5], samples=20)
    found = report.cross_domain
    assert found is not None
    assert report.baseline is not None
    assert report.macro["P@5"] > report.baseline.macro["P@5"]
    assert found.queries_alone.scores is not None
    assert found.gallery_alone.scores is None
    assert "trained on these very records" in found.gallery_alone.reason


def planted_space(gallery: Gallery) -> None:
    """Labels that lie in a few of many directions, so that an adapter is better than the cosine of all."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(90, gallery.spec.dim))
    labels = rng.integers(0, 3, 90)
    vectors[:, :3] += 5 * np.eye(3)[labels]
    fill(gallery, [*vectors], [f"p{i // 2}" for i in range(90)], [("abc"[label],) for label in labels])
    adapt(gallery, "findings", kind="linear")


def test_a_gallery_is_compared_with_its_copy_and_with_noise(make_gallery: MakeGallery) -> None:
    gallery, copy, noise = make_gallery(), make_gallery("copy"), make_gallery("noise")
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60)
    about = [("abc"[label],) for label in labels]
    good, bad = rng.normal(size=(2, 60, gallery.spec.dim))
    good[:, :3] += 25 * np.eye(3)[labels]
    patients = [f"p{i}" for i in range(60)]
    fill(gallery, [*good], patients, about)
    fill(copy, [*good], patients, [*about[:-1], ("other",)])
    fill(noise, [*bad][:50], patients, about)
    same = evaluate(gallery, against=copy.folder, samples=50)
    assert same.comparison is not None
    assert {(e.value, e.p) for e in same.comparison.macro.values()} == {(0.0, 1.0)}
    assert same.comparison.patients == 0
    assert asdict(same.comparison.matched) == {"records": 60, "only_here": 0, "only_there": 0, "other_labels": 1}
    assert "no difference is shown" in str(same)
    better = evaluate(gallery, against=noise.folder, samples=50)
    assert better.queries == 50
    assert better.comparison is not None
    assert better.comparison.matched is not None
    assert better.comparison.matched.only_here == 10
    assert all(each.p_adjusted < 0.01 and each.value > 0.3 for each in better.comparison.macro.values())


def test_what_cannot_be_asked_is_said(make_gallery: MakeGallery, tmp_path: Path) -> None:
    gallery, other = make_gallery(), make_gallery("other")
    tree(gallery)
    fill(other, [*at(other, [1, 2, 3, 4, 5, 6, 7])][6:], ["x"], [("Z",)])
    lite = make_gallery("last", encoder="lite0-last")
    tree(lite)
    refused: list[tuple[Mapping[str, Any], type[Exception], str]] = [
        ({"against": "base"}, UsageError, "not compared with itself"),
        ({"against": tmp_path / "nowhere"}, GalleryError, "no gallery at"),
        ({"queries_from": other.folder}, UsageError, "no label is in both galleries: other has Z, this gallery [AB]"),
        ({"queries_from": lite.folder}, ManifestMismatchError, "made with the encoder 'lite0-last'"),
        ({"queries_from": gallery.folder}, UsageError, "leave --queries-from out"),
        ({"queries_from": other.folder, "folds": 2}, UsageError, "either --folds or --queries-from"),
        ({"by": ["sexx"]}, UsageError, "Did you mean 'sex'"),
        ({"levels": ["nothing"]}, UsageError, "no record has a field 'nothing'"),
        ({"sizes": [2, 7]}, UsageError, "sizes must be from 2 to 6"),
        ({"sizes": [2], "draws": 0}, UsageError, "sizes and draws are 50 each at most, got 1 and 0"),
        ({"queries": ["a.png"], "query_labels": "t.csv", "by": ["sex"]}, UsageError, "no field is recorded"),
    ]
    for options, error, says in refused:
        with pytest.raises(error, match=says):
            evaluate(gallery, **options)


def test_a_request_from_elsewhere_names_a_space_and_no_folder() -> None:
    asked = {"by": ["sex"], "levels": ["label"], "sizes": [10], "draws": 2, "against": "findings"}
    assert remote_options(PRECISION, asked, ["base", "findings"]) == asked
    for name, value in (("against", "/galleries/other"), ("against", "other"), ("queries_from", "base")):
        with pytest.raises(UsageError, match="names files of this machine"):
            remote_options(PRECISION, {name: value}, ["base", "findings"])


def test_a_job_of_the_service_says_the_same(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    filled(gallery, 8)
    options = {"by": ["site"], "levels": ["site"], "sizes": [20], "draws": 2, "samples": 20}
    given = {"protocol": None, "space": "base", "folds": None, "seed": 0, "k": [1, 4], "options": options}
    told, printed = WORK["evaluate"](gallery, given, lambda _done, _all: None)
    in_python = evaluate(gallery, k=[1, 4], **options)
    assert json.loads(json.dumps(told)) == json.loads(json.dumps(asdict(in_python)))
    assert all("Spread between subgroups" in printed[form] for form in ("md", "html", "tex"))
    with pytest.raises(UsageError, match="names files of this machine"):
        WORK["evaluate"](gallery, {**given, "options": {"against": str(gallery.folder)}}, lambda _done, _all: None)


def test_a_report_names_what_is_needed_to_repeat_it(make_gallery: MakeGallery) -> None:
    gallery, twin = make_gallery(), make_gallery("twin")
    tree(gallery)
    tree(twin)
    report = evaluate(gallery, k=[1, 2], by=["sex"], levels=["sex"], sizes=[4], seed=3, samples=20)
    assert (report.options["by"], report.options["seed"], report.options["k"]) == (("sex",), 3, (1, 2))
    assert "queries" not in report.options
    assert report.version
    assert evaluate(twin, **report.options) == report
    against = evaluate(gallery, against=twin.folder, samples=20)
    assert against.options["against"] == "twin"
    assert (against.data_hash, against.split_hash) == (report.data_hash, report.split_hash)
    relabelled = make_gallery("relabelled")
    fill(relabelled, [*at(relabelled, ANGLES)], [f"p{i}" for i in range(6)], [("A",)] * 3 + [("B",)] * 3)
    assert evaluate(relabelled, samples=20).data_hash != report.data_hash


def test_the_command_says_the_same_and_draws(make_gallery: MakeGallery, tmp_path: Path) -> None:
    gallery = make_gallery()
    filled(gallery, 6)
    in_python = evaluate(gallery, k=[1, 4], by=["age:20", "site"], levels=["site"], sizes=[20, 40], draws=2, samples=50)
    figure = tmp_path / "sizes.png"
    words = ["evaluate", "-g", str(gallery.folder), "-k", "1,4", "--by", "age:20,site", "--levels", "site", "--json"]
    words += ["--sizes", "20,40", "--draws", "2", "--samples", "50", "--figure", str(figure)]
    ran = CliRunner().invoke(main, words)
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout) == json.loads(json.dumps(asdict(in_python)))
    with PIL.Image.open(figure) as drawn:
        assert drawn.format == "PNG"
    text = str(in_python)
    for title in (
        "By age",
        "By site",
        "Spread between subgroups",
        "Precision by level",
        "over the size of the gallery",
    ):
        assert title in text
    assert "By site: " in text
