"""Networks that are tuned: the torch twin is the packaged graph, and what changes in one changes in the other."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

import tiny_checkpoints
from lookalike import encoders
from lookalike.encoders.catalogue.golden import golden_picture
from lookalike.encoders.families.lite import BUNDLED, LITE0_INNER, Lite
from lookalike.encoders.families.tuned import learnt_from, write_tuned
from lookalike.encoders.runtimes.torch import Normalise
from lookalike.encoders.weights.checkpoints import MODELS_FOLDER
from lookalike.errors import UsageError
from lookalike.pixels import prepare
from lookalike.tuning.lite_network import LiteTwin
from lookalike.tuning.losses import attraction, labelled_loss, overlap, two_view_loss
from lookalike.tuning.low_rank_network import LowRank
from lookalike.tuning.networks import trainable
from lookalike.tuning.training import cycle, epochs_of
from lookalike.tuning.views import views


def pictures(entry: Lite) -> np.ndarray:
    recipe = entry.spec.preprocessing
    noise = np.random.default_rng(0).integers(0, 256, (2, *recipe.size, 3)).astype(np.uint8)
    return np.concatenate([prepare(golden_picture(), recipe)[None], noise])


@torch.no_grad()
def by_twin(twin: LiteTwin, entry: Lite) -> np.ndarray:
    vectors: np.ndarray = twin(Normalise(entry.spec.preprocessing)(torch.from_numpy(pictures(entry)))).numpy()
    return vectors


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_the_twin_gives_the_graphs_vectors_before_and_after_training(entry: Lite) -> None:
    twin = LiteTwin(entry)
    np.testing.assert_allclose(by_twin(twin, entry), entry.build().encode_inputs(pictures(entry)), atol=1e-5)
    assert twin.changed() == {}
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in filter(lambda each: each.requires_grad, twin.parameters()):
            parameter.mul_(1 + 0.05 * torch.randn(parameter.shape, generator=generator))
    changed = entry.with_weights(entry.spec, twin.changed())
    after, patches = changed.encode_inputs_with_patches(pictures(entry))
    np.testing.assert_allclose(after, by_twin(twin, entry), atol=1e-4)
    before, old = entry.build().encode_inputs_with_patches(pictures(entry))
    assert np.abs(after - before).max() > 0.01
    assert patches.shape == old.shape
    assert np.abs(patches - old).max() > 0.01


def test_blocks_5_to_14_are_trained() -> None:
    twin = LiteTwin(LITE0_INNER)
    trained = [any(p.requires_grad for p in block.parameters()) for block in twin.blocks]
    assert trained == [False] * 5 + [True] * 10
    assert not any(p.requires_grad for p in twin.stem.parameters())
    count = sum(p.numel() for p in twin.parameters() if p.requires_grad)
    assert 1_500_000 < count < 2_400_000


def test_a_view_moves_a_picture_and_keeps_its_range() -> None:
    inputs = torch.from_numpy(pictures(LITE0_INNER))
    plain = inputs.permute(0, 3, 1, 2).float()
    seen = views(inputs, np.random.default_rng(0), mirror=True)
    assert seen.shape == plain.shape
    assert (seen.min() >= 0, seen.max() <= 255) == (True, True)
    assert (seen - plain).abs().mean() > 5
    again = views(inputs, np.random.default_rng(0), mirror=True)
    assert torch.equal(seen, again)


def test_only_a_mirror_mirrors() -> None:
    """A picture that is bright on the left stays so, unless views are mirrored."""
    half = np.zeros((64, 32, 32, 3), np.uint8)
    half[:, :, :16] = 200
    sides = []
    for mirror in (False, True):
        seen = views(torch.from_numpy(half), np.random.default_rng(0), mirror=mirror)
        sides.append((seen[:, :, :, :16].mean((1, 2, 3)) > seen[:, :, :, 16:].mean((1, 2, 3))).float().mean().item())
    assert sides[0] == 1
    assert 0.3 < sides[1] < 0.7


def test_attraction_is_the_mean_cross_entropy_to_what_belongs_together() -> None:
    """Against the formula, one row at a time."""
    rng = np.random.default_rng(0)
    vectors = functional.normalize(torch.from_numpy(rng.normal(size=(6, 4))))
    targets = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0]], dtype=torch.float64)
    weights, logits, losses = overlap(targets).numpy(), (vectors @ vectors.T / 0.1).numpy(), []
    for i in range(6):
        others = [j for j in range(6) if j != i]
        total = sum(weights[i, j] for j in others)
        log_sum = np.log(np.exp(logits[i, others]).sum())
        losses.append(sum(weights[i, j] * (log_sum - logits[i, j]) for j in others) / total)
    assert attraction(vectors, overlap(targets)).item() == pytest.approx(np.mean(losses))
    np.testing.assert_allclose(weights[1], [0.5, 1, 0.5, 0, 1 / 3, 0.5])


def test_a_record_of_the_same_patient_does_not_repel() -> None:
    vectors = functional.normalize(torch.tensor([[1.0, 0], [0.9, 0.1], [1, 0.05], [0.95, 0]]))
    records = torch.tensor([0, 1, 0, 1])
    apart, same = (two_view_loss(vectors, records, torch.tensor(p)).item() for p in ([0, 1, 0, 1], [0, 0, 0, 0]))
    assert same == pytest.approx(0, abs=1e-6)
    assert apart > 0.3


def test_a_label_that_draws_its_records_together_costs_less() -> None:
    targets = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    apart, together = (
        labelled_loss(functional.normalize(torch.tensor(rows)), torch.eye(2), targets).item()
        for rows in ([[1.0, 1], [1, 1], [1, 1], [1, 1]], [[1.0, 0.1], [1, 0], [0, 1], [0.1, 1]])
    )
    assert together < apart / 2


def test_the_rate_rises_and_falls_once() -> None:
    rates = [cycle(share) for share in np.linspace(0, 1, 101)]
    top = int(np.argmax(rates))
    assert top == 30
    assert all(a < b for a, b in pairwise(rates[: top + 1]))
    assert all(a > b for a, b in pairwise(rates[top:]))
    assert (rates[top], round(rates[-1], 6)) == (1, 0)


@pytest.mark.parametrize(("pictures", "epochs"), [(1280, 12), (96, 80), (10, 240), (32_000, 1), (6_400, 6)])
def test_small_galleries_are_gone_through_more_often(pictures: int, epochs: int) -> None:
    assert epochs_of(pictures, "cpu") == epochs


def test_only_networks_that_can_be_trained_are_taken() -> None:
    assert encoders.untuned("lite0-inner") is LITE0_INNER


@pytest.mark.parametrize("family", ["vit", "clip", "swin"])
def test_low_rank_updates_are_kept_as_they_were_trained(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_checkpoints.FAMILIES[family](tmp_path / family)
    monkeypatch.setenv(MODELS_FOLDER, str(tmp_path))
    entry = encoders.entry(family)
    network = trainable(entry, 0)
    assert isinstance(network, LowRank)
    assert not any("text" in name for name, _ in network.layers)
    inputs = np.random.default_rng(0).integers(0, 256, (3, *entry.spec.preprocessing.size, 3)).astype(np.uint8)
    pixels = Normalise(entry.spec.preprocessing)(torch.from_numpy(inputs))
    before = entry.build().encode_inputs(inputs)
    with torch.no_grad():
        np.testing.assert_allclose(network(pixels).numpy(), before, atol=1e-5)
        for matrix in network.up:
            matrix.normal_(generator=torch.Generator().manual_seed(0))
        after = network(pixels).numpy()
    assert np.abs(after - before).max() > 0.01
    facts: Any = {"trained_on": ["x"], "note": "n", "training": {}, "learnt": learnt_from([])}
    write_tuned(tmp_path / "made", entry.spec, network.changed(), **facts)
    kept = encoders.load("made")
    np.testing.assert_allclose(kept.encode_inputs(inputs), after, atol=1e-5)
    assert not isinstance(kept, encoders.TextEncoder)
    with pytest.raises(UsageError, match="there already"):
        write_tuned(tmp_path / "made", entry.spec, {}, **facts)
    assert {path.name for path in tmp_path.iterdir()} == {family, "made"}
