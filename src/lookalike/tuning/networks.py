"""Networks made trainable: EfficientNet-Lite by its last blocks, transformers by low-rank updates."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import torch

from lookalike.encoders import EncoderEntry
from lookalike.encoders.families.ensemble import Ensemble
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
    if isinstance(entry, Ensemble):
        raise UsageError(_one_of(entry))
    encoder = entry.build()
    if not isinstance(encoder, TorchEncoder):
        raise UsageError(
            f"the network of {entry.spec.name!r} is no single network that runs in torch, so it cannot be tuned; make "
            "a gallery with one (lookalike index --encoder lite0) and tune that"
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LowRank(encoder.tower.cpu(), entry.spec.preprocessing.size)


def _one_of(ensemble: Ensemble) -> str:
    """What to do instead of tuning several networks as one."""
    first = ensemble.members[0][1].spec.name
    tuned = replace(ensemble, called="").name.replace(first, "mine", 1)
    return (
        f"{ensemble.name!r} is several networks, each of which is tuned for itself: make a gallery with one (lookalike "
        f"index SOURCES --gallery G --encoder {first}), tune that (lookalike tune --gallery G --name mine), and put it "
        f"in the place of {first}: lookalike gallery migrate --encoder {tuned}"
    )
