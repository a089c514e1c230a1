"""The default adapter: a committee of small networks, trained all at once (torch, only to train).

Sixteen networks of one hidden layer see every record under strong Gaussian noise and dropout. What they
learn is smooth, which matters more with a hundred records than what they could fit, and they are trained
side by side as batched matrix products, in a few hundred milliseconds. Beside each runs a linear layer that
learns slowly ("wide and deep", Cheng et al. 2016, arXiv 1606.07792): with many records or more classes than
the hidden layer can tell apart, it takes over.

The noise and the number of steps are found by validation within the training set: each member leaves some
patients out, the records left out are judged by the members that have not seen them, and training stops when
their log-loss stops improving. The committee is then trained anew on all records, for twice as many steps:
log-loss punishes confidence, which does not harm a ranking.

The figures below were chosen on samples of six collections (X-ray, ultrasound, magnetic resonance).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.adapter import BASE_WEIGHT, AdapterNetwork
from lookalike.adapters.layers import Arrays, Layer, apply, dense
from lookalike.adapters.samples import Samples, patient_folds
from lookalike.calibration import sigmoid, softmax
from lookalike.errors import MissingExtraError
from lookalike.learning_curves import TrainingPoint, curves_followed
from lookalike.metrics import bootstrap_interval
from lookalike.progress import tracked

if TYPE_CHECKING:
    from torch import Tensor


MEMBERS: Final = 16
HIDDEN: Final = 32
NOISES: Final = (1.5, 0.5)  # in standard deviations of a component
DROPOUT: Final = 0.3
LEARNING_RATE: Final = 0.02
DIRECT_RATE: Final = 0.002
WEIGHT_DECAY: Final = 0.01
WARM_UP: Final = 10  # steps
FEWEST_STEPS, MOST_STEPS = 40, 400  # with few records the validation is too noisy to stop before 40
VALIDATION_FOLDS: Final = 8
MARGIN: Final = 0.95  # of the log-loss: less noise must improve it by this factor
CHECK_EVERY, PATIENCE = 10, 3  # steps; checks without a better log-loss
BATCH: Final = 512  # rows a step, all of them in a small gallery
JUDGED: Final = 2048  # rows used for validation
_RESAMPLES: Final = 200  # for the intervals that are drawn while it trains
_FLOOR: Final = 0.1  # of the overall deviation: components that hardly vary are not inflated


def train_mlp(data: Samples, seed: int) -> tuple[AdapterNetwork, dict[str, Any]]:
    """The network and training notes. Deterministic for a seed. Raises MissingExtraError without torch."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("the adapter kind 'mlp'", "mlp") from None
    mean, rotation = _standardise(data.vectors)
    x = np.asarray((data.vectors - mean) @ rotation, np.float32)
    with one_thread():
        noise, steps, notes = _validate(x, data, seed)
        for _, arrays in _steps(x, data, None, noise, steps, seed):
            weight, bias, head, head_bias, direct = arrays
    body = _on_vectors(weight, bias, mean, rotation), Layer("relu")
    wide = _on_vectors(direct, np.zeros_like(head_bias), mean, rotation)
    network = AdapterNetwork(body, (dense(head, head_bias),), (wide,), "probabilities", BASE_WEIGHT)
    return network, {"steps": steps, "noise": noise, "members": MEMBERS, **notes}


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread. With matrices this small threads wait for each other: a second one gains little on an idle
    machine, and on a busy one it turns half a second into a minute.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _standardise(vectors: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean, and the matrix that standardises centred vectors and rotates them onto their principal axes.

    n records span at most n - 1 directions; leaving out the others makes training faster.
    """
    mean = vectors.mean(0, dtype=np.float64)
    centred = vectors - mean
    overall = float(centred.std()) or 1.0
    scale = 1 / (centred.std(0) + _FLOOR * overall)
    if len(vectors) > vectors.shape[1]:
        return mean, np.diag(scale)
    _, spread, axes = np.linalg.svd(centred * scale, full_matrices=False)
    kept = max(1, int((spread > spread[0] * 1e-4).sum()))
    return mean, scale[:, None] * axes[:kept].T


def _on_vectors(weight: Arrays, bias: Arrays, mean: NDArray[np.float64], rotation: NDArray[np.float64]) -> Layer:
    """A layer on standardised components as one on the vectors themselves."""
    unfolded = rotation @ weight.astype(np.float64)
    return dense(unfolded, bias - (mean @ unfolded)[:, None])


def _validate(x: Arrays, data: Samples, seed: int) -> tuple[float, int, dict[str, Any]]:
    """The noise and the number of steps to train with, and their scores on patients left out."""
    if data.patients < 2:
        return NOISES[0], FEWEST_STEPS, {"validation_loss": None, "validation_accuracy": None}
    folds = patient_folds(data.groups, VALIDATION_FOLDS, seed)
    left_out = folds[None] == (np.arange(MEMBERS) % (folds.max() + 1))[:, None]
    best = _course(x, data, left_out, NOISES[0], seed + 1)
    for noise in NOISES[1:]:
        other = _course(x, data, left_out, noise, seed + 1)
        best = other if other[0] < MARGIN * best[0] else best
    loss, noise, step, accuracy = best
    notes = {"validation_loss": round(loss, 6), "validation_accuracy": round(accuracy, 6)}
    return noise, int(np.clip(2 * step, FEWEST_STEPS, MOST_STEPS)), notes


def _course(
    x: Arrays, data: Samples, left_out: NDArray[np.bool_], noise: float, seed: int
) -> tuple[float, float, int, float]:
    """The best step of one training run: its log-loss, the noise, its number and its accuracy."""
    best = (np.inf, noise, 0, 0.0)
    for step, arrays in _steps(x, data, ~left_out, noise, MOST_STEPS // 2, seed):
        if step % CHECK_EVERY:
            continue
        losses, right = _judge(x, data, left_out, arrays)
        _tell(np.stack([losses, right], 1), data, noise, step, seed)
        loss, accuracy = float(losses.mean()), float(right.mean())
        if loss < best[0]:
            best = (loss, noise, step, accuracy)
        elif step - best[2] >= PATIENCE * CHECK_EVERY:
            break
    return best


def _tell(judged: NDArray[np.floating], data: Samples, noise: float, step: int, seed: int) -> None:
    """Tell who follows the curves how the records left out are judged after some steps."""
    if (tell := curves_followed()) is None:
        return
    low, high = bootstrap_interval(judged, data.groups[: len(judged)], samples=_RESAMPLES, seed=seed)
    for i, measure in enumerate(("loss", "accuracy")):
        bounds = (float(low[i]), float(high[i])) if np.isfinite((low[i], high[i])).all() else (None, None)
        tell(TrainingPoint(measure, f"noise {noise:g}", step, float(judged[:, i].mean()), *bounds))


def _steps(
    x: Arrays, data: Samples, used: NDArray[np.bool_] | None, noise: float, steps: int, seed: int
) -> Iterator[tuple[int, list[Arrays]]]:
    """Train, and yield after each step its number and the current arrays (views, not copies).

    used (members, n): which rows each member may see, or None for all.
    """
    import torch
    from torch.nn.functional import relu

    generator = torch.Generator().manual_seed(seed)
    weight, bias, head, head_bias, direct = parameters = _initial(x.shape[1], data, generator)
    rates = [LEARNING_RATE] * 4 + [DIRECT_RATE]
    optimiser = torch.optim.AdamW([{"params": p} for p in parameters], weight_decay=WEIGHT_DECAY, fused=True)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(data.targets)
    share = torch.from_numpy(np.ones((MEMBERS, len(x)), np.float32) if used is None else used.astype(np.float32))
    loss_of = cross_entropies(data.multi_label)
    for step in tracked(range(1, steps + 1)):
        rows = torch.randperm(len(x), generator=generator)[:BATCH]
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, step / WARM_UP)
        noisy = inputs[rows] + noise * torch.randn(len(rows), x.shape[1], generator=generator)
        hidden = relu(torch.baddbmm(bias, noisy.expand(MEMBERS, -1, -1), weight))
        hidden = hidden * (torch.rand(hidden.shape, generator=generator) > DROPOUT) / (1 - DROPOUT)
        losses = loss_of(torch.baddbmm(head_bias, hidden, head) + noisy @ direct, targets[rows])
        part = share[:, rows]
        loss = (losses * part / part.sum(1, keepdim=True).clamp_min(1)).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield step, [parameter.detach().numpy() for parameter in parameters]


def _initial(inputs: int, data: Samples, generator: Any) -> list[Tensor]:
    import torch

    def normal(rows: int, columns: int, deviation: float) -> Tensor:
        drawn = torch.randn(MEMBERS, rows, columns, generator=generator) * deviation
        return drawn.requires_grad_()

    classes = len(data.classes)
    return [
        # a deviation that suits all components, even if only the principal axes are left
        normal(inputs, HIDDEN, data.vectors.shape[1] ** -0.5),
        torch.zeros(MEMBERS, 1, HIDDEN, requires_grad=True),
        normal(HIDDEN, classes, HIDDEN**-0.5),
        torch.zeros(MEMBERS, 1, classes, requires_grad=True),
        torch.zeros(MEMBERS, inputs, classes, requires_grad=True),
    ]


def cross_entropies(multi_label: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """(members, n, classes) logits, (n, classes) targets -> (members, n) cross-entropies."""
    from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

    if multi_label:
        return lambda logits, targets: binary_cross_entropy_with_logits(
            logits, targets.expand_as(logits), reduction="none"
        ).sum(-1)
    return lambda logits, targets: -(log_softmax(logits, -1) * targets).sum(-1)


def _judge(x: Arrays, data: Samples, left_out: NDArray[np.bool_], arrays: list[Arrays]) -> tuple[Arrays, Arrays]:
    """Log-loss (m,) and accuracy (m,) of the records (the first ``JUDGED``), by the members that have not seen them.

    Accuracy with several labels: the share of right yes-or-no answers.
    """
    weight, bias, head, head_bias, direct = arrays
    targets, judges = data.targets[:JUDGED], left_out[:, :JUDGED, None]
    logits = apply((dense(weight, bias), Layer("relu"), dense(head, head_bias)), x[None, :JUDGED])
    logits = logits + x[:JUDGED] @ direct
    members = sigmoid(logits) if data.multi_label else softmax(logits)
    p = np.clip((members * judges).sum(0) / judges.sum(0), 1e-7, 1 - 1e-7)
    if data.multi_label:
        cross_entropy = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(1)
        return cross_entropy, ((p > 0.5) == (targets > 0.5)).mean(1)
    return -np.log((p * targets).sum(1)), (p.argmax(1) == targets.argmax(1)).astype(np.float64)
