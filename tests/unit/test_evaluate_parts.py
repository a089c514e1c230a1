"""The parts of an evaluation that are asked for: golden values computed by hand, brute force, planted truths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filled import fill
from lookalike.evaluation.gallery_sizes import drawn_rows
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.subgroups import LEAST
from lookalike.gallery import Gallery
from lookalike.types import Record
from lookalike.verbs.evaluate import evaluate
from planar import LABELS, MakeGallery, at, filled, tree

# A tree that can be computed by hand: six patients' pictures at angles in a plane


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
