"""Support vector machines, whose kernel is the sum of a linear and a Gaussian one (scikit-learn).

The Gaussian one is taken through random features (Rahimi and Recht, NeurIPS 2007; orthogonal ones, Yu et al., NeurIPS
2016), so that the adapter is a few layers, and no vector of any record stands in it as a support vector would.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.adapter import BASE_WEIGHT, AdapterNetwork
from lookalike.adapters.layers import Arrays, Layer, apply, dense
from lookalike.adapters.out_of_fold import Head, calibrated_head
from lookalike.adapters.samples import Samples, whole_patients

MARGIN_PENALTY: Final = 3.0  # scikit-learn's C, for features of unit mean square length
GAMMA: Final = 0.5  # of the kernel exp(-gamma |x - y|^2), for vectors of unit mean square length about their mean
FEATURES: Final = 1024
MOST_MARGINS: Final = 2000  # records that it is trained on; of more a sample of patients


def train_svm(data: Samples, seed: int) -> tuple[AdapterNetwork, dict[str, Any]]:
    """The network and what was found of it. Deterministic for a seed, which draws the random features."""
    data = data.take(whole_patients(data.groups, MOST_MARGINS, seed))
    mean = data.vectors.mean(0, dtype=np.float64)
    scale = float(np.sqrt(((data.vectors - mean) ** 2).sum(1).mean())) or 1.0
    body = _gaussian_features(mean, scale, seed)
    plain = (data.vectors - mean) / scale
    features = np.concatenate([plain, np.asarray(apply(body, data.vectors[None])[0], np.float64)], axis=1)
    weight, bias = calibrated_head(_machines, features, data, seed)
    linear, gaussian = weight[: len(mean)] / scale, weight[len(mean) :]
    direct = dense(linear, -mean @ linear)
    return AdapterNetwork(body, (dense(gaussian, bias),), (direct,), "probabilities", BASE_WEIGHT), {}


def _gaussian_features(mean: NDArray[np.float64], scale: float, seed: int) -> tuple[Layer, ...]:
    """Layers from a vector to features whose inner products are near the kernel of the scaled vectors."""
    rng = np.random.default_rng(seed)
    inputs = len(mean)
    blocks = [_orthogonal(rng, inputs) for _ in range(-(-FEATURES // inputs))]
    weight = np.concatenate(blocks, axis=1)[:, :FEATURES] * np.sqrt(2 * GAMMA) / scale
    turned = rng.uniform(0, 2 * np.pi, FEATURES)
    return (dense(weight, turned - mean @ weight), Layer("cos"))


def _orthogonal(rng: np.random.Generator, inputs: int) -> NDArray[np.float64]:
    """Directions (inputs, inputs) at right angles, as long as Gaussian ones."""
    directions, _ = np.linalg.qr(rng.normal(size=(inputs, inputs)))
    lengths: NDArray[np.float64] = np.sqrt(rng.chisquare(inputs, inputs))
    return np.asarray(directions * lengths)


def _machines(features: NDArray[np.floating], targets: Arrays) -> Head:
    """The margin of each class against all others. A class that no row or every row has is a constant."""
    from sklearn.svm import SVC

    kernel = features @ features.T
    weight, bias = np.zeros((features.shape[1], targets.shape[1])), np.where(targets.any(0), 1.0, -1.0)
    for column, borne in enumerate(targets.T):
        if borne.all() or not borne.any():
            continue
        model = SVC(C=MARGIN_PENALTY, kernel="precomputed").fit(kernel, borne)
        weight[:, column] = model.dual_coef_[0] @ features[model.support_]
        bias[column] = model.intercept_[0]
    return weight, bias
