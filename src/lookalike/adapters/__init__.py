"""Adapters: small networks that turn an encoder's vectors into ones that follow the user's labels.

``fit`` trains one on stored vectors, ``transform`` makes the new space's vectors from the old ones,
``predict`` gives label probabilities, ``save`` and ``load`` keep it. Kinds are plug-ins (entry point group
``lookalike.adapters``, see ``Trainer``). Only ``fit`` needs torch (kinds ``mlp`` and ``published``) or
scikit-learn (``linear``).
"""

from lookalike.adapters.adapter import Adapter, AdapterNetwork, predict, transform
from lookalike.adapters.files import load, prune, save
from lookalike.adapters.training import Trainer, fit, kinds

__all__ = ["Adapter", "AdapterNetwork", "Trainer", "fit", "kinds", "load", "predict", "prune", "save", "transform"]
