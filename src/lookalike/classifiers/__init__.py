"""Classifiers: each learns from labelled vectors and then gives logits for others.

One shape for all: ``fit(method, examples, settings)`` -> ``Fitted``. Their settings were chosen over seven public
collections and two encoders by patient-disjoint folds, not for any one of them; docs/classify.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from lookalike import voting
from lookalike.classifiers import clusters, heads, neighbours
from lookalike.classifiers.examples import Examples, Fitted, Settings, logits_of
from lookalike.errors import UsageError
from lookalike.plugins import suggestion

__all__ = ["METHODS", "MOST", "Examples", "Fitted", "Settings", "fit", "limited", "logits_of"]

_FITS: Final[dict[str, Callable[[Examples, Settings], Fitted]]] = {
    "knn": neighbours.knn,
    "centroid": neighbours.centroid,
    "k-means": clusters.k_means,
    "dbscan": clusters.dbscan,
    "agglomerative": clusters.agglomerative,
    "linear": heads.linear,
    "svm": heads.svm,
    "mlp": heads.mlp,
}
METHODS: Final = tuple(_FITS)

MOST: Final = 5000
"""Records that a method which trains is trained on; of more a random sample is taken. The vote takes all."""


def limited(method: str, data: Examples, seed: int) -> Examples:
    """The examples that a method is to learn from: all, or a sample of them (``MOST``)."""
    if method in ("knn", "centroid") or len(data.vectors) <= MOST:
        return data
    return data.take(data.sample(MOST, seed))


def fit(method: str, data: Examples, settings: Settings) -> Fitted:
    """Learn from the examples. Raises UsageError for a method that is not there."""
    if method not in _FITS:
        raise UsageError(f"no method is called {method!r}.{suggestion(method, _FITS)}")
    if (data.members == data.members[:1]).all():  # a fold of one class: nothing to tell apart
        overall = voting.label_shares(data.members, multi_label=data.multi_label)[None]
        constant = logits_of(overall, multi_label=data.multi_label)[0]
        return Fitted(lambda queries: np.tile(constant, (len(queries), 1)))
    return _FITS[method](data, settings)
