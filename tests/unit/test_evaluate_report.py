"""What an evaluation reports: the leakage audit, the tables, what is said of patients."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from conftest import grained
from labelled_cases import CLASSES, Case, MakeGallery, cases, filled, unit
from lookalike.errors import UsageError
from lookalike.evaluation.near_duplicates import AGREES
from lookalike.evaluation.report import Report
from lookalike.evaluation.scores import FEW, narrow_note
from lookalike.gallery import open_gallery
from lookalike.store import Batch
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate

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
    taken_for = len(adapted_report.class_sizes) + 2  # edges of a row of the confusion
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) in (7, 4, taken_for)
    assert lines[0] == "**Precision by class**"
    assert lines[3].replace("|", "").strip("-") == ""


def test_csv_tables(adapted_report: Report) -> None:
    classes, overall, confusion = adapted_report.tables("csv").split("\n\n")
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
    head, *taken = csv.reader(io.StringIO(confusion))
    assert head[1:] == [row[0] for row in taken] == [*adapted_report.class_sizes]
    assert sum(int(count) for row in taken for count in row[1:]) == adapted_report.queries
    assert found["chance, macro"] == [f"{adapted_report.chance['macro']:.3f}"] * 2
    assert found["chance, macro"] != found["chance, micro"]


def test_a_report_is_json(adapted_report: Report) -> None:
    said = json.loads(json.dumps(dataclasses.asdict(adapted_report), allow_nan=False))
    assert said["queries"] == 71
    assert said["micro"].keys() == {"P@1", "P@5"}
    assert said["per_class"][CLASSES[3]] == {"P@1": None, "P@5": None}
    assert {"macro", "chance", "audit", "gain", "split_hash"} <= said.keys()


@pytest.mark.parametrize("kind", ["linear", pytest.param("mlp", marks=pytest.mark.slow)])
def test_the_same_records_and_seed_give_the_same_report_in_every_gallery(make_gallery: MakeGallery, kind: str) -> None:
    """Patients are hashes that each gallery salts anew: folds, training and intervals must not hang on them."""
    reports = []
    for name in ("first", "second"):
        gallery = make_gallery(name)
        gallery.store.write(Batch(records=[case.new() for case in cases()]))
        adapt(gallery, "s", kind=kind, seed=3)
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


@pytest.mark.parametrize(
    ("patients", "classes", "said"),
    [
        (FEW - 1, [], f"{FEW - 1} patients are few: intervals of fewer than {FEW} are likely too narrow."),
        (
            FEW,
            [FEW, FEW - 1, 1],
            f"Intervals of classes with fewer than {FEW} patients (2 of 3) are likely too narrow.",
        ),
        (FEW, [FEW, FEW], ""),
    ],
)
def test_intervals_of_few_patients_are_called_too_narrow(patients: int, classes: list[int], said: str) -> None:
    note = narrow_note(patients, classes)
    assert said in note
    assert bool(note) is bool(said)


@pytest.mark.parametrize(
    ("patients", "said"),
    [
        (["", *"abcde"], "6 patients are few"),
        ([""] * 6, "6 records are few"),
        ([f"p{i}" for i in range(FEW)], "(2 of 2) are likely too narrow"),
    ],
)
def test_a_report_says_that_intervals_are_too_narrow(make_gallery: MakeGallery, patients: list[str], said: str) -> None:
    report = evaluate(filled(make_gallery(), of_patients(patients)), k=[1], samples=20)
    assert [said in note for note in report.notes if "too narrow" in note] == [True]
    many = filled(make_gallery("many"), of_patients([f"p{i}" for i in range(2 * FEW)]))
    assert "too narrow" not in str(evaluate(many, k=[1], samples=20))


def test_records_of_one_patient_leave_nothing_to_measure(make_gallery: MakeGallery) -> None:
    gallery = filled(make_gallery(), of_patients(["anonymous"] * 6))
    for folds in (None, 2):
        with pytest.raises(UsageError, match=r"all records are of one patient.*--patient-column NAME"):
            evaluate(gallery, folds=folds)
