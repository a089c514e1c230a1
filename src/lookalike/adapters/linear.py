"""The adapter without torch: logistic regression (scikit-learn)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lookalike.adapters.adapter import BASE_WEIGHT, AdapterNetwork
from lookalike.adapters.layers import dense
from lookalike.adapters.samples import Samples

PENALTY: Final = 0.1  # scikit-learn's C, for components of unit deviation on average


def train_linear(data: Samples, _seed: int) -> tuple[AdapterNetwork, dict[str, Any]]:
    """The network, without a body, and no notes. The optimum is unique: no seed is needed.

    Softmax over the classes, or with several labels one regression a label.
    """
    mean = data.vectors.mean(0, dtype=np.float64)
    centred = data.vectors - mean
    scale = float(centred.std()) or 1.0
    regress = _one_a_label if data.multi_label else _softmax
    weight, bias = regress(centred / scale, data)
    head = dense(weight / scale, bias - mean @ weight / scale)
    return AdapterNetwork((), (head,), (), "probabilities", BASE_WEIGHT), {}


def _softmax(x: Any, data: Samples) -> tuple[Any, Any]:
    """Weight (dim, classes) and bias (classes,)."""
    return _fitted(x, data.targets.argmax(1))


def _one_a_label(x: Any, data: Samples) -> tuple[Any, Any]:
    """One regression a label. A label that every record has needs none: its logit is a constant."""
    columns = []
    for borne in data.targets.T:
        if borne.all():
            columns.append((np.zeros(x.shape[1]), np.log(len(borne) + 1.0)))  # Laplace's rule of succession
        else:
            weight, bias = _fitted(x, borne)
            # both logits of a pair, z/2 and -z/2, become the one logit z
            columns.append((weight[:, 1] - weight[:, 0], bias[1] - bias[0]))
    weights, biases = zip(*columns, strict=True)
    return np.stack(weights, axis=1), np.array(biases)


def _fitted(x: Any, answers: Any) -> tuple[Any, Any]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=PENALTY, max_iter=1000).fit(x, answers)
    weight, bias = model.coef_.T, model.intercept_
    if weight.shape[1] == 1:  # two classes: scikit-learn keeps one logit
        weight, bias = np.hstack([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    return weight, bias
