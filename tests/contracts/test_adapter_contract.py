"""What every kind of adapter promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from awaited import PATIENCE
from lookalike import adapters
from lookalike.adapters import Adapter
from lookalike.types import Vectors

ENCODER = {"name": "lite0-inner", "revision": "r1", "preprocessing_hash": "p1"}
DIM = 48


class Collection(NamedTuple):
    """Unit vectors with the labels and the patient of each."""

    vectors: Vectors
    labels: list[tuple[str, ...]]
    patients: list[str]


def unit(rows: np.ndarray) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clusters(records: int = 36, classes: int = 3, spread: float = 1.0, seed: int = 0) -> Collection:
    """Classes as Gaussian clouds; what differs most between two records has nothing to do with their class.

    Two records a patient.
    """
    rng = np.random.default_rng(seed)
    centres, nuisance = np.split(np.random.default_rng(99).normal(size=(classes + 4, DIM)), [classes])
    drawn = np.arange(records) % classes
    vectors = centres[drawn] + spread * rng.normal(size=(records, DIM)) + 2 * rng.normal(size=(records, 4)) @ nuisance
    return Collection(
        unit(vectors + 3), [(f"finding {c}",) for c in drawn], [f"patient {i // 2}" for i in range(records)]
    )


def several_labels(records: int = 36, seed: int = 0) -> Collection:
    """Each of three directions stands for a label; a record bears one to three."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(3, DIM))
    borne = rng.random((records, 3)) < 0.5
    borne[~borne.any(1), 0] = True
    vectors = borne @ directions + 0.7 * rng.normal(size=(records, DIM))
    labels = [tuple(f"label {c}" for c in np.flatnonzero(row)) for row in borne]
    return Collection(unit(vectors + 3), labels, [str(i) for i in range(records)])


def fit(kind: str, data: Collection, seed: int = 0) -> Adapter:
    return adapters.fit_adapter(kind, *data, encoder=ENCODER, seed=seed)


def precision(
    gallery: Vectors, held: Sequence[tuple[str, ...]], asked: Vectors, want: Sequence[tuple[str, ...]]
) -> float:
    """Mean share of the five nearest that bear exactly the query's labels."""
    nearest = np.argsort(-(asked @ gallery.T), axis=1)[:, :5]
    return float(np.mean([[held[j] == want[i] for j in row] for i, row in enumerate(nearest)]))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """The published loop's small matrices gain nothing from threads, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=adapters.kinds())
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def adapter(kind: str) -> Adapter:
    return fit(kind, clusters())


@pytest.fixture(scope="module")
def multi_label(kind: str) -> Adapter:
    return fit(kind, several_labels())


@pytest.fixture(params=["one label", "several labels"])
def either(request: pytest.FixtureRequest, adapter: Adapter, multi_label: Adapter) -> Adapter:
    """An adapter of one label a record, and one of several."""
    return adapter if request.param == "one label" else multi_label


def test_unit_float32_rows(either: Adapter) -> None:
    vectors = clusters(7, seed=1).vectors
    moved = adapters.transform(either, vectors)
    assert moved.dtype == np.float32
    assert moved.ndim == 2
    assert len(moved) == 7
    assert np.isfinite(moved).all()
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)


def test_no_rows_give_no_rows(either: Adapter) -> None:
    nothing = np.empty((0, DIM), np.float32)
    moved = adapters.transform(either, nothing)
    assert moved.shape == (0, adapters.transform(either, clusters(3).vectors).shape[1])
    assert adapters.predict(either, nothing).shape == (0, 3)


def test_a_row_alone_is_the_row_among_others(either: Adapter) -> None:
    vectors = clusters(5000, seed=1).vectors  # more than one block
    together = adapters.transform(either, vectors)
    for row in (0, 17, 4095, 4096, 4999):
        np.testing.assert_allclose(adapters.transform(either, vectors[row : row + 1])[0], together[row], atol=1e-6)


def test_the_vectors_handed_in_are_left_alone(either: Adapter) -> None:
    vectors = clusters(seed=1).vectors
    before = vectors.copy()
    adapters.transform(either, vectors)
    adapters.predict(either, vectors)
    assert np.array_equal(vectors, before)


def test_what_it_notes(kind: str, adapter: Adapter) -> None:
    assert adapter.kind == kind
    assert adapter.classes == ("finding 0", "finding 1", "finding 2")
    assert not adapter.multi_label
    assert dict(adapter.encoder) == ENCODER
    assert adapter.training["seed"] == 0
    assert adapter.training["samples"] == 36
    assert adapter.training["patients"] == 18
    assert len(adapter.training["fingerprint"]) == 64


def test_same_seed_same_adapter(kind: str, adapter: Adapter) -> None:
    again = fit(kind, clusters())
    vectors = clusters(seed=1).vectors
    assert dict(again.training) == dict(adapter.training)
    assert np.array_equal(adapters.transform(again, vectors), adapters.transform(adapter, vectors))


def test_training_leaves_torch_as_it_was(kind: str) -> None:
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(kind, clusters(12))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_separates_classes_of_patients_it_has_not_seen(adapter: Adapter) -> None:
    gallery, queries = clusters(), clusters(90, seed=1)
    before = precision(gallery.vectors, gallery.labels, queries.vectors, queries.labels)
    moved = [adapters.transform(adapter, part.vectors) for part in (gallery, queries)]
    after = precision(moved[0], gallery.labels, moved[1], queries.labels)
    assert after > before + 0.2
    named = [(adapter.classes[c],) for c in adapters.predict(adapter, queries.vectors).argmax(1)]
    assert np.mean([a == b for a, b in zip(named, queries.labels, strict=True)]) > 0.8


def test_separates_combinations_of_labels(multi_label: Adapter) -> None:
    assert multi_label.multi_label
    gallery, queries = several_labels(), several_labels(90, seed=1)
    before = precision(gallery.vectors, gallery.labels, queries.vectors, queries.labels)
    moved = [adapters.transform(multi_label, part.vectors) for part in (gallery, queries)]
    assert precision(moved[0], gallery.labels, moved[1], queries.labels) > before
    borne = np.array([[name in row for name in multi_label.classes] for row in queries.labels])
    assert np.mean((adapters.predict(multi_label, queries.vectors) > 0.5) == borne) > 0.8


def test_probabilities(adapter: Adapter, multi_label: Adapter) -> None:
    p = adapters.predict(adapter, clusters(seed=1).vectors)
    assert p.shape == (36, 3)
    assert p.dtype == np.float32
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    each = adapters.predict(multi_label, several_labels(seed=1).vectors)
    assert each.min() >= 0
    assert each.max() <= 1
    assert np.abs(each.sum(1) - 1).max() > 0.2


def test_ranks_within_a_class(adapter: Adapter) -> None:
    """Records of one class keep an order: no two of them fall together."""
    moved = adapters.transform(adapter, clusters(90, seed=1).vectors)
    cosines = moved @ moved.T
    assert cosines[~np.eye(90, dtype=bool)].max() < 1 - 1e-6


def test_saved_and_loaded_is_the_same(either: Adapter, tmp_path: Path) -> None:
    sha256 = adapters.save_adapter(either, tmp_path, "findings")
    loaded = adapters.load_adapter(tmp_path, "findings", sha256)
    vectors = clusters(seed=1).vectors
    assert np.array_equal(adapters.transform(loaded, vectors), adapters.transform(either, vectors))
    assert np.array_equal(adapters.predict(loaded, vectors), adapters.predict(either, vectors))
    for field in ("kind", "classes", "multi_label", "encoder", "training"):
        assert getattr(loaded, field) == getattr(either, field)
    assert adapters.save_adapter(loaded, tmp_path, "again") == sha256


_SERVE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "sklearn", "scipy"}:
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
import numpy as np
from pathlib import Path
from lookalike import adapters
for line in sys.stdin:
    name, sha256 = line.split("\t")
    folder = Path(name)
    adapter = adapters.load_adapter(folder, "findings", sha256.strip())
    np.save(folder / "served.npy", adapters.transform(adapter, np.load(folder / "vectors.npy")))
    print("served", flush=True)
"""


