"""The few layers that adapters are made of, in NumPy: serving an adapter needs neither torch nor scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Arrays: TypeAlias = NDArray[np.float32]
Operation: TypeAlias = Literal["dense", "relu", "gelu", "norm", "gate", "cos"]

_NORM_EPSILON: Final = 1e-5  # torch.nn.LayerNorm's default
_ERF: Final = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One step of a network, or of several alike ("members") that run side by side.

    dense: weight (members, inputs, outputs), bias (members, 1, outputs). norm (layer normalisation): weight and bias
    (features,). relu, gelu, gate and cos have neither; gate halves the features: tanh of the first half times sigmoid
    of the second; cos is scaled so that its squares have the mean 1 / features.
    """

    operation: Operation
    weight: Arrays | None = None
    bias: Arrays | None = None


def apply(layers: Sequence[Layer], x: Arrays) -> Arrays:
    """Run rows through the layers: (members or 1, n, inputs) -> (members, n, outputs) float32."""
    for layer in layers:
        x = _OPERATIONS[layer.operation](layer, x)
    return x


def made_by(layers: Sequence[Layer], features: int) -> tuple[int, int]:
    """(members, outputs) of what ``apply`` makes of rows of so many features, by the shapes alone: forged layers of a
    few bytes may be broadcast to any size. Raises ValueError: they are not those of ``Layer``, or do not fit together.
    """
    members = 1
    for layer in layers:
        arrays = [array.shape for array in (layer.weight, layer.bias) if array is not None]
        if layer.operation == "dense":
            (count, inputs, outputs), bias = arrays
            fits = inputs == features > 0 and outputs > 0 and members in (1, count) and bias == (count, 1, outputs)
            members, features = count, outputs
        elif layer.operation == "norm":
            fits = arrays == [(features,)] * 2
        else:
            features, halved = divmod(features, 2) if layer.operation == "gate" else (features, 0)
            fits = layer.operation in _OPERATIONS and not arrays and not halved
        if not fits:
            raise ValueError(f"a layer {str(layer.operation)!r} does not fit")
    return members, features


def _dense(layer: Layer, x: Arrays) -> Arrays:
    assert layer.weight is not None
    assert layer.bias is not None
    # One member at a time: NumPy hands a 2-D product to BLAS, a broadcast 3-D one not always.
    inputs = x if len(x) == len(layer.weight) else np.broadcast_to(x, (len(layer.weight), *x.shape[1:]))
    return np.stack([rows @ weight for rows, weight in zip(inputs, layer.weight, strict=True)]) + layer.bias


def _relu(_layer: Layer, x: Arrays) -> Arrays:
    return np.maximum(x, np.float32(0))


def _gelu(_layer: Layer, x: Arrays) -> Arrays:
    """x * Phi(x), by the erf of Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7)."""
    z = np.abs(x.astype(np.float64)) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    erf = 1 - t * np.polyval(_ERF, t) * np.exp(-z * z)
    return np.asarray(0.5 * x * (1 + np.sign(x) * erf), np.float32)


def _gate(_layer: Layer, x: Arrays) -> Arrays:
    """tanh(a) * sigmoid(b) of the two halves: the gate of Ilse et al., ICML 2018."""
    first, second = np.split(x, 2, axis=-1)
    return np.asarray(np.tanh(first) * (0.5 + 0.5 * np.tanh(0.5 * second)), np.float32)


def _cos(_layer: Layer, x: Arrays) -> Arrays:
    """sqrt(2 / features) cos x: random Fourier features (Rahimi and Recht, NeurIPS 2007)."""
    return np.asarray(np.cos(x) * np.float32((2 / x.shape[-1]) ** 0.5), np.float32)


def _norm(layer: Layer, x: Arrays) -> Arrays:
    """Layer normalisation (Ba et al. 2016, arXiv 1607.06450), with the biased variance as torch has it."""
    assert layer.weight is not None
    assert layer.bias is not None
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(_NORM_EPSILON))
    return np.asarray(centred / deviation * layer.weight + layer.bias, np.float32)


_OPERATIONS: Final[dict[str, Callable[[Layer, Arrays], Arrays]]] = {
    "dense": _dense,
    "relu": _relu,
    "gelu": _gelu,
    "norm": _norm,
    "gate": _gate,
    "cos": _cos,
}


def dense(weight: NDArray[np.floating], bias: NDArray[np.floating]) -> Layer:
    """A dense layer of one member from weight (inputs, outputs) and bias (outputs,), or of several (3-D)."""
    outputs = weight.shape[-1]
    return Layer(
        "dense",
        np.ascontiguousarray(weight, np.float32).reshape(-1, weight.shape[-2], outputs),
        np.ascontiguousarray(bias, np.float32).reshape(-1, 1, outputs),
    )
