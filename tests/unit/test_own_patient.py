"""A file whose patient is named twice, by its header and by a table: neither of the two ever answers it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import lookalike
from conftest import texture
from dicoms import data_set, save
from filled import fill
from lookalike.gallery import Gallery


def write(folder: Path, name: str, seed: int, patient: str) -> Path:
    return save(data_set(texture(seed), Modality="CR", PatientID=patient, SOPInstanceUID=f"1.2.{seed}"), folder / name)


pytestmark = pytest.mark.both_databases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The header of asked.dcm says A and the table B; one other file of A, one of B, three of others."""
    made = tmp_path / "files"
    made.mkdir()
    named = {"asked.dcm": "A", "header.dcm": "A", "table.dcm": "D", "c.dcm": "C", "e.dcm": "E", "f.dcm": "F"}
    for seed, (name, patient) in enumerate(named.items()):
        write(made, name, seed, patient)
    (made / "labels.csv").write_text("file,label,patient_id\nasked.dcm,x,B\ntable.dcm,x,B\nc.dcm,x,\ne.dcm,y,\n")
    return made


@pytest.fixture
def gallery(make_gallery: Callable[..., Gallery], folder: Path) -> Gallery:
    made = make_gallery()
    assert lookalike.index(made, [folder], labels=folder / "labels.csv").added == 6
    return made


def named(gallery: Gallery, **options: object) -> set[str]:
    return {Path(hit.source).name for hit in lookalike.search(gallery, k=6, **options).hits}  # type: ignore[arg-type]


def test_a_file_that_is_there_under_another_patient(gallery: Gallery, folder: Path) -> None:
    everyone = named(gallery, query=folder / "asked.dcm", same_patient=True)
    assert len(everyone) == 6
    assert named(gallery, query=folder / "asked.dcm") == everyone - {"asked.dcm", "header.dcm", "table.dcm"}


def test_a_new_file_of_the_patient_of_a_header(gallery: Gallery, tmp_path: Path) -> None:
    found = named(gallery, query=write(tmp_path, "new.dcm", 70, "A"))
    assert "header.dcm" not in found
    assert found >= {"c.dcm", "e.dcm", "f.dcm"}


def precision_of(gallery: Gallery, folder: Path, patient: str) -> float | None:
    table = folder.parent / "queries.csv"
    table.write_text(f"file,label,patient_id\nasked.png,here,{patient}\n")
    report = lookalike.evaluate(gallery, queries=[folder / "asked.png"], query_labels=table, k=(1,))
    return report.micro["P@1"]


@pytest.fixture
def asked_about(make_gallery: Callable[..., Gallery], tmp_path: Path) -> tuple[Gallery, Path]:
    """Only the query's own file and one that is quite unlike it bear its label."""
    made = tmp_path / "pictures"
    made.mkdir()
    rows = ["file,label,patient_id"]
    for number in range(6):  # the same picture, darker and darker: other bytes, nearly the same vector
        name = "asked.png" if number == 0 else f"near{number}.png"
        PIL.Image.fromarray((texture(3) * (1 - number / 50)).astype(np.uint8)).save(made / name)
        rows.append(f"{name},{'elsewhere' if number else 'here'},p{number}")
    PIL.Image.fromarray(texture(400)).save(made / "far.png")
    (made / "labels.csv").write_text("\n".join([*rows, "far.png,here,q"]) + "\n")
    gallery = make_gallery("asked")
    assert lookalike.index(gallery, [made], labels=made / "labels.csv").added == 7
    return gallery, made


@pytest.mark.parametrize("patient", ["", "p0", "somebody-else"])
def test_an_outside_query_never_finds_itself_whoever_the_table_names(
    asked_about: tuple[Gallery, Path], patient: str
) -> None:
    assert precision_of(*asked_about, patient=patient) == 0


def test_where_all_are_of_one_patient_it_is_said_why_nothing_answers(make_gallery: Callable[..., Gallery]) -> None:
    rng = np.random.default_rng(3)
    gallery = make_gallery()
    ids = fill(gallery, list(rng.normal(size=(6, 384))), ["anonymous"] * 6)
    found = lookalike.search(gallery, id=ids[0])
    assert found.hits == ()
    assert "of its own patient" in found.note
    assert "--same-patient" in found.note
    assert "--patient-column NAME" in found.note
    assert len(lookalike.search(gallery, id=ids[0], same_patient=True).hits) == 5


def test_an_answer_by_what_learnt_from_the_query_says_so(make_gallery: Callable[..., Gallery]) -> None:
    """The record itself, another of its patient, but not a record without a label, nor the base space."""
    rng = np.random.default_rng(4)
    gallery = make_gallery()
    patients, labels = ["a", "a", "b", "c", "d", ""], [("x",), (), ("y",), ("x",), (), ("y",)]
    ids = fill(gallery, list(rng.normal(size=(6, 384))), patients, labels)
    lookalike.adapt(gallery, "s", kind="linear")
    flattered = {i: "flattered" in lookalike.search(gallery, id=ids[i], space="s").note for i in range(6)}
    assert flattered == {0: True, 1: True, 2: True, 3: True, 4: False, 5: True}
    assert "flattered" not in lookalike.search(gallery, id=ids[0]).note
    assert "flattered" not in lookalike.search(gallery, vector=rng.normal(size=384), space="s").note
