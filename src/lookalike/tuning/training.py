"""The training loop: views of pictures, a loss, AdamW with one cycle of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from lookalike.encoders.runtimes.device import torch_device
from lookalike.encoders.runtimes.torch import Normalise
from lookalike.learning_curves import TrainingPoint, curves_followed
from lookalike.progress import tracked
from lookalike.tuning.networks import TrainableNetwork
from lookalike.tuning.pictures import PreparedPictures
from lookalike.tuning.tasks import TrainingTask
from lookalike.tuning.views import views
from lookalike.types import Preprocessing

_BATCH: Final = 32
_WARM_UP: Final = 0.3  # of all steps
_EPOCHS: Final = 12
_LEAST_STEPS: Final = 240
"""A small gallery is gone through more often."""
_TOLD: Final = 60  # points of the curve of its loss
_MOST_STEPS: Final = {"cpu": 1_200, "cuda": 24_000}
"""A large one less often: about twenty minutes on two cores with lite0."""


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """epochs: None for as many as ``epochs_of`` says. mirror: whether views may be mirrored."""

    seed: int
    mirror: bool
    epochs: int | None = None


def epochs_of(pictures: int, device: str) -> int:
    """How often that many pictures are gone through, fixed beforehand: no part of the gallery chooses it."""
    steps = max(1, pictures // _BATCH)
    return max(1, min(max(_EPOCHS, math.ceil(_LEAST_STEPS / steps)), _MOST_STEPS[device] // steps))


def device_here() -> str:
    """The processor, or a GPU where torch sees one and nobody has said otherwise."""
    return torch_device().type


def train(
    network: TrainableNetwork,
    pixels: Preprocessing,
    pictures: PreparedPictures,
    records: NDArray[np.int64],
    task: TrainingTask,
    recipe: TrainingRecipe,
) -> int:
    """Train a network, in place, on some records' pictures; returns the epochs. The same seed gives the same weights on
    the same machine.
    """
    device, rows, rng = device_here(), pictures.of(records), np.random.default_rng(recipe.seed)
    network.to(device)
    normalise = Normalise(pixels).to(device)
    epochs = recipe.epochs or epochs_of(len(rows), device)
    batches = list(_batches(rows, epochs, rng))
    parameters = [*(p for p in network.parameters() if p.requires_grad), *task.parameters]
    optimiser = torch.optim.AdamW(parameters)
    told = _LossCurve(len(batches))
    for number, batch in enumerate(tracked(batches)):
        optimiser.param_groups[0]["lr"] = network.rate * cycle((number + 0.5) / len(batches))
        inputs = torch.from_numpy(pictures.inputs[batch]).to(device).repeat(task.views, 1, 1, 1)
        seen = views(inputs, rng, mirror=recipe.mirror)
        vectors = network(normalise(seen.permute(0, 2, 3, 1)))
        loss = task.loss(vectors, np.tile(pictures.owners[batch], task.views))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        told.add(number + 1, loss)
    return epochs


class _LossCurve:
    """Tells who follows the curves the mean loss of the steps since the last point."""

    def __init__(self, steps: int) -> None:
        self._tell, self._every = curves_followed(), max(1, math.ceil(steps / _TOLD))
        self._since: list[torch.Tensor] = []

    def add(self, step: int, loss: torch.Tensor) -> None:
        if self._tell is None:
            return
        self._since.append(loss.detach())
        if step % self._every == 0:
            self._tell(TrainingPoint("loss", "", step, float(torch.stack(self._since).mean())))
            self._since.clear()


def cycle(done: float) -> float:
    """The learning rate at a share of all steps, of its highest: one cycle (Smith and Topin 2018, arXiv 1708.07120)."""
    if done < _WARM_UP:
        return 1 / 25 + 24 / 25 * (1 - math.cos(math.pi * done / _WARM_UP)) / 2
    return (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP))) / 2


def _batches(rows: NDArray[np.int64], epochs: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Picture numbers, every picture once an epoch, but for the last few that make no full batch."""
    size = min(_BATCH, len(rows))
    for _ in range(epochs):
        order = rng.permutation(rows)
        yield from (np.sort(order[i : i + size]) for i in range(0, len(order) - size + 1, size))
