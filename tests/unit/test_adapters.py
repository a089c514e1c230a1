"""Adapters: the layers against torch, what is refused, files that are checked, the parts of the default kind."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import lookalike
from awaited import PATIENCE
from filled import fill
from lookalike import adapters, voting
from lookalike.adapters import Adapter, mlp, published
from lookalike.adapters.adapter import AdapterNetwork, flaw
from lookalike.adapters.layers import Layer, Operation, apply, dense
from lookalike.adapters.samples import patient_folds, samples
from lookalike.calibration import sigmoid, softmax
from lookalike.errors import DamagedFileError, MissingExtraError, NotWrittenError, UsageError
from lookalike.evaluation.inner_folds import InnerFolds
from lookalike.gallery import Gallery
from lookalike.learning_curves import TrainingPoint, curves_followed_by
from lookalike.types import Vectors
from lookalike.verbs.adapt import TOO_FEW


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def unit_rows(records: int, dim: int = 12, seed: int = 0) -> Vectors:
    return voting.unit_rows(drawn(records, dim, seed=seed))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """The published loop's small matrices gain nothing from threads, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


LABELS = [("a",), ("b",), ("a",), ("c",)] * 6
PATIENTS = [f"p{i // 2}" for i in range(24)]


@pytest.fixture(scope="module")
def linear() -> Adapter:
    return adapters.fit_adapter("linear", unit_rows(24), LABELS, PATIENTS, encoder={"name": "x"})


# Layers


@pytest.mark.parametrize(
    ("layer", "module"), [(Layer("relu"), nn.ReLU()), (Layer("gelu"), nn.GELU())], ids=["relu", "gelu"]
)
def test_activations_are_torch_s(layer: Layer, module: nn.Module) -> None:
    x = np.linspace(-9, 9, 4001, dtype=np.float32)[None, None]
    np.testing.assert_allclose(apply([layer], x), module(torch.from_numpy(x)).numpy(), atol=2e-6)


