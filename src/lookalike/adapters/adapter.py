"""What a trained adapter is, and what it does to vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from lookalike.adapters.layers import Floats, Layer, apply, sigmoid, softmax, unit
from lookalike.errors import UsageError
from lookalike.types import Vectors

Reading: TypeAlias = Literal["hidden", "probabilities"]
_BLOCK: Final = 4096  # rows a pass: bounds the memory of the members' hidden layers


class Network(NamedTuple):
    """body and head: vector -> hidden -> one logit a class, for each member. direct: vector -> logits that
    are added to every member's, or empty. The members' probabilities are averaged.

    reading: what becomes the new vector (see ``transform``). base_weight: how much of the old one stays in it.
    """

    body: tuple[Layer, ...]
    head: tuple[Layer, ...]
    direct: tuple[Layer, ...]
    reading: Reading
    base_weight: float

    @property
    def inputs(self) -> int:
        """The dimension of the vectors it was trained on."""
        first = (*self.body, *self.head)[0].weight
        assert first is not None
        return int(first.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A small network over stored vectors; NumPy arrays only.

    kind: "mlp", "linear" or "published". classes: the labels, in the order of the outputs. multi_label: a
    record may bear several, each output is a probability of its own. encoder: the identity of the vectors
    it was trained on (``EncoderSpec.identity``). training: seed, samples, patients, the fingerprint of all
    that it was trained on, and what the kind notes.
    """

    kind: str
    classes: tuple[str, ...]
    multi_label: bool
    encoder: Mapping[str, str]
    training: Mapping[str, Any]
    network: Network


def transform(adapter: Adapter, vectors: Vectors) -> Vectors:
    """Base vectors (n, inputs) -> the adapter's vectors (n, dim) float32, rows of unit length.

    Reading "hidden": the hidden layer, as published. Reading "probabilities", p over the classes: the
    square roots of p (of p and 1 - p with several labels), scaled to unit length, beside ``base_weight``
    times the base vector. With w = base_weight the cosine of two images a and b is then

        (sum_c sqrt(p_c(a) p_c(b)) + w^2 cos(a, b)) / (1 + w^2):

    the Bhattacharyya coefficient of what the two are taken for, and how alike they look. Images of one
    class come first, and among them the most alike. Raises UsageError for vectors of another dimension.
    """
    return _by_block(adapter, vectors, _embed)


def predict(adapter: Adapter, vectors: Vectors) -> Floats:
    """Base vectors (n, inputs) -> probabilities (n, classes) float32, in the order of ``classes``.

    They sum to 1 a row, except with several labels. Raises UsageError for vectors of another dimension.
    """
    return _by_block(adapter, vectors, _probabilities)


def _by_block(adapter: Adapter, vectors: Vectors, run: Callable[[Adapter, Vectors], Floats]) -> Floats:
    if vectors.ndim != 2 or vectors.shape[1] != adapter.network.inputs:
        raise UsageError(
            f"this adapter takes vectors of {adapter.network.inputs} components, got the shape {vectors.shape}; "
            "train one on these vectors: lookalike adapt"
        )
    x = np.ascontiguousarray(vectors, np.float32)
    starts = range(0, max(len(x), 1), _BLOCK)
    return np.concatenate([run(adapter, x[start : start + _BLOCK]) for start in starts])


def _probabilities(adapter: Adapter, x: Vectors) -> Floats:
    network = adapter.network
    logits = apply((*network.body, *network.head), x[None])
    if network.direct:
        logits = logits + apply(network.direct, x[None])
    members = sigmoid(logits) if adapter.multi_label else softmax(logits)
    return np.asarray(members.mean(0), np.float32)


def _embed(adapter: Adapter, x: Vectors) -> Vectors:
    if adapter.network.reading == "hidden":
        return unit(np.concatenate(apply(adapter.network.body, x[None]), axis=-1))
    p = _probabilities(adapter, x)
    p = np.concatenate([p, 1 - p], axis=-1) if adapter.multi_label else p
    return unit(np.concatenate([unit(np.sqrt(p)), np.float32(adapter.network.base_weight) * x], axis=-1))
