"""Low-rank updates of linear layers: y = (W + B A) x (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lookalike.errors import DamagedFileError

DOWN, UP = ".down", ".up"
"""The names of A (rank, inputs) and of B (outputs, rank) of a layer follow the layer's own."""

_WRONG: Final = "the low-rank updates do not fit the network; copy the tuned encoder's folder again"


@torch.no_grad()
def add_low_rank(network: nn.Module, updates: Mapping[str, NDArray[np.float32]]) -> None:
    """Add B A to the weight of each linear layer that is named, in place.

    Raises DamagedFileError for a layer that is none of the network's, a matrix without the other, or another shape.
    """
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Linear)}
    names = {name.removesuffix(DOWN).removesuffix(UP) for name in updates}
    if {*updates} != {name + part for name in names for part in (DOWN, UP)} or not names <= layers.keys():
        raise DamagedFileError(_WRONG)
    for name in sorted(names):
        up, down, weight = updates[name + UP], updates[name + DOWN], layers[name].weight
        if (*up.shape[:1], *down.shape[1:]) != weight.shape or up.shape[1:] != down.shape[:1]:
            raise DamagedFileError(_WRONG)
        weight += torch.from_numpy(up @ down).to(weight)
