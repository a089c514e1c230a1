"""Read the tensors of a legacy PyTorch ``.pth`` file without PyTorch and without running code.

The file is five pickles (magic number, protocol, system, the state dict, the storage keys) and then
each storage as an int64 count and its raw values. The state dict is read by an unpickler that knows
five names and refuses every other, so a changed file cannot run anything.
Source: the serialization notes of PyTorch, "legacy" format (before 1.6).
"""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import DamagedFileError

_DTYPES: Final[dict[str, np.dtype[Any]]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage:
    def __init__(self, kind: str, key: str, numel: int) -> None:
        self.dtype: np.dtype[Any] = _DTYPES[kind]
        self.key, self.numel = key, numel


class _Tensor:
    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_rest: object
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError("a name that no weight file needs")

    def persistent_load(self, pid: Any) -> _Storage:
        _tag, kind, key, _location, numel, *_view = pid
        return _Storage(kind, key, numel)


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """The named tensors of a legacy ``.pth`` file, as contiguous NumPy arrays.

    Raises DamagedFileError if the file is not of that format.
    """
    try:
        with io.BytesIO(path.read_bytes()) as file:
            return _read(file)
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError, AttributeError, IndexError):
        raise DamagedFileError(
            f"{path.name} is not a PyTorch weight file of the legacy format; install it again"
        ) from None


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    for _ in range(3):
        _Unpickler(file).load()
    tensors: dict[str, _Tensor] = _Unpickler(file).load()
    kinds = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {}
    for key in _Unpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        dtype = kinds[key].dtype
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: _view(tensor, storages) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The tensor's own strides count: weights that came from TensorFlow are stored transposed."""
    flat = storages[tensor.storage.key]
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if last >= len(flat):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * flat.itemsize for step in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False)
    return np.array(view, order="C")  # ascontiguousarray would turn a scalar into a row
