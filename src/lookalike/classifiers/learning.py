"""Train classifiers: one interface for every method, ours and third parties'."""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np

from lookalike import voting
from lookalike.classifiers.examples import Examples, Fitted, Settings, logits_of
from lookalike.errors import UsageError
from lookalike.plugins import distribution_of, guarded, load_plugin, plugin_names, suggestion

_GROUP: Final = "lookalike.classifiers"

MOST_RECORDS: Final = 5000
"""The most records that a method is trained on; of more a random sample is taken."""


class ClassifierMethod(Protocol):
    """The training function of a method: the object behind an entry point of ``lookalike.classifiers``.

    It may have the attribute ``every_record``: if true, it compares and does not train. Then it is given all records,
    however many there are, and readers of a server may ask for it.
    """

    def __call__(self, data: Examples, settings: Settings, /) -> Fitted:
        """Labelled vectors -> a fitted classifier.

        data: ``vectors`` (n, dim) float32 with rows of unit length; ``members`` (n, c) bool, at least two rows of
        which differ. A column may be all false: a class that this fold has not. The logits are (q, c) float64,
        finite, for one query or more, in the order of ``data.classes``: log-probabilities up to a constant a row,
        or with ``data.multi_label`` the log-odds of each label; they are calibrated afterwards. The same seed gives
        the same logits.

        Raises MissingExtraError if it needs a package, UsageError if nothing can be learnt.
        """
        ...


def on_every_record(method: ClassifierMethod) -> ClassifierMethod:
    """Mark a method that is given all records, however many there are, since it compares and does not train."""
    method.__dict__["every_record"] = True
    return method


def methods() -> list[str]:
    """The names of the methods: ours in alphabetical order, then third parties'."""
    return plugin_names(_GROUP)


def limited(method: str, data: Examples, seed: int) -> Examples:
    """The examples that a method is trained on: all, or a sample of them (``MOST_RECORDS``)."""
    if len(data.vectors) <= MOST_RECORDS or (method in methods() and not trains(method)):
        return data
    return data.take(data.sample(MOST_RECORDS, seed))


def trains(method: str) -> bool:
    """Whether a method of ``methods`` is trained on the records, which takes seconds to minutes, or only compares."""
    return not getattr(_loaded(method), "every_record", False)


def fit_classifier(method: str, data: Examples, settings: Settings) -> Fitted:
    """Train a method on examples. Raises UsageError for a method that is unknown or broken."""
    if method not in methods():
        raise UsageError(f"no method is called {method!r}.{suggestion(method, methods())}")
    learn = _loaded(method)
    # A fold with one of several classes: nothing to distinguish. Of a single class a vote still has its voters.
    if len(data.classes) > 1 and (data.members == data.members[:1]).all():
        overall = voting.label_shares(data.members, multi_label=data.multi_label)[None]
        constant = logits_of(overall, multi_label=data.multi_label)[0]
        return Fitted(lambda queries: np.tile(constant, (len(queries), 1)))
    with guarded("classifier", method, distribution_of(_GROUP, method), "when it was trained"):
        return learn(data, settings)


def _loaded(method: str) -> ClassifierMethod:
    found: Any = load_plugin(_GROUP, method, ("__call__",))
    learn: ClassifierMethod = found
    return learn
