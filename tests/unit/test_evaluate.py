"""evaluate, against plain Python: figures, splits, intervals, audit, tables."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from conftest import grained, texture
from dicoms import data_set, save
from lookalike import adapters, metrics
from lookalike.errors import NotFoundError, UsageError
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.near_duplicates import AGREES
from lookalike.evaluation.report import Report
from lookalike.evaluation.splits import split_folds
from lookalike.gallery import Gallery, open_gallery
from lookalike.pixels import thumbnail
from lookalike.store import Batch, NewRecord
from lookalike.types import Image
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index

CLASSES = ("effusion", "mass", "edema", "a|b, c")
MakeGallery = Callable[..., Gallery]


class Case:
    """A record as the oracle sees it."""

    def __init__(
        self,
        number: int,
        vector: NDArray[np.float32],
        labels: Sequence[str],
        patient: str,
        shown: NDArray[np.uint8] | None = None,
    ) -> None:
        self.number, self.shown = number, shown
        self.sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        self.vector, self.labels, self.patient = vector, tuple(labels), patient or f"alone-{number}"
        self.named = patient

    def new(self) -> NewRecord:
        small = b"" if self.shown is None else thumbnail(PIL.Image.fromarray(self.shown))
        return NewRecord(
            f"/data/{self.sha256[:6]}", self.sha256, 0, self.named, self.labels, {}, self.vector[None], small
        )


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def cases(count: int = 70, *, several: bool = False, patients: int = 22, seed: int = 0) -> list[Case]:
    """Random records of a few classes that cluster loosely; the last class is borne once only."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((3, 384)) * 0.25
    made = []
    for number in range(count):
        first = int(rng.choice(3, p=[0.55, 0.25, 0.2]))
        labels = [CLASSES[first]]
        if several and rng.random() < 0.4:
            labels.append(CLASSES[int(rng.integers(3))])
        vector = unit(centres[first] + rng.standard_normal(384))
        patient = "" if number % 9 == 0 else f"patient-{int(rng.integers(patients))}"
        made.append(Case(number, vector, list(dict.fromkeys(labels)), patient))
    made.append(Case(count, unit(rng.standard_normal(384)), [CLASSES[3]], "only"))
    return made


def filled(gallery: Gallery, made: Iterable[Case]) -> Gallery:
    """A gallery that holds these records; beside them one without a label, which takes no part."""
    rows = [case.new() for case in made]
    rows.append(Case(10_000, rows[0].vectors[0], [], "").new())
    gallery.store.write(Batch(records=rows))
    return gallery


# The oracle


def precision(query: Case, among: Sequence[Case], k: int) -> float | None:
    """Of the k nearest of other patients, how many share a label; None if none of them could."""
    allowed = [case for case in among if case.patient != query.patient]
    if not any(set(case.labels) & set(query.labels) for case in allowed):
        return None
    asked = query.vector.astype(np.float64)
    ranked = sorted(allowed, key=lambda case: -float(asked @ case.vector.astype(np.float64)))[:k]
    return sum(bool(set(case.labels) & set(query.labels)) for case in ranked) / k


def chance(query: Case, among: Sequence[Case]) -> float | None:
    allowed = [case for case in among if case.patient != query.patient]
    shared = sum(bool(set(case.labels) & set(query.labels)) for case in allowed)
    return shared / len(allowed) if shared else None


def mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def by_class(asked: Sequence[Case], values: Sequence[float | None]) -> dict[str, float | None]:
    return {
        label: mean(value for case, value in zip(asked, values, strict=True) if label in case.labels)
        for label in {label for case in asked for label in case.labels}
    }


def check(
    report: Report, asked: Sequence[Case], values: Callable[[Case, int], float | None], ks: Sequence[int]
) -> None:
    """Every figure of a report against the oracle's value of each query."""
    assert report.queries == len(asked)
    assert report.class_sizes == Counter(label for case in asked for label in case.labels)
    for k in ks:
        of_each = [values(case, k) for case in asked]
        of_class = by_class(asked, of_each)
        assert report.unscored == of_each.count(None)
        assert report.micro[f"P@{k}"] == pytest.approx(mean(of_each), abs=1e-6)
        assert report.macro[f"P@{k}"] == pytest.approx(mean(of_class.values()), abs=1e-6)
        assert {label: figures[f"P@{k}"] for label, figures in report.per_class.items()} == {
            label: value if value is None else pytest.approx(value, abs=1e-6) for label, value in of_class.items()
        }
    assert report.micro.keys() == report.macro.keys() == {f"P@{k}" for k in ks}


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