def test_norm_is_torch_s() -> None:
    module = nn.LayerNorm(7)
    nn.init.normal_(module.weight)
    nn.init.normal_(module.bias)
    layer = Layer("norm", module.weight.detach().numpy(), module.bias.detach().numpy())
    x = 5 * drawn(1, 9, 7) + 3
    np.testing.assert_allclose(apply([layer], x), module(torch.from_numpy(x)).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("inputs", [(1, 5, 7), (3, 5, 7)])
def test_dense_runs_every_member(inputs: tuple[int, int, int]) -> None:
    x, weight, bias = drawn(*inputs), drawn(3, 7, 4, seed=1), drawn(3, 4, seed=2)
    expected = np.einsum("mni,mio->mno", np.broadcast_to(x, (3, 5, 7)), weight) + bias[:, None]
    np.testing.assert_allclose(apply([dense(weight, bias)], x), expected, atol=1e-5)


def test_probabilities_do_not_overflow() -> None:
    extreme = np.array([[[1e4, -1e4, 0]]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(softmax(extreme), [[[1, 0, 0]]])
        np.testing.assert_allclose(sigmoid(extreme), [[[1, 0, 0.5]]])


def test_published_network_is_the_one_that_was_trained() -> None:
    """The convolutions over a length of 1 and their centre taps give the same logits and the same vector."""
    data = samples(unit_rows(24), LABELS, PATIENTS)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = published._network(12, 3)
        published._loop(network, data)
    with torch.no_grad():
        hidden = network[:-1](torch.from_numpy(data.vectors))
        logits = network[-1](hidden)
    adapter = adapters.fit_adapter("published", unit_rows(24), LABELS, PATIENTS, encoder={}, seed=3)
    assert adapters.transform(adapter, data.vectors).shape == (24, 254)
    np.testing.assert_allclose(adapters.transform(adapter, data.vectors), voting.unit_rows(hidden.numpy()), atol=1e-5)
    np.testing.assert_allclose(adapters.predict(adapter, data.vectors), logits.softmax(-1).numpy(), atol=1e-5)


def test_cosine_of_the_new_vectors(linear: Adapter) -> None:
    """As ``transform`` documents it: agreement of the probabilities, and how alike the two look."""
    vectors = unit_rows(9, seed=1)
    p, w = np.sqrt(adapters.predict(linear, vectors)), linear.network.base_weight
    expected = (p @ p.T + w**2 * (vectors @ vectors.T)) / (1 + w**2)
    moved = adapters.transform(linear, vectors)
    np.testing.assert_allclose(moved @ moved.T, expected, atol=1e-5)


def test_another_training_set_has_another_fingerprint(linear: Adapter) -> None:
    def fingerprint(vectors: Vectors, labels: list[tuple[str, ...]], patients: list[str]) -> str:
        return str(adapters.fit_adapter("linear", vectors, labels, patients, encoder={}).training["fingerprint"])

    vectors = unit_rows(24)
    assert fingerprint(vectors, LABELS, PATIENTS) == linear.training["fingerprint"]
    others = {
        fingerprint(vectors, [*LABELS[:-1], ("a",)], PATIENTS),
        fingerprint(vectors, LABELS, [*PATIENTS[:-1], "p0"]),
        fingerprint(unit_rows(24, seed=1), LABELS, PATIENTS),
        str(linear.training["fingerprint"]),
    }
    assert len(others) == 4


# What is refused


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([("a",)] * 4, "needs at least two; got 1"),
        ([("a", "b")] * 4, "every record bears the same labels"),
        ([("a",), ("b",), (), ("a",)], "without a label"),
        ([("a",), ("b",)], "got 4 vectors, 2 labels and 4 patients"),
    ],
)
@pytest.mark.parametrize("kind", adapters.kinds())
def test_nothing_to_learn(kind: str, labels: list[tuple[str, ...]], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        adapters.fit_adapter(kind, unit_rows(4), labels, ["p", "q", "r", "s"], encoder={})


def test_an_adapter_that_cannot_be_written_is_named(linear: Adapter, tmp_path: Path) -> None:
    (tmp_path / "adapters").write_bytes(b"")
    with pytest.raises(NotWrittenError, match="see whether its folder is there"):
        adapters.save_adapter(linear, tmp_path / "adapters", "a")


def test_no_records() -> None:
    with pytest.raises(UsageError, match="at least two"):
        adapters.fit_adapter("linear", np.empty((0, 5), np.float32), [], [], encoder={})


def test_vectors_that_are_not_finite() -> None:
    vectors = unit_rows(4)
    vectors[2, 3] = np.nan
    with pytest.raises(UsageError, match="finite"):
        adapters.fit_adapter("linear", vectors, [("a",), ("b",)] * 2, list("pqrs"), encoder={})


def test_unknown_kind_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'linear'"):
        adapters.fit_adapter("linaer", unit_rows(4), [("a",), ("b",)] * 2, list("pqrs"), encoder={})


def test_vectors_of_another_dimension(linear: Adapter) -> None:
    with pytest.raises(UsageError, match="takes vectors of 12 components"):
        adapters.transform(linear, unit_rows(3, dim=13))


_WITHOUT_TORCH = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch"}:
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
import numpy as np
from lookalike import adapters
from lookalike.errors import MissingExtraError
vectors, labels = np.eye(4, dtype=np.float32), [("a",), ("b",)] * 2
for kind in ("mlp", "published"):
    try:
        adapters.fit_adapter(kind, vectors, labels, list("pqrs"), encoder={})
    except MissingExtraError as error:
        print(error)
adapters.fit_adapter("linear", vectors, labels, list("pqrs"), encoder={})
"""


def test_without_torch_the_extra_is_named_and_linear_works() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.splitlines() == [
        str(MissingExtraError(f"the adapter kind '{kind}'", "mlp")) for kind in ("mlp", "published")
    ]


def test_importing_adapters_is_light() -> None:
    code = "import sys, lookalike.adapters; print({'torch', 'sklearn', 'scipy', 'safetensors'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.strip() == "set()"


# The validation within the training set


@given(
    groups=st.lists(st.integers(0, 30), min_size=1, max_size=80),
    count=st.integers(2, 10),
    seed=st.integers(0, 2**32 - 1),
)
def test_folds_keep_patients_whole_and_are_even(groups: list[int], count: int, seed: int) -> None:
    numbers = np.unique(groups, return_inverse=True)[1]
    folds = patient_folds(numbers, count, seed)
    fold_of = dict(zip(numbers.tolist(), folds.tolist(), strict=True))
    assert [fold_of[g] for g in numbers.tolist()] == folds.tolist()
    sizes = np.bincount(list(fold_of.values()))
    assert len(sizes) == min(count, len(fold_of))
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(folds, patient_folds(numbers, count, seed))


def test_members_never_see_the_patients_they_judge() -> None:
    """Whatever the records left out are, a member's arrays after some steps are the same."""
    x = drawn(24, 12)
    data = samples(unit_rows(24), LABELS, PATIENTS)
    used = np.ones((mlp.MEMBERS, 24), bool)
    used[:, 20:] = False
    changed = x.copy()
    changed[20:] += 7
    final = [
        [a.copy() for a in arrays]
        for part in (x, changed)
        for step, arrays in mlp._steps(part, data, used, 0.5, 5, 0)
        if step == 5
    ]
    for before, after in zip(*final, strict=True):
        np.testing.assert_allclose(before, after, atol=1e-7)


def test_the_validation_score_is_honest() -> None:
    """Labels without any meaning are learnt by heart, but the score noted is that of guessing."""
    rng = np.random.default_rng(0)
    labels = [(str(c),) for c in rng.integers(0, 4, 120)]
    adapter = adapters.fit_adapter("mlp", unit_rows(120, dim=64), labels, [str(i) for i in range(120)], encoder={})
    assert adapter.training["validation_accuracy"] < 0.4
    assert adapter.training["validation_loss"] > 0.95 * np.log(4)
    known = np.array(adapter.classes)[adapters.predict(adapter, unit_rows(120, dim=64)).argmax(1)]
    assert np.mean(known == [row[0] for row in labels]) > 0.6


def test_a_training_tells_its_curves_to_who_follows_it_and_is_the_same_otherwise() -> None:
    vectors, patients = unit_rows(60, dim=16), [str(i // 2) for i in range(60)]
    labels = [("a",), ("b",), ("c",)] * 20
    told: list[TrainingPoint] = []
    followed = adapters.fit_adapter("mlp", vectors, labels, patients, encoder={}, curves=told.append)
    with curves_followed_by(told.append):  # one that is trained on the way is not told of
        alone = adapters.fit_adapter("mlp", vectors, labels, patients, encoder={})
    assert followed.training == alone.training
    assert {(point.measure, point.run) for point in told} == {
        (measure, f"noise {noise}") for measure in ("loss", "accuracy") for noise in (1.5, 0.5)
    }
    assert min(point.value for point in told if point.measure == "loss") == pytest.approx(
        followed.training["validation_loss"], abs=1e-6
    )
    for point in told:
        assert point.step % 10 == 0
        assert point.low is not None
        assert point.high is not None
        assert point.low <= point.value <= point.high


def test_the_kind_that_chooses_tells_of_each_kind_after_each_fold() -> None:
    told: list[TrainingPoint] = []
    labels, patients = [("a",), ("b",)] * 20, [str(i) for i in range(40)]
    adapters.fit_adapter("auto", unit_rows(40, dim=8), labels, patients, encoder={}, curves=told.append)
    by_fold = [(point.run, point.step) for point in told if point.measure == "mean P@5"]
    assert by_fold == [(kind, fold) for fold in (1, 2, 3) for kind in ("linear", "lda", "svm", "mlp")]


# Files


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """One of: a flipped bit, a cut, a stretch set to zero."""
    way, at = rng.integers(3), int(rng.integers(len(data)))
    if way == 0:
        return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    if way == 1:
        return data[:at]
    length = int(rng.integers(1, 200))
    return data[:at] + bytes(min(length, len(data) - at)) + data[at + length :]


@pytest.mark.parametrize("ending", ["json", "safetensors"])
def test_any_damage_is_noticed(linear: Adapter, tmp_path: Path, ending: str) -> None:
    sha256 = adapters.save_adapter(linear, tmp_path, "findings")
    (path,) = tmp_path.glob(f"findings.*.{ending}")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    tried = 0
    while tried < 200:
        damaged = damage(whole, rng)
        if damaged == whole:  # zeros where zeros were
            continue
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=r"'findings' .*lookalike adapt --name findings"):
            adapters.load_adapter(tmp_path, "findings", sha256)
        tried += 1
    path.write_bytes(whole)
    adapters.load_adapter(tmp_path, "findings", sha256)


@pytest.mark.parametrize("ending", ["json", "safetensors"])
def test_a_missing_file_is_named(linear: Adapter, tmp_path: Path, ending: str) -> None:
    sha256 = adapters.save_adapter(linear, tmp_path, "findings")
    (path,) = tmp_path.glob(f"findings.*.{ending}")
    path.unlink()
    with pytest.raises(DamagedFileError, match=f"{path.name} is missing"):
        adapters.load_adapter(tmp_path, "findings", sha256)


def test_files_of_another_version(linear: Adapter, tmp_path: Path) -> None:
    import hashlib

    adapters.save_adapter(linear, tmp_path, "findings")
    (path,) = tmp_path.glob("*.json")
    text = json.dumps(json.loads(path.read_text()) | {"format": 99}).encode()
    sha256 = hashlib.sha256(text).hexdigest()
    (tmp_path / f"findings.{sha256[:16]}.json").write_bytes(text)
    with pytest.raises(DamagedFileError, match="written by another version"):
        adapters.load_adapter(tmp_path, "findings", sha256)


@pytest.mark.parametrize(
    "change",
    [
        {"head": ["dense", "eval"]},
        {"head": []},
        {"reading": "pickle"},
        {"classes": ["a"]},
        {"body": None},
        {"sha256": 3},
        {"base_weight": []},
        {"base_weight": None},
        {"base_weight": float("nan")},
        {"base_weight": 1e300},
    ],
)
def test_a_well_formed_file_that_is_no_adapter(linear: Adapter, tmp_path: Path, change: dict) -> None:
    """A gallery from elsewhere brings its own checksums."""
    import hashlib

    adapters.save_adapter(linear, tmp_path, "findings")
    (path,) = tmp_path.glob("*.json")
    (arrays,) = tmp_path.glob("*.safetensors")
    text = json.dumps(json.loads(path.read_text()) | change).encode()
    sha256 = hashlib.sha256(text).hexdigest()
    (tmp_path / f"findings.{sha256[:16]}.json").write_bytes(text)
    (tmp_path / f"findings.{sha256[:16]}.safetensors").write_bytes(arrays.read_bytes())
    with pytest.raises(DamagedFileError, match=r"'findings' .*train it again"):
        adapters.load_adapter(tmp_path, "findings", sha256)


def _layer(operation: Operation, *shape: int) -> Layer:
    return Layer(operation, np.ones(shape, np.float32), np.ones(shape, np.float32))


@pytest.mark.parametrize(
    "layers",
    [
        (_layer("norm", 999, 1, 1), _layer("norm", 1, 999, 1), _layer("norm", 1, 1, 2)),  # broadcast to 999 x 999 x 2
        (Layer("dense", np.ones((1, 2**40, 0), np.float32), np.ones((1, 1, 0), np.float32)),),
        (Layer("dense", np.ones((0, 2, 2**40), np.float32), np.ones((0, 1, 2**40), np.float32)),),
        (dense(np.ones((3, 2, 2)), np.ones((3, 2))), dense(np.ones((2, 2, 2)), np.ones((2, 2)))),
        (dense(np.ones((2, 3)), np.ones(3)), Layer("gate")),
        (Layer("relu", np.ones(2, np.float32)),),
    ],
)
def test_layers_that_do_not_fit_are_known_by_their_shapes(layers: tuple[Layer, ...]) -> None:
    """A file of somebody else's gallery: a few bytes would become an array that fills the memory."""
    good = dense(np.ones((2, 2)), np.ones(2))
    tracemalloc.start()
    try:
        for parts in ({"body": layers}, {"head": (good, *layers, good)}, {"direct": layers}, {"attention": layers}):
            network = AdapterNetwork(
                **{"body": (), "head": (good,), "direct": (), "reading": "hidden", "base_weight": 0.5, **parts}
            )
            assert flaw(network, 2)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_new_adapter_leaves_the_old_one_until_it_is_pruned(linear: Adapter, tmp_path: Path) -> None:
    other = adapters.fit_adapter("linear", unit_rows(24, seed=5), LABELS, PATIENTS, encoder={})
    first, second = (adapters.save_adapter(each, tmp_path, "findings") for each in (linear, other))
    neighbour = adapters.save_adapter(linear, tmp_path, "findings-2")
    for sha256 in (first, second):
        adapters.load_adapter(tmp_path, "findings", sha256)
    adapters.prune(tmp_path, "findings", second)
    adapters.load_adapter(tmp_path, "findings", second)
    adapters.load_adapter(tmp_path, "findings-2", neighbour)
    with pytest.raises(DamagedFileError):
        adapters.load_adapter(tmp_path, "findings", first)
    assert len(list(tmp_path.iterdir())) == 4


def test_an_adapter_is_compared_with_base_on_inner_folds(make_gallery: Callable[..., Gallery]) -> None:
    """The label is a small direction beside a large one that says nothing: base is poor, and the adapter finds it."""
    rng = np.random.default_rng(8)
    vectors, sign = 0.1 * rng.normal(size=(60, 384)), np.where(rng.random(60) < 0.5, 1, -1)
    vectors[:, 0], vectors[:, 1] = 3 * rng.normal(size=60), sign
    gallery = make_gallery()
    fill(gallery, list(vectors), [f"p{i // 2}" for i in range(60)], [(str(each),) for each in sign])
    result = lookalike.adapt(gallery, "s", kind="linear")
    found = result.training["inner_folds"]
    assert (result.worse, found["worse"]) == (False, False)
    assert found["gain"][0] == pytest.approx(found["adapter"] - found["base"], abs=1e-5)
    assert found["gain"][0] > 0.05
    report = lookalike.evaluate(gallery, space="s", folds=3, k=[5], samples=50)
    assert report.macro["P@5"] == pytest.approx(found["adapter"], abs=1e-6)
    assert f"{found['base']:.3f}" in result.note
    assert lookalike.search(gallery, vector=vectors[0], space="s").note == ""


@pytest.mark.parametrize(
    ("base", "adapter", "chance", "said"),
    [
        (0.5, 0.6, 0.4, None),
        (0.6, 0.5, 0.4, "worse than base"),
        (0.48, 0.5, 0.52, "no better than chance (0.520)"),
        (0.5, 0.5, 0.4, None),
        (0.3, 0.6, 0.4, None),
    ],
)
def test_an_adapter_that_does_worse_says_so(base: float, adapter: float, chance: float, said: str | None) -> None:
    gain = adapter - base
    folds = InnerFolds(3, 100, base, adapter, (gain, gain - 0.2, gain + 0.2), 0.01, chance, {}, 100)
    assert folds.worse is (said is not None)
    assert folds.accepted is (adapter - base > 0.2)
    assert (said or f"{adapter - base + 0.2:.2f}], p 0.010.") in folds.sentence("s")
    assert ("search in base" in folds.sentence("s")) is not folds.accepted


def test_a_gain_that_chance_gives_as_well_is_not_accepted() -> None:
    sure = InnerFolds(3, 100, 0.5, 0.6, (0.1, 0.02, 0.2), 0.05, 0.4, {}, 100)
    unsure = dataclasses.replace(sure, p=0.06)
    few = dataclasses.replace(sure, patients=10)
    assert (sure.accepted, unsure.accepted, few.accepted) == (True, False, True)
    assert "p is above .05, so the space 's' is not accepted" in unsure.sentence("s")
    assert sure.sentence("s").endswith("+0.100 [0.02, 0.20], p 0.050.")
    assert few.sentence("s").endswith("10 patients are few: intervals of fewer than 20 are likely too narrow.")


def test_too_few_patients_for_folds_are_no_verdict(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    vectors = np.random.default_rng(1).normal(size=(6, 384))
    fill(gallery, list(vectors), ["a", "a", "a", "b", "b", "b"], [("x",), ("y",)] * 3)
    result = lookalike.adapt(gallery, "s", kind="linear")
    assert (result.worse, result.note, result.training["inner_folds"]) == (False, TOO_FEW, None)
