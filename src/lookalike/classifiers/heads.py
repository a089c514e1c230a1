"""Classifiers of scikit-learn, trained on the vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import voting
from lookalike.classifiers.examples import Examples, Fitted, Settings, logits_of
from lookalike.metrics import Floats
from lookalike.types import Vectors

# For vectors of unit mean square length about their mean; C and gamma are scikit-learn's.
_LINEAR_C: Final = 10.0
_SVM_C, _SVM_GAMMA = 3.0, 0.5
_HIDDEN, _EPOCHS, _BATCH, _DECAY, _MEMBERS = 64, 30, 32, 1.0, 3

Scaled = Callable[[Vectors], Floats]


def linear(data: Examples, _settings: Settings) -> Fitted:
    """Logistic regression: a softmax over the labels, or with several labels one regression each."""
    from sklearn.linear_model import LogisticRegression

    scaled = _standardise(data.vectors)
    if data.multi_label:
        return _each_label(lambda: LogisticRegression(C=_LINEAR_C, max_iter=2000), data, scaled)
    model = LogisticRegression(C=_LINEAR_C, max_iter=2000)
    model.fit(scaled(data.vectors), data.members.argmax(axis=1))
    return Fitted(lambda queries: _spread(model.predict_log_proba(scaled(queries)), model.classes_, data))


def svm(data: Examples, _settings: Settings) -> Fitted:
    """One support vector machine a label (Gaussian kernel) against all other records; its margin is the logit."""
    from sklearn.svm import SVC

    return _each_label(lambda: SVC(C=_SVM_C, gamma=_SVM_GAMMA), data, _standardise(data.vectors))


def mlp(data: Examples, settings: Settings) -> Fitted:
    """The mean of three networks of one hidden layer. Needs no torch."""
    from sklearn.neural_network import MLPClassifier

    scaled = _standardise(data.vectors, length=data.vectors.shape[1] ** 0.5)
    x = scaled(data.vectors)
    answers = data.members.astype(int) if data.multi_label else data.members.argmax(axis=1)
    known = np.arange(len(data.classes)) if data.multi_label else np.unique(answers)
    models = [
        MLPClassifier((_HIDDEN,), alpha=_DECAY, batch_size=min(_BATCH, len(x)), random_state=settings.seed + member)
        for member in range(_MEMBERS)
    ]
    for model in models:
        for _ in range(_EPOCHS):  # partial_fit runs one epoch; fit would warn that it has not converged
            model.partial_fit(x, answers, classes=known)

    def logits(queries: Vectors) -> Floats:
        rows = scaled(queries)
        p = logits_of(np.mean([m.predict_proba(rows) for m in models], axis=0), multi_label=data.multi_label)
        return p if data.multi_label else _spread(p, known, data)

    return Fitted(logits)


def _standardise(vectors: Vectors, length: float = 1.0) -> Scaled:
    """Subtract the mean vector and divide by one number, so that the root mean square length is ``length``.

    Encoders differ in how narrow a cone their vectors fill; after this one C, gamma and learning rate fit all.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt(((vectors - mean) ** 2).sum(axis=1).mean())) or 1.0
    return lambda rows: np.asarray((rows - mean) * (length / scale))


def _each_label(make: Callable[[], Any], data: Examples, scaled: Scaled) -> Fitted:
    """One model a label; a label that all or no records have gets its share of the records."""
    x = scaled(data.vectors)
    overall = logits_of(voting.label_shares(data.members, multi_label=True), multi_label=True)
    models = [None if m.all() or not m.any() else make().fit(x, m) for m in data.members.T]

    def logits(queries: Vectors) -> Floats:
        rows = scaled(queries)
        columns = [
            np.full(len(rows), share) if model is None else model.decision_function(rows)
            for model, share in zip(models, overall, strict=True)
        ]
        return np.stack(columns, axis=1)

    return Fitted(logits)


def _spread(known: Floats, columns: Sequence[int] | NDArray[np.int64], data: Examples) -> Floats:
    """Logits of the classes that a fold holds -> of all classes; the others are less likely than any of them."""
    logits = np.tile(known.min(axis=1, keepdims=True) - 1, (1, len(data.classes)))
    logits[:, columns] = known
    return logits