# Outside queries


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gallery, list[Case], Path]]:
    """A gallery of 24 pictures of eight patients, its oracle, and the folder of the pictures."""
    folder = tmp_path_factory.mktemp("gallery-pictures")
    rows = ["file,label,patient_id"]
    for i in range(24):
        PIL.Image.fromarray(texture(i)).save(folder / f"g{i:02}.png")
        rows.append(f"g{i:02}.png,{CLASSES[i % 3]},patient-{i % 8}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    with open_gallery(tmp_path_factory.mktemp("galleries") / "g", create=True) as gallery:
        index(gallery, [folder], labels=folder / "labels.csv")
        yield gallery, oracle_of(gallery), folder


@pytest.fixture
def collection(pictures: tuple[Gallery, list[Case], Path], tmp_path: Path) -> tuple[Gallery, list[Case], Path]:
    """That gallery, its oracle, and an empty folder for queries."""
    gallery, among, _ = pictures
    queries = tmp_path / "queries"
    queries.mkdir()
    return gallery, among, queries


def oracle_of(gallery: Gallery) -> list[Case]:
    stored, records = gallery.store.vectors(), gallery.store.records()
    found = [(records[int(key)], vector) for key, vector in zip(stored.records, stored.vectors, strict=True)]
    return [Case(i, vector, r.labels, r.patient) for i, (r, vector) in enumerate(found) if r.labels]


def ask(queries: Path, rows: dict[str, tuple[str, str]], first: int = 50) -> None:
    """Write query pictures and their table: name -> (labels, patient)."""
    lines = ["file,label,Subject"]
    for i, (name, (labels, patient)) in enumerate(rows.items()):
        PIL.Image.fromarray(texture(first + i)).save(queries / name)
        lines.append(f"{name},{labels},{patient}")
    (queries / "labels.csv").write_text("\n".join(lines) + "\n")


def query_cases(gallery: Gallery, queries: Path, rows: dict[str, tuple[str, str]]) -> list[Case]:
    made = []
    for i, (name, (labels, patient)) in enumerate(rows.items()):
        with PIL.Image.open(queries / name) as opened:
            shown = np.asarray(opened)[None, ..., None]
        vector = gallery.encoder.encode_images([Image(pixels=shown)])[0]
        made.append(Case(1000 + i, vector, labels.split("|"), gallery.store.patient_group(patient)))
    return made


def test_outside_queries_equal_the_oracle(collection: tuple[Gallery, list[Case], Path]) -> None:
    gallery, among, queries = collection
    rows = {}
    for i in range(9):
        labels = CLASSES[i % 3] + ("|effusion" if i % 3 == 1 else "")
        rows[f"q{i}.png"] = (labels, f"patient-{i}" if i < 4 else f"new-{i}")
    ask(queries, rows)
    report = evaluate(
        gallery, queries=[queries], query_labels=queries / "labels.csv", patient_column="Subject", k=(1, 3)
    )
    asked = query_cases(gallery, queries, rows)
    check(report, asked, lambda case, k: precision(case, among, k), (1, 3))
    assert report.audit.same_patient == 4
    assert report.left_out == {}
    assert gallery.store.count() == 24


def test_a_query_that_is_in_the_gallery_never_finds_itself(
    collection: tuple[Gallery, list[Case], Path], pictures: tuple[Gallery, list[Case], Path]
) -> None:
    """Its table names no patient, but the gallery knows the bytes."""
    gallery, among, queries = collection
    folder = pictures[2]
    (queries / "copy.png").write_bytes((folder / "g00.png").read_bytes())
    (queries / "labels.csv").write_text(f"file,label\ncopy.png,{CLASSES[0]}\n")
    report = evaluate(gallery, queries=[queries], query_labels=queries / "labels.csv", k=(1, 3))
    check(report, [among[0]], lambda case, k: precision(case, among, k), (1, 3))
    assert (report.audit.same_bytes, report.audit.same_patient) == (0, 1)


def test_the_same_bytes_under_another_patient_are_left_out_and_audited(
    collection: tuple[Gallery, list[Case], Path], pictures: tuple[Gallery, list[Case], Path]
) -> None:
    gallery, among, queries = collection
    folder = pictures[2]
    ask(queries, {"q.png": (CLASSES[0], "somebody")})
    (queries / "q.png").write_bytes((folder / "g00.png").read_bytes())
    report = evaluate(gallery, queries=[queries], query_labels=queries / "labels.csv", patient_column="Subject", k=[1])
    assert report.micro["P@1"] == precision(among[0], among, 1)
    audit = report.audit
    assert (audit.same_bytes, audit.near_duplicates, audit.same_patient) == (1, 0, 1)
    assert "byte for byte under another patient, who was left out too" in audit.sentence


def test_a_file_of_two_patients_finds_neither(make_gallery: MakeGallery, tmp_path: Path) -> None:
    """Its bytes lie in the gallery under the patient of a table, and name another one themselves."""
    stored, asked = tmp_path / "stored", tmp_path / "asked"
    stored.mkdir()
    asked.mkdir()
    rows = ["file,label,patient_id"]
    for i, patient in enumerate(["table", "table", "header", "other", "other"]):
        save(data_set(texture(40 + i), PatientID="header"), stored / f"{i}.dcm")
        rows.append(f"{i}.dcm,{CLASSES[0] if i < 3 else CLASSES[1]},{patient}")
    (stored / "labels.csv").write_text("\n".join(rows) + "\n")
    gallery = make_gallery()
    index(gallery, [stored], labels=stored / "labels.csv")
    (asked / "q.dcm").write_bytes((stored / "0.dcm").read_bytes())
    (asked / "labels.csv").write_text(f"file,label\nq.dcm,{CLASSES[0]}\n")
    report = evaluate(gallery, queries=[asked], query_labels=asked / "labels.csv", k=[1, 2])
    assert report.unscored == 1  # all three of its class are of the one patient or the other
    assert report.micro == {"P@1": None, "P@2": None}
    assert (report.audit.same_bytes, report.audit.same_patient, report.patients) == (1, 1, 1)
    (asked / "labels.csv").write_text(f"file,label\nq.dcm,{CLASSES[1]}\n")
    assert evaluate(gallery, queries=[asked], query_labels=asked / "labels.csv", k=[2]).micro == {"P@2": 1.0}


def test_queries_that_take_no_part_are_counted(collection: tuple[Gallery, list[Case], Path]) -> None:
    gallery, among, queries = collection
    rows = {"a.png": (CLASSES[0], "x"), "b.png": ("", "x"), "c.png": (CLASSES[1], "y")}
    ask(queries, rows)
    PIL.Image.fromarray(texture(90)).save(queries / "unlisted.png")
    (queries / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    report = evaluate(gallery, queries=[queries], query_labels=queries / "labels.csv", patient_column="Subject", k=[1])
    assert report.left_out == {"no label": 2, "damaged-header": 1}
    assert any("2 with no label, 1 with damaged-header" in note for note in report.notes)
    asked = query_cases(gallery, queries, {"a.png": rows["a.png"]})
    check(report, asked, lambda case, k: precision(case, among, k), [1])


def test_dicom_queries_carry_their_own_patient(collection: tuple[Gallery, list[Case], Path]) -> None:
    gallery, among, queries = collection
    save(data_set(texture(60), PatientID="patient-3"), queries / "q.dcm")
    (queries / "labels.csv").write_text(f"file,label\nq.dcm,{CLASSES[0]}\n")
    report = evaluate(gallery, queries=[queries], query_labels=queries / "labels.csv", k=[3])
    vector = gallery.encoder.encode_images([Image(pixels=texture(60)[None, ..., None])])[0]
    asked = Case(1, vector, [CLASSES[0]], gallery.store.patient_group("patient-3"))
    check(report, [asked], lambda case, k: precision(case, among, k), [3])


def test_an_adapter_that_has_seen_the_queries_patients_says_so(collection: tuple[Gallery, list[Case], Path]) -> None:
    gallery, _, queries = collection
    adapt(gallery, "findings", kind="linear")
    ask(queries, {"a.png": (CLASSES[0], "patient-1"), "b.png": (CLASSES[1], "new")})
    options: dict[str, Any] = {"queries": [queries], "query_labels": queries / "labels.csv", "k": [1]}
    report = evaluate(gallery, space="findings", patient_column="Subject", **options)
    assert report.baseline is not None
    assert any("trained on the patients of 1 queries" in note for note in report.notes)
    base = evaluate(gallery, patient_column="Subject", **options)
    assert report.baseline == base.intervals
    assert not any("trained on the patients" in note for note in base.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query_labels": "labels.csv"}, "give --queries too"),
        ({"queries": ["."]}, r"give --query-labels"),
        ({"queries": ["."], "query_labels": "labels.csv", "folds": 3}, "either --folds.*or --queries"),
        ({"k": []}, "k must be numbers from 1 to 1000"),
        ({"k": [0, 5]}, r"got \[0, 5\]"),
        ({"k": [1001]}, "1001"),
    ],
)
def test_arguments_that_do_not_go_together(make_gallery: MakeGallery, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(filled(make_gallery(), cases(5)), **options)


def test_without_labels_there_is_nothing_to_measure(
    make_gallery: MakeGallery, collection: tuple[Gallery, list[Case], Path]
) -> None:
    with pytest.raises(UsageError, match="no record of this gallery bears a label"):
        evaluate(make_gallery("unlabelled"))
    gallery, _, queries = collection
    ask(queries, {"a.png": ("", "x")})
    with pytest.raises(UsageError, match="no readable query bears a label"):
        evaluate(gallery, queries=[queries], query_labels=queries / "labels.csv")


# Audit


def test_planted_near_duplicates_are_counted(make_gallery: MakeGallery) -> None:
    """Copies of another patient's picture count, of the same patient's do not; nor do pictures with equal vectors."""
    made = [case for case in cases() if case.named]
    for case in made:
        case.shown = grained(case.number)
    plain = evaluate(filled(make_gallery("plain"), made), samples=10).audit
    assert (plain.near_duplicates, plain.duplicate_kinds) == (0, {})
    assert "No near-duplicate" in plain.sentence
    planted = [
        Case(500, made[1].vector, made[1].labels, "stranger-1", made[1].shown[:, ::-1]),  # and so does the other
        Case(501, made[2].vector, made[2].labels, made[2].named, made[2].shown[:, ::-1]),  # the same patient
        Case(502, made[3].vector, made[3].labels, "stranger-2", grained(502)),  # another picture
    ]
    audit = evaluate(filled(make_gallery("planted"), [*made, *planted]), samples=10).audit
    assert (audit.near_duplicates, audit.same_bytes, audit.queries) == (2, 0, len(made) + 3)
    assert (audit.duplicate_kinds, audit.threshold) == ({"mirrored": 2}, AGREES)
    everyone = Counter(case.patient for case in [*made, *planted])
    assert audit.same_patient == sum(count for count in everyone.values() if count > 1)
    assert f"{audit.same_patient} of {audit.queries} queries" in audit.sentence
    assert f"2 of {audit.queries} queries have a near-duplicate of another patient (2 mirrored)" in audit.sentence


def test_a_near_duplicate_of_nobody_known_is_not_called_another_patients(make_gallery: MakeGallery) -> None:
    made = cases(8)
    made[0].shown = grained(1)
    planted = Case(500, made[0].vector, made[0].labels, "", made[0].shown[::-1])
    audit = evaluate(filled(make_gallery("unknown"), [*made, planted]), samples=10).audit
    assert audit.near_duplicates == 2
    assert "that nobody says is of the same patient" in audit.sentence
    assert "near-duplicate of another patient" not in audit.sentence


# Tables


@pytest.fixture(scope="module")
def adapted_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    with open_gallery(tmp_path_factory.mktemp("tables") / "g", create=True) as gallery:
        filled(gallery, cases())
        adapt(gallery, "findings", kind="linear")
        return evaluate(gallery, space="findings", folds=3, k=(1, 5), samples=100)


def test_text_tables(adapted_report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # no column goes on below
    text = adapted_report.tables()
    lines = text.splitlines()
    assert lines[0] == "Precision by class"
    assert "Overall" in lines
    head = re.split(r"\s{2,}", lines[1])
    assert head == ["class", "queries", "P@1 base", "P@5 base", "P@1 findings", "P@5 findings"]
    row = next(line for line in lines if line.startswith("effusion"))
    cells = re.split(r"\s{2,}", row)
    assert len(cells) == len(head)
    assert cells[4].startswith(f"{adapted_report.per_class['effusion']['P@1']:.3f} [")
    assert any(re.match(r"gain, macro\s+[+-]\d\.\d{3} \[", line) for line in lines)
    assert str(adapted_report).startswith(text)
    assert adapted_report.notes[0] in str(adapted_report)


def test_markdown_tables(adapted_report: Report) -> None:
    lines = adapted_report.tables("markdown").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert r"a\|b, c" in adapted_report.tables("markdown")
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) in (7, 4)
    assert lines[0] == "**Precision by class**"
    assert lines[3].replace("|", "").strip("-") == ""


def test_csv_tables(adapted_report: Report) -> None:
    classes, overall = adapted_report.tables("csv").split("\n\n")
    rows = list(csv.reader(io.StringIO(classes)))
    assert [row[0] for row in rows] == ["class", *adapted_report.class_sizes]
    assert "a|b, c" in adapted_report.class_sizes
    assert {len(row) for row in rows} == {6}
    found = {row[0]: row[1:] for row in csv.reader(io.StringIO(overall))}
    assert found.keys() == {
        "overall",
        "base, macro",
        "base, micro",
        "findings, macro",
        "findings, micro",
        "gain, macro",
        "chance, macro",
        "chance, micro",
    }
    assert adapted_report.baseline is not None
    assert found["base, macro"][0].startswith(f"{adapted_report.baseline.macro['P@1']:.3f}")
    assert found["findings, micro"][1].startswith(f"{adapted_report.micro['P@5']:.3f}")
    assert found["chance, micro"] == [f"{adapted_report.chance['micro']:.3f}"] * 2
    assert found["chance, macro"] == [f"{adapted_report.chance['macro']:.3f}"] * 2
    assert found["chance, macro"] != found["chance, micro"]


def test_a_report_is_json(adapted_report: Report) -> None:
    said = json.loads(json.dumps(dataclasses.asdict(adapted_report), allow_nan=False))
    assert said["queries"] == 71
    assert said["micro"].keys() == {"P@1", "P@5"}
    assert said["per_class"][CLASSES[3]] == {"P@1": None, "P@5": None}
    assert {"macro", "chance", "audit", "gain", "split_hash"} <= said.keys()


def test_the_same_records_and_seed_give_the_same_report_in_every_gallery(make_gallery: MakeGallery) -> None:
    """Patients are hashes that each gallery salts anew: folds, training and intervals must not hang on them."""
    reports = []
    for name in ("first", "second"):
        gallery = make_gallery(name)
        gallery.store.write(Batch(records=[case.new() for case in cases()]))
        adapt(gallery, "s", kind="mlp", seed=3)
        found = evaluate(gallery, space="s", folds=3, seed=3, samples=50).tables("json")
        reports.append(found)
    assert gallery.store.patient_group("x") != make_gallery("third").store.patient_group("x")
    assert reports[0] == reports[1]


# What is said of patients


def of_patients(patients: Sequence[str]) -> list[Case]:
    """Records of two classes, and of these patients."""
    vectors = unit(np.random.default_rng(4).standard_normal((len(patients), 384)))
    return [Case(i, vectors[i], [CLASSES[i % 2]], patient) for i, patient in enumerate(patients)]


@pytest.mark.parametrize(
    ("patients", "split", "said", "known"),
    [
        (["", "", "", "", "", ""], "leave one record out", "No patient is known: whether pictures of one", 0),
        (["a", "b", "c", "", "", ""], "leave one patient out", "The patient of 3 of 6 records is not known", 3),
        (["a", "b", "c", "d", "e", "f"], "leave one patient out", "No patient is on both sides of the split.", 6),
    ],
)
def test_nothing_is_claimed_of_patients_nobody_knows(
    make_gallery: MakeGallery, patients: list[str], split: str, said: str, known: int
) -> None:
    gallery = filled(make_gallery(), of_patients(patients))
    report = evaluate(gallery, k=[1])
    assert (report.split, report.patients, report.audit.unknown) == (split, known, 6 - known)
    assert said in report.audit.sentence
    assert report.audit.sentence in report.notes
    assert ("both sides of the split" in report.audit.sentence) == (known == 6)
    assert ("--patient-column NAME" in report.audit.sentence) == (known < 6)
    assert f"bootstrap by {'patient' if known else 'record'}" in " ".join(report.notes)
    assert ("patient-disjoint" in evaluate(gallery, folds=2, k=[1]).split) == (known > 0)


def test_records_of_one_patient_leave_nothing_to_measure(make_gallery: MakeGallery) -> None:
    gallery = filled(make_gallery(), of_patients(["anonymous"] * 6))
    for folds in (None, 2):
        with pytest.raises(UsageError, match=r"all records are of one patient.*--patient-column NAME"):
            evaluate(gallery, folds=folds)
