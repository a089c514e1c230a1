"""Adapter files: arrays as safetensors, the rest as JSON; written atomically, verified before use.

An adapter is named by the SHA-256 of its JSON file, which holds that of the arrays. The file names carry it
(``NAME.0123456789abcdef.json``), so that a newly trained adapter never overwrites the one that a space still
refers to: a process killed between the two leaves the old space as it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lookalike.adapters.adapter import Adapter, AdapterNetwork, flaw
from lookalike.adapters.criterion import criterion_of, is_accepted
from lookalike.adapters.layers import Arrays, Layer
from lookalike.atomic import named_if_not_written, write_atomically
from lookalike.errors import DamagedFileError

FORMAT: Final = 1
_PLAIN: Final = ("kind", "multi_label", "encoder", "training")
_PARTS: Final = ("body", "head", "direct")
_ATTENTION: Final = "attention"  # written only where there is one


def save_adapter(adapter: Adapter, folder: Path, name: str) -> str:
    """Write an adapter; returns the SHA-256 to load it by. Earlier ones of the name stay until ``prune``.

    Raises NotWrittenError.
    """
    from safetensors.numpy import save as serialise

    with named_if_not_written():
        folder.mkdir(parents=True, exist_ok=True)
    arrays = serialise(dict(_arrays(adapter)))
    header = {
        "format": FORMAT,
        "sha256": hashlib.sha256(arrays).hexdigest(),
        "classes": list(adapter.classes),
        **{field: getattr(adapter, field) for field in _PLAIN},
        **{part: [layer.operation for layer in getattr(adapter.network, part)] for part in _PARTS},
        "reading": adapter.network.reading,
        "base_weight": adapter.network.base_weight,
    }
    if adapter.network.attention:
        header[_ATTENTION] = [layer.operation for layer in adapter.network.attention]
    text = json.dumps(header, sort_keys=True, indent=1).encode()
    sha256 = hashlib.sha256(text).hexdigest()
    write_atomically(_path(folder, name, sha256, "safetensors"), arrays)
    write_atomically(_path(folder, name, sha256, "json"), text)
    return sha256


def load_adapter(folder: Path, name: str, sha256: str) -> Adapter:
    """Load a saved adapter. No code in the files is run.

    Raises DamagedFileError unless every byte is as it was written and the content is a valid adapter: the files of
    somebody else's gallery match their checksums whatever they contain.
    """
    text = _verified(_path(folder, name, sha256, "json"), name, sha256)
    try:
        header: dict[str, Any] = json.loads(text)
        wrong = "" if header["format"] == FORMAT else "it was written by another version"
        if not wrong:
            adapter = _adapter(header, _verified(_path(folder, name, sha256, "safetensors"), name, header["sha256"]))
            wrong = flaw(adapter.network, len(adapter.classes))
            _ = criterion_of(adapter), is_accepted(adapter.training)  # notes of another form raise
    except DamagedFileError:
        raise
    except Exception:  # the readers of both formats raise many types
        wrong = "a part is missing or of another type"
    if wrong:
        raise DamagedFileError(f"the file of {name!r} holds no adapter: {wrong}; {_train_again(name)}")
    return adapter


def _adapter(header: dict[str, Any], data: bytes) -> Adapter:
    from safetensors.numpy import load as deserialise

    arrays = deserialise(data)
    body, head, direct, attention = (_layers(part, header.get(part, []), arrays) for part in (*_PARTS, _ATTENTION))
    network = AdapterNetwork(body, head, direct, header["reading"], header["base_weight"], attention)
    return Adapter(classes=tuple(header["classes"]), network=network, **{field: header[field] for field in _PLAIN})


def prune(folder: Path, name: str, sha256: str) -> None:
    """Remove the name's other adapters, once nothing refers to them."""
    kept = {_path(folder, name, sha256, ending) for ending in ("json", "safetensors")}
    # A name holds no dot, so this pattern finds no other name's files.
    for path in set(folder.glob(f"{name}.*")) - kept:
        path.unlink(missing_ok=True)


def _path(folder: Path, name: str, sha256: str, ending: str) -> Path:
    return folder / f"{name}.{sha256[:16]}.{ending}"


def _arrays(adapter: Adapter) -> Iterator[tuple[str, Arrays]]:
    for part in (*_PARTS, _ATTENTION):
        for number, layer in enumerate(getattr(adapter.network, part)):
            if layer.weight is not None and layer.bias is not None:
                yield f"{part}.{number}.weight", layer.weight
                yield f"{part}.{number}.bias", layer.bias


def _layers(part: str, operations: list[Any], arrays: dict[str, Arrays]) -> tuple[Layer, ...]:
    return tuple(
        Layer(operation, arrays.get(f"{part}.{number}.weight"), arrays.get(f"{part}.{number}.bias"))
        for number, operation in enumerate(operations)
    )


def _verified(path: Path, name: str, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError:
        raise DamagedFileError(
            f"the adapter {name!r} cannot be read (its file {path.name} is missing or closed to this user); "
            f"{_train_again(name)}"
        ) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedFileError(
            f"the adapter {name!r} is damaged (its file {path.name} does not match its checksum); {_train_again(name)}"
        )
    return data


def _train_again(name: str) -> str:
    return f"train it again: lookalike adapt --name {name} --replace"
