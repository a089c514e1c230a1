"""A trained adapter, and how it transforms vectors and predicts labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from lookalike.adapters.attention import pooled_volumes
from lookalike.adapters.layers import Arrays, Layer, apply, made_by
from lookalike.calibration import sigmoid, softmax
from lookalike.errors import UsageError
from lookalike.types import Vectors
from lookalike.voting import unit_rows

Reading: TypeAlias = Literal["hidden", "probabilities"]
BASE_WEIGHT: Final = 0.5
"""The default weight of the base vector in the new one, for adapters that read probabilities."""

_BLOCK: Final = 4096  # rows a pass: bounds the memory of the members' hidden layers


class AdapterNetwork(NamedTuple):
    """body and head: vector -> hidden -> one logit a class, for each member. direct: vector -> logits that
    are added to every member's; may be empty. The members' probabilities are averaged.

    reading: what becomes the new vector (see ``transform``). base_weight: the weight of the base vector in it.
    attention: slice -> one logit, for each member: what the slices of a volume weigh (``attention``); where it is empty
    a volume is the mean of its slices.
    """

    body: tuple[Layer, ...]
    head: tuple[Layer, ...]
    direct: tuple[Layer, ...]
    reading: Reading
    base_weight: float
    attention: tuple[Layer, ...] = ()

    @property
    def inputs(self) -> int:
        """The dimension of the vectors it was trained on."""
        first = (*self.body, *self.head)[0].weight
        assert first is not None
        return int(first.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A small network over stored vectors; NumPy arrays only.

    kind: a name of ``training.kinds``. classes: the labels, in the order of the outputs. multi_label: a
    record may have several, each output is a probability of its own. encoder: the identity of the vectors
    it was trained on (``EncoderSpec.identity``). training: seed, samples, patients, the fingerprint of the
    training data, and the notes of the kind.
    """

    kind: str
    classes: tuple[str, ...]
    multi_label: bool
    encoder: Mapping[str, str]
    training: Mapping[str, Any]
    network: AdapterNetwork


def flaw(network: Any, classes: int) -> str:
    """What is wrong with a network that should give a logit for each class; "" if nothing is.

    It may come from a third-party plug-in, or from a file of somebody else's gallery.
    """
    if not isinstance(network, AdapterNetwork):
        return f"what was trained is a {type(network).__name__}, no AdapterNetwork"
    if network.reading not in get_args(Reading):
        return f"its reading is {network.reading!r}, not one of {', '.join(get_args(Reading))}"
    if not isinstance(network.base_weight, int | float) or not abs(network.base_weight) <= np.finfo(np.float32).max:
        return "the weight of its base vector is no number"
    try:
        given = _made_by(network)
        with np.errstate(all="ignore"):
            logits = _logits(network, nothing := np.zeros((1, network.inputs), np.float32))
            weights = apply(network.attention, nothing[None]) if network.attention else np.zeros((1, 1, 1))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
        return "its layers are not ones that fit together"
    if given != {classes}:
        return (
            f"it gives {' and '.join(map(str, sorted(given)))} logits for a row, not one for each of {classes} classes"
        )
    return "" if np.isfinite(logits).all() and np.isfinite(weights).all() else "its numbers are not finite"


def _made_by(network: AdapterNetwork) -> set[int]:
    """How many logits its parts give for a row. Raises ValueError: their layers do not fit together."""
    inputs = network.inputs
    parts = [made_by(layers, inputs) for layers in ((*network.body, *network.head), network.direct) if layers]
    if network.attention and made_by(network.attention, inputs)[1] != 1:
        raise ValueError("attention gives one logit for a slice")
    if len({members for members, _ in parts} - {1}) > 1:
        raise ValueError("as many members do not stand on both sides")
    return {outputs for _, outputs in parts}


def transform(adapter: Adapter, vectors: Vectors, slices: Sequence[Vectors] = ()) -> Vectors:
    """Base vectors (n, inputs) -> the adapter's vectors (n, dim) float32, rows of unit length.

    Reading "hidden": the hidden layer, as published. Reading "probabilities", p over the classes: the
    square roots of p (of p and 1 - p with several labels), scaled to unit length, beside ``base_weight``
    times the base vector. With w = base_weight the cosine of two images a and b is then

        (sum_c sqrt(p_c(a) p_c(b)) + w^2 cos(a, b)) / (1 + w^2):

    the Bhattacharyya coefficient of their predicted labels, and their visual similarity. Images of the same
    class come first, and among them the most similar.

    slices: those (n_i, dim) of each record, if records are volumes: an adapter with attention pools them itself, any
    other takes ``vectors``, their means. Raises UsageError for vectors of another dimension.
    """
    return _by_block(adapter, base_vectors(adapter, vectors, slices), _embed)


def predict(adapter: Adapter, vectors: Vectors, slices: Sequence[Vectors] = ()) -> Arrays:
    """Base vectors (n, inputs) -> probabilities (n, classes) float32, in the order of ``classes``.

    They sum to 1 a row, except with several labels. slices: as of ``transform``. Raises UsageError for vectors of
    another dimension.
    """
    return _by_block(adapter, base_vectors(adapter, vectors, slices), _probabilities)


def base_vectors(adapter: Adapter, vectors: Vectors, slices: Sequence[Vectors]) -> Vectors:
    """The base vector (n, dim) of each record that an adapter goes on with: pooled by its attention from the slices, if
    it has one and they are given.
    """
    attention = adapter.network.attention
    return pooled_volumes(attention, slices) if attention and len(slices) else vectors


def _by_block(adapter: Adapter, vectors: Vectors, run: Callable[[Adapter, Vectors], Arrays]) -> Arrays:
    if vectors.ndim != 2 or vectors.shape[1] != adapter.network.inputs:
        raise UsageError(
            f"this adapter takes vectors of {adapter.network.inputs} components, got the shape {vectors.shape}; "
            "train one on these vectors: lookalike adapt"
        )
    x = np.ascontiguousarray(vectors, np.float32)
    starts = range(0, max(len(x), 1), _BLOCK)
    return np.concatenate([run(adapter, x[start : start + _BLOCK]) for start in starts])


def _logits(network: AdapterNetwork, x: Vectors) -> Arrays:
    """Rows (n, inputs) -> logits (members, n, classes)."""
    logits = apply((*network.body, *network.head), x[None])
    return logits + apply(network.direct, x[None]) if network.direct else logits


def _probabilities(adapter: Adapter, x: Vectors) -> Arrays:
    logits = _logits(adapter.network, x)
    members = sigmoid(logits) if adapter.multi_label else softmax(logits)
    return np.asarray(members.mean(0), np.float32)


def _embed(adapter: Adapter, x: Vectors) -> Vectors:
    if adapter.network.reading == "hidden":
        return unit_rows(np.concatenate(apply(adapter.network.body, x[None]), axis=-1))
    p = _probabilities(adapter, x)
    p = np.concatenate([p, 1 - p], axis=-1) if adapter.multi_label else p
    return unit_rows(np.concatenate([unit_rows(np.sqrt(p)), np.float32(adapter.network.base_weight) * x], axis=-1))
