"""Vectors as a file: read back without loss by the libraries of each kind, and by a gallery."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import lookalike
from filled import fill
from lookalike import cli
from lookalike.errors import ManifestMismatchError, NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.store import Batch, NewRecord
from lookalike.verbs.export_vectors import VectorsExported

KINDS = (".parquet", ".h5", ".npz", ".csv")
LABELS = [("effusion", "large"), (), ("normal",), ("normal",)]
FIELDS: list[dict[str, str | float]] = [
    {"Modality": "CT", "PatientAge": 63.0, "split": "train", "slices": 9.0},
    {"Modality": "CR"},
    {"split": "test", "site": "north"},
    {},
]
Table = dict[str, list[Any]]


@pytest.fixture
def gallery(make_gallery: Callable[..., Gallery]) -> Gallery:
    """A volume of three slices, and three pictures; of two patients."""
    made = make_gallery()
    random = np.random.default_rng(0)
    vectors = [random.normal(size=(3, made.spec.dim)), *random.normal(size=(3, made.spec.dim))]
    fill(made, vectors, ["a", "a", "b", "b"], LABELS, FIELDS, [(0, 4, 8), (0,), (0,), (0,)])
    return made


def read(path: Path) -> tuple[Table, np.ndarray]:
    """What other programs read: columns, and vectors (n, dim)."""
    if path.suffix == ".parquet":
        table = parquet.read_table(path).to_pydict()
        return table, np.array(table.pop("vectors"), np.float32)
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            found = {name: file[name].asstr()[:] if file[name].dtype.hasobject else file[name][:] for name in file}
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive if name != "encoder"}
    else:
        frame = pd.read_csv(path, keep_default_na=False, dtype={"PatientAge": str})
        names = [name for name in frame if name.startswith("vectors.")]
        found = {name: frame[name].to_numpy() for name in frame if name not in names}
        found["vectors"] = frame[names].to_numpy(np.float32)
    return {name: list(values) for name, values in found.items() if name != "vectors"}, np.asarray(found["vectors"])


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_read_back_without_loss(gallery: Gallery, tmp_path: Path, kind: str) -> None:
    done = lookalike.export_vectors(gallery, tmp_path / f"v{kind}", characteristics=True, columns=["site"])
    assert (done.records, done.vectors, done.dim, done.patients) == (4, 6, gallery.spec.dim, 2)
    table, vectors = read(tmp_path / f"v{kind}")
    records = [gallery.store.records()[key] for key in sorted(gallery.store.records())]
    rows = [record for record in records for _ in range(len(gallery.store.vectors_of(record.key)))]
    assert np.array_equal(vectors, np.concatenate([gallery.store.vectors_of(each.key) for each in records]))
    assert table["id"] == [each.id for each in rows]
    assert table["label"] == ["|".join(each.labels) for each in rows]
    assert [int(each) for each in table["slice"]] == [0, 4, 8, 0, 0, 0]
    for name in ("split", "site", "Modality"):
        assert [each or "" for each in table[name]] == [each.attributes.get(name, "") for each in rows]
    ages = [None if each in (None, "") or np.isnan(float(each)) else float(each) for each in table["PatientAge"]]
    assert ages == [each.attributes.get("PatientAge") for each in rows]
    assert len({*table["patient_id"]}) == 2
    assert not {*table["patient_id"]} & {each.patient for each in rows}


@pytest.mark.parametrize("kind", KINDS)
def test_a_gallery_reads_it_back(
    gallery: Gallery, make_gallery: Callable[..., Gallery], tmp_path: Path, kind: str
) -> None:
    place = tmp_path / f"v{kind}"
    lookalike.export_vectors(gallery, place)
    other = make_gallery("other")
    result = lookalike.index(other, [f"vectors:{place}"])
    assert result.added == 4
    ours, theirs = gallery.store, other.store
    names = {record.source: record for record in theirs.records().values()}
    for key, record in ours.records().items():
        found = names[record.id]
        assert sorted(found.labels) == sorted(record.labels)
        assert found.depth == record.depth
        assert ours.slices_of(key)[0] == theirs.slices_of(found.key)[0]
        assert np.array_equal(ours.vectors_of(key), theirs.vectors_of(found.key))
    assert _groups(gallery, "id") == _groups(other, "source")


def _groups(gallery: Gallery, name: str) -> list[list[str]]:
    """The records of each patient, by their ids or sources."""
    found: dict[str, list[str]] = {}
    for record in gallery.store.records().values():
        found.setdefault(record.patient, []).append(getattr(record, name))
    return sorted(map(sorted, found.values()))


def test_vectors_of_an_adapter_are_not_the_encoders(make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    made = make_gallery()
    random = np.random.default_rng(1)
    fill(
        made,
        [*random.normal(size=(40, made.spec.dim))],
        [f"p{i}" for i in range(40)],
        [(f"{i % 2}",) for i in range(40)],
    )
    lookalike.adapt(made, name="two", kind="lda")
    done = lookalike.export_vectors(made, tmp_path / "two.parquet", space="two")
    _, vectors = read(tmp_path / "two.parquet")
    assert vectors.shape == (40, done.dim)
    assert np.allclose(vectors, made.project(made.store.vectors().vectors, "two"), atol=1e-6)
    if done.dim == made.spec.dim:
        with pytest.raises(ManifestMismatchError):
            lookalike.index(make_gallery("other"), [f"vectors:{tmp_path / 'two.parquet'}"])
    with pytest.raises(NotFoundError):
        lookalike.export_vectors(made, tmp_path / "x.parquet", space="none")


def test_the_command_writes_a_file(gallery: Gallery, tmp_path: Path) -> None:
    words = ["records", "export", "-g", str(gallery.folder), "--to", str(tmp_path / "v.npz"), "--json"]
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["vectors"] == 6
    table, _ = read(tmp_path / "v.npz")
    assert len(table["id"]) == 6
    wrong = (["--space", "none"], ["--out", str(tmp_path / "f")], ["--dates", "shifted"])
    assert [CliRunner().invoke(cli.main, [*words, *each]).exit_code for each in wrong] == [1, 2, 2]


def test_records_without_a_vector_are_counted(gallery: Gallery, tmp_path: Path) -> None:
    nothing = np.empty((0, gallery.spec.dim), np.float32)
    gallery.store.write(Batch(records=[NewRecord("9.png", f"{9:064x}", 0, "c", (), {}, nothing, b"", views=())]))
    done = lookalike.export_vectors(gallery, tmp_path / "v.npz")
    assert (done.records, done.without) == (4, 1)
    assert any("1 records have no vector" in note for note in done.notes)


def test_a_filter(gallery: Gallery, tmp_path: Path) -> None:
    done: VectorsExported = lookalike.export_vectors(gallery, tmp_path / "n.csv", where="label=normal")
    assert done.records == 2
    with (tmp_path / "n.csv").open() as file:
        assert {row["label"] for row in csv.DictReader(file)} == {"normal"}


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("v.txt", {}, "got v.txt"),
        ("there.csv", {}, "is there already"),
        ("none/v.csv", {}, "has no folder"),
        ("v.npz", {"where": "label=nothing"}, "no vector"),
        ("v.h5", {"columns": ["nothing"]}, "nothing"),
    ],
)
def test_what_cannot_be_is_said_and_leaves_nothing(
    gallery: Gallery, tmp_path: Path, name: str, options: dict[str, Any], says: str
) -> None:
    (tmp_path / "there.csv").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=says):
        lookalike.export_vectors(gallery, tmp_path / name, **options)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.csv").read_text() == "mine"
