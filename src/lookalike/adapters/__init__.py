"""Adapters: small networks that turn an encoder's vectors into ones that follow the user's labels.

``fit`` trains one on stored vectors, ``transform`` computes the new space's vectors from the old ones,
``predict`` gives label probabilities, ``save`` and ``load`` keep it. Kinds are plug-ins (entry point group
``lookalike.adapters``, see ``Trainer``). Only ``fit`` needs torch (kinds ``mlp`` and ``published``) or
scikit-learn (``linear``).
"""

from lookalike.adapters.adapter import Adapter, AdapterNetwork, predict, transform
from lookalike.adapters.criterion import Criterion, criterion_of, is_accepted
from lookalike.adapters.files import load_adapter, prune, save_adapter
from lookalike.adapters.training import Trainer, fit_adapter, kinds

__all__ = [
    "Adapter",
    "AdapterNetwork",
    "Criterion",
    "Trainer",
    "criterion_of",
    "fit_adapter",
    "is_accepted",
    "kinds",
    "load_adapter",
    "predict",
    "prune",
    "save_adapter",
    "transform",
]
