"""Train adapters: one interface for every kind, ours and third parties'."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from lookalike.adapters.adapter import Adapter, AdapterNetwork, flaw
from lookalike.adapters.samples import Samples, samples
from lookalike.errors import UsageError
from lookalike.learning_curves import Curves, curves_followed_by
from lookalike.plugins import defect, distribution_of, guarded, load_plugin, plugin_names, suggestion, unusable
from lookalike.types import Vectors

_GROUP: Final = "lookalike.adapters"


class Trainer(Protocol):
    """The training function of a kind of adapter: the object behind an entry point of ``lookalike.adapters``.

    The result is data, a network of the layers in ``layers``. It is saved as arrays and JSON, and neither the
    plug-in nor its libraries are needed to serve it.
    """

    def __call__(self, data: Samples, seed: int, /) -> tuple[AdapterNetwork, Mapping[str, Any]]:
        """Labelled vectors -> the network, and notes on the training that JSON can hold.

        data: ``vectors`` (n, dim) float32 with rows of unit length, ``targets`` (n, c) float32 of 0 and 1,
        ``groups`` (n,): the patient of each; any validation leaves whole patients out. ``slices``: of volumes the
        vectors of each record's slices. c is at least 2, and no
        record is without a label. The network takes rows (n, dim) and gives c logits, in the order of
        ``data.classes``. The same seed gives the same network. Global random states are left as they were.

        Raises MissingExtraError if it needs a package, UsageError if nothing can be learnt.
        """
        ...


def kinds() -> list[str]:
    """The names of the kinds of adapters: ours in alphabetical order, then third parties'."""
    return plugin_names(_GROUP)


def fit_adapter(
    kind: str,
    vectors: Vectors,
    labels: Sequence[tuple[str, ...]],
    groups: Sequence[str],
    *,
    encoder: Mapping[str, str],
    seed: int = 0,
    slices: Sequence[Vectors] = (),
    curves: Curves | None = None,
) -> Adapter:
    """Train an adapter on vectors (n, dim) with the labels and the patient of each.

    A record with several labels makes it a multi-label adapter (a sigmoid a label instead of a softmax).
    slices: those (n_i, dim) of each record, for kinds that weigh the slices of volumes.
    encoder: ``EncoderSpec.identity`` of the vectors. Any validation leaves whole patients of these records
    out; other records are never looked at. The same seed gives the same adapter on the same machine. curves: is told
    how it does on these patients as it goes on, by kinds that learn in steps.

    Raises UsageError (an unknown or broken kind, a record without a label, nothing to tell apart),
    MissingExtraError.
    """
    if kind not in kinds():
        raise UsageError(f"no adapter kind is called {kind!r}.{suggestion(kind, kinds())}")
    train: Trainer = load_plugin(_GROUP, kind, ("__call__",))
    data = samples(vectors, labels, groups, slices)
    by = distribution_of(_GROUP, kind)
    with curves_followed_by(curves), guarded("adapter", kind, by, "when it was trained"):
        network, notes = train(data, seed)
    _check(kind, network, notes, data)
    training = {
        "seed": seed,
        "samples": len(data.vectors),
        "patients": data.patients,
        "fingerprint": data.fingerprint,
        **notes,
    }
    return Adapter(kind, data.classes, data.multi_label, dict(encoder), training, network)


def _check(kind: str, network: AdapterNetwork, notes: Mapping[str, Any], data: Samples) -> None:
    """Raise UsageError for a network or notes that could not be saved or served."""
    wrong = flaw(network, len(data.classes))
    try:
        json.dumps(dict(notes))
    except (TypeError, ValueError):
        wrong = wrong or "its notes cannot be written as JSON"
    if wrong:
        raise unusable("adapter", defect(kind, wrong, distribution_of(_GROUP, kind)))
