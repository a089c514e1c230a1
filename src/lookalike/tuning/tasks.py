"""What a network is trained for: a loss, with what is trained beside the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lookalike.tuning.losses import labelled_loss, two_view_loss
from lookalike.types import Vectors


class TrainingTask(NamedTuple):
    """loss: of unit vectors (n, dim) and the records (n,) that they are of. parameters: trained beside the network.
    views: of each picture in a step.
    """

    loss: Callable[[Tensor, NDArray[np.int64]], Tensor]
    parameters: list[nn.Parameter]
    views: int


def by_labels(targets: NDArray[np.float32], vectors: Vectors, records: NDArray[np.int64], device: str) -> TrainingTask:
    """Learn the labels of some records.

    targets (all records, labels) of 0 and 1; vectors (all records, dim): those before, of whose means the labels'
    directions start.
    """
    own = targets[records]
    means = own.T @ vectors[records] / np.maximum(own.sum(0), 1)[:, None]
    start = np.asarray(means - vectors[records].mean(0), np.float32)
    directions, wanted = nn.Parameter(torch.from_numpy(start).to(device)), torch.from_numpy(targets).to(device)

    def loss(seen: Tensor, of: NDArray[np.int64]) -> Tensor:
        return labelled_loss(seen, directions, wanted[torch.from_numpy(of).to(device)])

    return TrainingTask(loss, [directions], 1)


def by_views(patients: NDArray[np.int64]) -> TrainingTask:
    """Learn to tell records apart, without labels. patients (all records,): as numbers."""

    def loss(seen: Tensor, of: NDArray[np.int64]) -> Tensor:
        numbers = torch.from_numpy(np.stack([of, patients[of]])).to(seen.device)
        return two_view_loss(seen, numbers[0], numbers[1])

    return TrainingTask(loss, [], 2)
