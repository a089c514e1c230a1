"""evaluate, against plain Python: figures, splits, intervals, adapted spaces."""

from __future__ import annotations

import re
import warnings
from collections import Counter

import numpy as np
import pytest

from labelled_cases import CLASSES, Case, MakeGallery, by_class, cases, chance, check, filled, mean, precision, unit
from lookalike import adapters, metrics
from lookalike.errors import NotFoundError, UsageError
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.splits import split_folds
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate

# Leave one patient out


@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
def test_leave_one_patient_out(make_gallery: MakeGallery, several: bool) -> None:
    made = cases(several=several)
    report = evaluate(filled(make_gallery(), made), k=(5, 1, 3, 10))
    check(report, made, lambda case, k: precision(case, made, k), (1, 3, 5, 10))
    expected = [chance(case, made) for case in made]
    assert report.chance["micro"] == pytest.approx(mean(expected), abs=1e-6)
    assert report.chance["macro"] == pytest.approx(mean(by_class(made, expected).values()), abs=1e-6)
    assert report.patients == len({case.named for case in made} - {""})
    assert (report.space, report.split, report.baseline, report.adapter) == (
        "base",
        "leave one patient out",
        None,
        None,
    )
    assert report.unscored == 1
    assert report.per_class[CLASSES[3]] == {f"P@{k}": None for k in (1, 3, 5, 10)}


def test_precision_beyond_the_gallery_counts_missing_ranks_as_misses(make_gallery: MakeGallery) -> None:
    made = cases(9, patients=4)
    report = evaluate(filled(make_gallery(), made), k=[50])
    check(report, made, lambda case, k: precision(case, made, k), [50])


def test_the_worst_queries_are_scored_ones(make_gallery: MakeGallery) -> None:
    made = cases(8, patients=4)
    gallery = filled(make_gallery(), made)
    report = evaluate(gallery, k=[1, 3])
    ids = {record.source: record.id for record in gallery.store.records().values()}
    scores = {ids[f"/data/{case.sha256[:6]}"]: precision(case, made, 3) for case in made}
    assert set(report.worst) == {identity for identity, score in scores.items() if score is not None}
    ranked = [scores[identity] for identity in report.worst]
    assert ranked == sorted(ranked, key=lambda score: score or 0)


def test_the_report_says_what_is_needed_to_repeat_it(make_gallery: MakeGallery) -> None:
    gallery = filled(make_gallery(), cases())
    report = evaluate(gallery, seed=4, samples=50)
    assert {k: report.encoder[k] for k in gallery.spec.identity} == gallery.spec.identity
    assert (report.seed, report.bootstrap_samples, report.index) == (4, 50, "exact cosine")
    assert re.fullmatch(r"[0-9a-f]{16}", report.split_hash)
    assert any("not a medical device" in note for note in report.notes)
    assert any(report.split_hash in note and "seed 4" in note for note in report.notes)
    assert evaluate(gallery, seed=4, samples=50) == report


# Folds


