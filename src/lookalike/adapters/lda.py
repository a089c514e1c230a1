"""Linear discriminant analysis with a shrunk covariance (scikit-learn)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.adapter import BASE_WEIGHT, AdapterNetwork
from lookalike.adapters.layers import Arrays, dense
from lookalike.adapters.out_of_fold import Head, calibrated_head
from lookalike.adapters.samples import Samples


def train_lda(data: Samples, seed: int) -> tuple[AdapterNetwork, dict[str, Any]]:
    """The network, without a body, and no notes. The seed deals the folds that calibrate it.

    Each class is a Gaussian, all with one covariance: that of the records about the mean of their class, shrunk
    towards a multiple of the identity as Ledoit and Wolf (J. Multivariate Analysis 88, 2004) do. With several labels a
    discriminant each, of the records with it and without it.
    """
    centre = data.vectors.mean(0, dtype=np.float64)
    fit = _each_label if data.multi_label else _one_label
    weight, bias = calibrated_head(fit, data.vectors - centre, data, seed)
    return AdapterNetwork((), (dense(weight, bias - centre @ weight),), (), "probabilities", BASE_WEIGHT), {}


def _one_label(x: NDArray[np.floating], targets: Arrays) -> Head:
    """Log-posteriors of the classes, up to a constant a row."""
    counts = targets.sum(0)
    means = (targets.T @ x) / np.maximum(counts, 1)[:, None]
    weight = _solved(x - targets @ means, means.T)
    # A class without a record is as rare as half of one.
    prior = np.log(np.maximum(counts, 0.5) / len(x))
    return weight, prior - 0.5 * (means.T * weight).sum(0)


def _each_label(x: NDArray[np.floating], targets: Arrays) -> Head:
    """The log-odds of each label."""
    heads = [_one_label(x, np.stack([1 - borne, borne], axis=1)) for borne in targets.T]
    weights, biases = ([pair[..., 1] - pair[..., 0] for pair in pairs] for pairs in zip(*heads, strict=True))
    return np.stack(weights, axis=1), np.array(biases)


def _solved(residuals: NDArray[np.floating], means: NDArray[np.floating]) -> NDArray[np.float64]:
    """The shrunk covariance of the residuals (n, f), inverted, times the means (f, classes)."""
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(residuals, assume_centered=True)
    least = 1e-6 * float((means**2).sum(0).max()) or 1.0  # records of a class that do not differ at all
    return np.asarray(np.linalg.solve(covariance + least * np.eye(len(covariance)), means), np.float64)
