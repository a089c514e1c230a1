"""Learned slice aggregation: attention over the slices of volumes, and the default adapter on what it pools.

Small committees of gated attentions (``attention``) are trained with a linear head, on a few principal axes of the
slices, each step on some of the slices of some of the volumes, under noise. Each member leaves some patients out, and
they choose the number of steps; no step at all is among the choices: equal weights, the mean of the slices. The
attention is then trained anew on all volumes, and the network of the kind ``mlp`` on the vectors that it pools.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.adapter import AdapterNetwork
from lookalike.adapters.attention import pooled_volumes
from lookalike.adapters.layers import Arrays, Layer, apply, dense
from lookalike.adapters.mlp import one_thread, train_mlp
from lookalike.adapters.samples import Samples, patient_folds
from lookalike.calibration import sigmoid, softmax
from lookalike.errors import MissingExtraError
from lookalike.progress import tracked

_MEMBERS: Final = 8
_WIDTH: Final = 8  # of the gate
_AXES: Final = 24  # principal axes of the slices
_FOLDS: Final = 4
_BATCH: Final = 64  # volumes a step
_DRAWN: Final = 24  # slices of a volume a step
_MOST_STEPS: Final = 120
_CHECK_EVERY: Final = 15
_RATE: Final = 0.03
_DECAY: Final = 0.05
_NOISES: Final = (1.0, 2.0)  # in standard deviations of a component of the means
_FLOOR: Final = 0.01
_MEASURED: Final = 20_000  # slices that the axes are found from
_MARGIN: Final = 0.95  # of the log-loss: attention must improve on equal weights by this factor


def train_slices(data: Samples, seed: int) -> tuple[AdapterNetwork, dict[str, Any]]:
    """The network and training notes. Deterministic for a seed. Without volumes it is that of the kind ``mlp``.

    Raises MissingExtraError without torch.
    """
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("the adapter kind 'slices'", "mlp") from None
    if all(len(each) == 1 for each in data.slices):
        network, notes = train_mlp(data, seed)
        return network, {**notes, "attention_steps": 0}
    axes = _axes(data)
    with one_thread():
        noise, steps, notes = _validate(axes, data, seed)
        arrays = [arrays for _, arrays in _steps(axes, data, None, noise, steps, seed)][-1:]
        attention = _layers(axes, arrays[0]) if arrays else ()
    if attention:
        data = replace(data, vectors=pooled_volumes(attention, data.slices))
    network, found = train_mlp(data, seed)
    return network._replace(attention=attention), {**found, **notes, "attention_steps": steps}


class _Axes:
    """The slices of all volumes on their principal axes, each with a standard deviation of 1 (n_i, axes)."""

    def __init__(self, mean: NDArray[np.float64], rotation: NDArray[np.float64], slices: tuple[Arrays, ...]) -> None:
        self.mean, self.rotation, self.slices = mean, rotation, slices
        means = np.stack([each.mean(axis=0) for each in slices])
        self.spread = np.asarray(means.std(axis=0) + _FLOOR, np.float32)  # of the means of the slices


def _axes(data: Samples) -> _Axes:
    step = max(1, sum(map(len, data.slices)) // _MEASURED)
    stacked = np.concatenate([each[::step] for each in data.slices]).astype(np.float64)
    mean = stacked.mean(axis=0)
    values, vectors = np.linalg.eigh((stacked - mean).T @ (stacked - mean) / len(stacked))
    kept = np.argsort(values)[::-1][:_AXES]
    kept = kept[: max(1, int((values[kept] > 1e-6 * values.max()).sum()))]
    rotation = vectors[:, kept] / np.sqrt(np.maximum(values[kept], 1e-12))
    return _Axes(mean, rotation, tuple(np.asarray((each - mean) @ rotation, np.float32) for each in data.slices))


def _layers(axes: _Axes, arrays: list[Arrays]) -> tuple[Layer, ...]:
    """The attention on base vectors."""
    gate, bias, score = arrays[:3]
    unfolded = axes.rotation @ gate.astype(np.float64)
    return (
        dense(unfolded, bias - (axes.mean @ unfolded)[:, None]),
        Layer("gate"),
        dense(score, np.zeros((_MEMBERS, 1, 1))),
    )


def _validate(axes: _Axes, data: Samples, seed: int) -> tuple[float, int, dict[str, Any]]:
    """The noise and how many steps serve best on patients left out, none if equal weights do; with both log-losses."""
    if data.patients < 2:
        return _NOISES[0], 0, {"attention_loss": None, "mean_loss": None}
    folds = patient_folds(data.groups, _FOLDS, seed)
    left_out = folds[None] == (np.arange(_MEMBERS) % (folds.max() + 1))[:, None]
    plain, best = (
        min(
            (_judge(axes, data, left_out, arrays), noise, step)
            for noise in _NOISES
            for step, arrays in _steps(axes, data, ~left_out, noise, _MOST_STEPS, seed + 1, learnt=learnt)
            if step % _CHECK_EVERY == 0
        )
        for learnt in (False, True)
    )
    losses = {"attention_loss": round(best[0], 6), "mean_loss": round(plain[0], 6)}
    return best[1], best[2] if best[0] < _MARGIN * plain[0] else 0, losses


def _steps(
    axes: _Axes,
    data: Samples,
    used: NDArray[np.bool_] | None,
    noise: float,
    steps: int,
    seed: int,
    *,
    learnt: bool = True,
) -> Iterator[tuple[int, list[Arrays]]]:
    """Train, and yield after each step its number and the current arrays: gate, its bias, score, head, its bias.

    used (members, n): which volumes each member may see, or None for all. learnt: whether the weights of the slices are
    learnt, or stay equal.
    """
    import torch

    from lookalike.adapters.mlp import cross_entropies

    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    gate, bias, score, head, head_bias = parameters = _initial(axes.rotation.shape[1], len(data.classes), generator)
    trained = parameters if learnt else [head, head_bias]
    optimiser = torch.optim.AdamW(trained, lr=_RATE, weight_decay=_DECAY)
    share = torch.from_numpy(np.ones((_MEMBERS, len(axes.slices)), np.float32) if used is None else used.astype("f4"))
    spread = torch.from_numpy(axes.spread)
    targets, loss_of = torch.from_numpy(data.targets), cross_entropies(data.multi_label)
    for step in tracked(range(1, steps + 1)):
        rows = rng.permutation(len(axes.slices))[:_BATCH]
        drawn, there = _drawn(axes, rows, rng)
        inputs = torch.from_numpy(drawn)
        gated = torch.einsum("nsd,mdw->mnsw", inputs, gate) + bias[:, None]
        first, second = gated.chunk(2, dim=-1)
        logits = torch.einsum("mnsw,mwo->mns", torch.tanh(first) * torch.sigmoid(second), score)
        weights = torch.softmax(logits.masked_fill(~torch.from_numpy(there), -torch.inf), dim=-1)
        pooled = torch.einsum("mns,nsd->mnd", weights, inputs) / spread
        pooled = pooled + noise * torch.randn(pooled.shape, generator=generator)
        losses = loss_of(torch.baddbmm(head_bias, pooled, head), targets[rows])
        part = share[:, rows]
        loss = (losses * part / part.sum(1, keepdim=True).clamp_min(1)).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield step, [parameter.detach().numpy() for parameter in parameters]


def _drawn(axes: _Axes, rows: NDArray[np.int64], rng: np.random.Generator) -> tuple[Arrays, NDArray[np.bool_]]:
    """Some slices of some volumes, padded: (n, slices, axes), and which of them are there (n, slices)."""
    chosen = [axes.slices[row] for row in rows.tolist()]
    chosen = [each[rng.permutation(len(each))[:_DRAWN]] for each in chosen]
    most = max(map(len, chosen))
    drawn, there = (
        np.zeros((len(chosen), most, chosen[0].shape[1]), np.float32),
        np.zeros((len(chosen), most), np.bool_),
    )
    for place, each in enumerate(chosen):
        drawn[place, : len(each)], there[place, : len(each)] = each, True
    return drawn, there


def _initial(inputs: int, classes: int, generator: Any) -> list[Any]:
    """Gate (members, inputs, 2 width), its bias, score (members, width, 1), head (members, inputs, classes), its bias:
    the weights of slices are equal at first.
    """
    import torch

    gate = torch.randn(_MEMBERS, inputs, 2 * _WIDTH, generator=generator) * inputs**-0.5
    shapes = ((_MEMBERS, 1, 2 * _WIDTH), (_MEMBERS, _WIDTH, 1), (_MEMBERS, inputs, classes), (_MEMBERS, 1, classes))
    return [gate.requires_grad_(), *(torch.zeros(shape, requires_grad=True) for shape in shapes)]


def _judge(axes: _Axes, data: Samples, left_out: NDArray[np.bool_], arrays: list[Arrays]) -> float:
    """The log-loss of the volumes, each by the members that have not seen its patient."""
    gate, bias, score, head, head_bias = arrays
    layers = dense(gate, bias), Layer("gate"), dense(score, np.zeros((_MEMBERS, 1, 1)))
    total = 0.0
    for row, slices in enumerate(axes.slices):
        judges = left_out[:, row]
        weights = softmax(apply(layers, slices[None])[..., 0])[judges]
        pooled = (weights @ slices) / axes.spread
        logits = np.einsum("md,mdc->mc", pooled, head[judges]) + head_bias[judges, 0]
        p = np.clip((sigmoid(logits) if data.multi_label else softmax(logits)).mean(axis=0), 1e-7, 1 - 1e-7)
        target = data.targets[row]
        total -= float((target * np.log(p) + (data.multi_label * (1 - target)) * np.log(1 - p)).sum())
    return total / len(axes.slices)