def test_folds_are_patient_disjoint_and_ask_everyone_once(make_gallery: MakeGallery) -> None:
    data = labelled(filled(make_gallery(), cases(several=True)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = list(split_folds(data, 5, 0))
    asked = np.concatenate([split.queries for split in splits])
    assert sorted(asked) == list(range(len(data.labels)))
    patients = np.array(data.patients)
    for split in splits:
        assert not set(patients[split.queries]) & set(patients[split.gallery])
        assert sorted([*split.queries, *split.gallery]) == list(range(len(data.labels)))
        sizes = Counter(data.labels[i][0] for i in split.queries)
        assert all(sizes[label] >= 1 for label in CLASSES[:3])
    again = list(split_folds(data, 5, 0))
    assert all(np.array_equal(a.queries, b.queries) for a, b in zip(splits, again, strict=True))
    other = list(split_folds(data, 5, 1))
    assert any(not np.array_equal(a.queries, b.queries) for a, b in zip(splits, other, strict=True))


def test_folds_equal_the_oracle(make_gallery: MakeGallery) -> None:
    made = cases(several=True)
    gallery = filled(make_gallery(), made)
    data = labelled(gallery)
    among = {int(i): [made[j] for j in s.gallery] for s in split_folds(data, 4, 2) for i in s.queries}
    number = {case.sha256: i for i, case in enumerate(made)}
    report = evaluate(gallery, folds=4, seed=2)
    check(report, made, lambda case, k: precision(case, among[number[case.sha256]], k), (1, 3, 5, 10))
    assert report.split == "4 patient-disjoint folds, seed 2"
    assert report.split_hash != evaluate(gallery, folds=4, seed=3).split_hash
    assert report.audit.same_patient == 0


@pytest.mark.parametrize("folds", [-1, 0, 1, 21, 1000])
def test_impossible_folds_say_what_is_possible(make_gallery: MakeGallery, folds: int) -> None:
    gallery = filled(make_gallery(), cases(60, patients=12))
    with pytest.raises(UsageError, match=rf"folds must be (from 2 to|at most) \d+.*got {folds}"):
        evaluate(gallery, folds=folds)


def test_more_folds_than_any_class_has_records(make_gallery: MakeGallery) -> None:
    rng = np.random.default_rng(0)
    made = [Case(i, unit(rng.standard_normal(384)), [f"class-{i}"], f"p{i}") for i in range(6)]
    with pytest.raises(UsageError, match="folds must be at most 1"):
        evaluate(filled(make_gallery(), made), folds=3)


# Intervals


def test_intervals_hold_the_figures_and_follow_the_seed(make_gallery: MakeGallery) -> None:
    gallery = filled(make_gallery(), cases())
    report = evaluate(gallery, samples=400)
    intervals = report.intervals
    pairs = [(report.micro, intervals.micro_intervals), (report.macro, intervals.macro_intervals)]
    pairs += [(report.per_class[c], intervals.per_class_intervals[c]) for c in CLASSES[:3]]
    for figures, bounds in pairs:
        for name, value in figures.items():
            low, high = bounds[name]
            assert low is not None
            assert high is not None
            assert value is not None
            assert 0 <= low <= value <= high <= 1
            assert low < high
    assert intervals.per_class_intervals[CLASSES[3]] == {f"P@{k}": (None, None) for k in (1, 3, 5, 10)}
    assert evaluate(gallery, samples=400).intervals == intervals
    other = evaluate(gallery, samples=400, seed=1).intervals
    assert other.micro == intervals.micro
    assert other.micro_intervals != intervals.micro_intervals


def test_intervals_are_wider_when_images_share_patients(make_gallery: MakeGallery) -> None:
    """Twelve patients of eight images, a patient's all right or all wrong: twelve observations, not 96."""
    rng = np.random.default_rng(0)
    made = []
    for pair in range(6):  # two patients whose images lie beside each other, of one class or of two
        for anchor in unit(rng.standard_normal((8, 384))):
            for which in (0, 1):
                vector = unit(anchor + 0.01 * rng.standard_normal(384))
                label = CLASSES[which if pair < 3 else 0]
                made.append(Case(len(made), vector, [label], f"p{2 * pair + which}"))
    alone = [Case(i, case.vector, case.labels, f"q{i}") for i, case in enumerate(made)]
    widths = []
    for name, rows in (("together", made), ("apart", alone)):
        report = evaluate(filled(make_gallery(name), rows), k=[1])
        assert report.micro["P@1"] == 0.5
        low, high = report.intervals.micro_intervals["P@1"]
        assert low is not None
        assert high is not None
        widths.append(high - low)
    assert widths[0] == pytest.approx(4 * (0.25 / 12) ** 0.5, abs=0.1)
    assert widths[1] == pytest.approx(4 * (0.25 / 96) ** 0.5, abs=0.05)


# Adapted spaces


def test_an_adapted_space_is_trained_anew_on_each_fold(make_gallery: MakeGallery) -> None:
    made = cases()
    gallery = filled(make_gallery(), made)
    adapt(gallery, "findings", kind="linear", seed=3)
    report = evaluate(gallery, space="findings", folds=3, seed=3, k=(1, 5), samples=200)
    data = labelled(gallery)
    number = {case.sha256: i for i, case in enumerate(made)}
    moved: dict[int, tuple[Case, list[Case]]] = {}
    still: dict[int, tuple[Case, list[Case]]] = {}
    for split in split_folds(data, 3, 3):
        adapter = adapters.fit_adapter(
            "linear",
            data.vectors[split.gallery],
            [data.labels[i] for i in split.gallery],
            [data.patients[i] for i in split.gallery],
            encoder=gallery.spec.identity,
            seed=3,
        )
        new = adapters.transform(adapter, data.vectors)
        rows = [Case(i, new[i], case.labels, case.patient) for i, case in enumerate(made)]
        moved |= {int(i): (rows[i], [rows[j] for j in split.gallery]) for i in split.queries}
        still |= {int(i): (made[i], [made[j] for j in split.gallery]) for i in split.queries}
    check(report, made, lambda case, k: precision(*moved[number[case.sha256]], k), (1, 5))

    base = evaluate(gallery, folds=3, seed=3, k=(1, 5), samples=200)
    assert report.baseline == base.intervals
    assert report.split_hash == base.split_hash
    assert report.adapter is not None
    assert report.adapter["kind"] == "linear"
    assert report.adapter["sha256"] == gallery.space("findings").adapter

    # The gain: adapted minus base of each query, resampled by patient.
    members = metrics.membership([case.labels for case in made], CLASSES)
    asked = np.concatenate([split.queries for split in split_folds(data, 3, 3)])
    for k in (1, 5):
        pairs = [(precision(*moved[i], k), precision(*still[i], k)) for i in range(len(made))]
        gains = np.array([np.nan if a is None or b is None else a - b for a, b in pairs])
        low_high = metrics.bootstrap_interval(
            gains[asked],
            metrics.numbered(np.array(data.patients)[asked]),
            "macro",
            labels=members[asked],
            samples=200,
            seed=3,
        )
        wanted = [float(metrics.macro(gains, members)), *low_high.tolist()]
        assert report.gain[f"P@{k}"] == pytest.approx(wanted, abs=1e-6)
        assert wanted[1] < wanted[2]


def test_an_adapted_space_without_folds_is_refused(make_gallery: MakeGallery) -> None:
    gallery = filled(make_gallery(), cases())
    adapt(gallery, "findings", kind="linear")
    with pytest.raises(UsageError, match=r"'findings' was trained on these very records.*--folds 5.*--queries"):
        evaluate(gallery, space="findings")
    with pytest.raises(NotFoundError, match=r"no space is called 'finding'.*'findings'"):
        evaluate(gallery, space="finding", folds=3)
