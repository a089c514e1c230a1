"""evaluate with queries from outside of the gallery, against plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from conftest import texture
from dicoms import data_set, save
from labelled_cases import CLASSES, Case, MakeGallery, cases, check, filled, precision
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.types import Image
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index


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
