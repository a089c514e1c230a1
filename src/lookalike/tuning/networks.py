"""Networks made trainable: EfficientNet-Lite by its last blocks, transformers by low-rank updates."""

from __future__ import annotations

from typing import TypeAlias

import torch

from lookalike.encoders import EncoderEntry
from lookalike.encoders.families.lite import Lite
from lookalike.encoders.runtimes.torch import TorchEncoder
from lookalike.errors import UsageError
from lookalike.tuning.lite_network import LiteTwin
from lookalike.tuning.low_rank_network import LowRank

TrainableNetwork: TypeAlias = LiteTwin | LowRank
"""A module whose forward makes unit vectors (n, dim) of normalised pixels (n, 3, rows, columns), and ``changed()``."""


def trainable(entry: EncoderEntry, seed: int) -> TrainableNetwork:
    """An encoder's network, to be trained. Raises UsageError for one that cannot be; as ``build`` of the entry."""
    if isinstance(entry, Lite):
        return LiteTwin(entry)
    encoder = entry.build()
    if not isinstance(encoder, TorchEncoder):
        raise UsageError(
            f"the network of {entry.spec.name!r} is no single network that runs in torch, so it cannot be tuned; make "
            "a gallery with one (lookalike index --encoder lite0) and tune that"
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LowRank(encoder.tower.cpu(), entry.spec.preprocessing.size)