@pytest.fixture(scope="module")
def without_libraries() -> Iterator[subprocess.Popen[str]]:
    """Serves what is saved in each folder that it is told of, where there is neither torch nor scikit-learn."""
    command = [sys.executable, "-c", _SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_served_without_torch_and_scikit_learn(
    either: Adapter, tmp_path: Path, without_libraries: subprocess.Popen[str]
) -> None:
    sha256 = adapters.save_adapter(either, tmp_path, "findings")
    vectors = clusters(seed=1).vectors
    np.save(tmp_path / "vectors.npy", vectors)
    assert without_libraries.stdin is not None
    assert without_libraries.stdout is not None
    print(tmp_path, sha256, sep="\t", file=without_libraries.stdin, flush=True)
    assert without_libraries.stdout.readline() == "served\n"
    np.testing.assert_allclose(np.load(tmp_path / "served.npy"), adapters.transform(either, vectors), atol=1e-6)


def test_two_classes(kind: str) -> None:
    adapter = fit(kind, clusters(20, classes=2))
    assert adapters.predict(adapter, clusters(20, classes=2).vectors).shape == (20, 2)


def test_many_classes(kind: str) -> None:
    data = clusters(40, classes=20, spread=0.5)
    p = adapters.predict(fit(kind, data), data.vectors)
    assert p.shape == (40, 20)
    assert np.isfinite(p).all()


def test_eight_records(kind: str) -> None:
    data = clusters(8, classes=2, spread=0.5)
    adapter = fit(kind, data)
    named = [(adapter.classes[c],) for c in adapters.predict(adapter, data.vectors).argmax(1)]
    assert np.mean([a == b for a, b in zip(named, data.labels, strict=True)]) >= 0.75


def test_a_class_with_one_patient(kind: str) -> None:
    data = clusters(24, classes=2)
    data.labels[5] = ("rare",)
    adapter = fit(kind, data)
    assert "rare" in adapter.classes
    assert np.isfinite(adapters.transform(adapter, data.vectors)).all()


def test_all_records_of_one_patient(kind: str) -> None:
    data = clusters(12, classes=2)
    adapter = adapters.fit_adapter(kind, data.vectors, data.labels, ["one"] * 12, encoder=ENCODER)
    assert adapter.training["patients"] == 1


def test_equal_vectors_teach_nothing_but_do_no_harm(kind: str) -> None:
    vectors = np.full((8, DIM), DIM**-0.5, np.float32)
    adapter = adapters.fit_adapter(kind, vectors, [("a",), ("b",)] * 4, [str(i) for i in range(8)], encoder=ENCODER)
    for asked in (vectors, clusters(6).vectors):
        assert np.isfinite(adapters.transform(adapter, asked)).all()


def test_a_label_that_every_record_bears(kind: str) -> None:
    data = several_labels(24)
    labels = [("chest", *row) for row in data.labels]
    adapter = adapters.fit_adapter(kind, data.vectors, labels, data.patients, encoder=ENCODER)
    p = adapters.predict(adapter, data.vectors)
    assert (p[:, adapter.classes.index("chest")] > 0.5).all()
