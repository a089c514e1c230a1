"""Adapters: small networks that turn an encoder's vectors into ones that follow the user's labels.

``fit`` trains one on stored vectors, ``transform`` makes the new space's vectors from the old ones,
``predict`` gives label probabilities, ``save`` and ``load`` keep it. Only ``fit`` needs torch (kinds ``mlp``
and ``published``) or scikit-learn (``linear``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lookalike.adapters import linear, mlp, published
from lookalike.adapters.adapter import Adapter, predict, transform
from lookalike.adapters.files import load, prune, save
from lookalike.adapters.samples import samples
from lookalike.errors import UsageError
from lookalike.plugins import suggestion
from lookalike.types import Vectors

__all__ = ["KINDS", "Adapter", "fit", "load", "predict", "prune", "save", "transform"]

_TRAINERS: Final = {"mlp": mlp.train, "linear": linear.train, "published": published.train}
KINDS: Final = tuple(_TRAINERS)


def fit(
    kind: str,
    vectors: Vectors,
    labels: Sequence[tuple[str, ...]],
    groups: Sequence[str],
    *,
    encoder: Mapping[str, str],
    seed: int = 0,
) -> Adapter:
    """Train an adapter on vectors (n, dim) with the labels and the patient of each.

    A record with several labels makes it a multi-label adapter (a sigmoid a label instead of a softmax).
    encoder: ``EncoderSpec.identity`` of the vectors. Any validation leaves whole patients of these records
    out; other records are never looked at. The same seed gives the same adapter on the same machine.

    Raises UsageError (an unknown kind, a record without a label, nothing to tell apart), MissingExtraError.
    """
    if kind not in _TRAINERS:
        raise UsageError(f"no adapter kind is called {kind!r}.{suggestion(kind, _TRAINERS)}")
    data = samples(vectors, labels, groups)
    network, notes = _TRAINERS[kind](data, seed)
    training = {
        "seed": seed,
        "samples": len(data.vectors),
        "patients": data.patients,
        "fingerprint": data.fingerprint,
        **notes,
    }
    return Adapter(kind, data.classes, data.multi_label, dict(encoder), training, network)
