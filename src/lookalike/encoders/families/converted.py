"""An encoder run by another runtime than its own, from an ONNX file that is written once and kept.

$XDG_CACHE_HOME/lookalike/networks/KEY/model.onnx      of one encoder's identity, in one precision
$XDG_CACHE_HOME/lookalike/networks/KEY/checksums.json  looked at whenever the file is loaded
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lookalike.atomic import write_atomically
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.runtimes.onnx import OnnxEncoder, OnnxPatchEncoder, OnnxTextEncoder
from lookalike.encoders.runtimes.sessions import GraphSession, OnnxRuntimeSession, OpenVinoSession, Precision
from lookalike.encoders.runtimes.writing import of_products, store_in_eight_bits, write_encoder
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import require
from lookalike.errors import DamagedFileError, UsageError

if TYPE_CHECKING:
    from lookalike.encoders.runtimes.torch import TorchEncoder

ALL_RUNTIMES: Final = ("torch", "onnxruntime", "openvino")

_GRAPH: Final = "model.onnx"
_Write: TypeAlias = Callable[[Path], None]


def runtime_of(encoder: Encoder) -> str:
    """What runs an encoder; "" for one that is run by none of ``ALL_RUNTIMES`` alone."""
    return str(getattr(encoder, "runtime", ""))


def converted(encoder: Encoder, runtime: str, precision: Precision = "float32") -> OnnxEncoder:
    """The same network run by another runtime, or in a lower precision.

    Raises UsageError if it cannot be brought there, MissingExtraError if that needs an optional package.
    """
    name = encoder.spec.name
    if runtime_of(encoder) not in ALL_RUNTIMES:
        raise UsageError(f"{name} is no network of pictures alone: no other runtime runs it; leave --runtime out")
    if runtime == "torch":
        raise UsageError(f"{name} is an ONNX graph, which torch does not run: onnxruntime and openvino do")
    session: GraphSession
    if runtime == "openvino":
        session = OpenVinoSession(_kept(encoder, "int8" if precision == "int8" else "float32"), precision)
    else:
        session = OnnxRuntimeSession(_kept(encoder, precision))
    if isinstance(encoder, OnnxEncoder):
        return encoder.run_by(session)
    if encoder.spec.text:
        return OnnxTextEncoder(encoder.spec, session, _in_torch(encoder))
    return OnnxPatchEncoder(encoder.spec, session)


def networks_folder() -> Path:
    """Where networks and what was measured of them are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lookalike" / "networks"


def _in_torch(encoder: Encoder) -> Any:
    """An encoder that runs in torch. Raises UsageError for another."""
    module = sys.modules.get("lookalike.encoders.runtimes.torch")
    if module is None or not isinstance(encoder, module.TorchEncoder):
        raise UsageError(f"the network of {encoder.spec.name} cannot be written as an ONNX file; leave --runtime out")
    return encoder


def _kept(encoder: Encoder, precision: Precision) -> Path:
    """The ONNX file of an encoder, written where it is not there, or damaged."""
    if precision == "int8":
        require(f"{encoder.spec.name} in eight bits", "openvino", "openvino", "onnx")
        return _kept_as(encoder, precision, ["onnx"], lambda path: _write_int8(_kept(encoder, "float32"), path))
    if isinstance(encoder, OnnxEncoder):
        session = encoder.session
        if not isinstance(session, OnnxRuntimeSession):
            raise UsageError(f"{encoder.spec.name} runs in {encoder.runtime} already")
        if session.file is not None:
            return session.file
        require(f"{encoder.spec.name} in another runtime", "openvino", "onnx")
        return _kept_as(encoder, precision, ["onnx"], session.save)
    require(f"{encoder.spec.name} in another runtime", "export", "torch", "onnx", "onnxscript")
    network: TorchEncoder = _in_torch(encoder)
    return _kept_as(encoder, precision, ["torch", "onnx", "onnxscript"], lambda path: write_encoder(network, path))


def _kept_as(encoder: Encoder, precision: Precision, writers: Sequence[str], write: _Write) -> Path:
    """writers: the packages that write the file, of which another version may write another one."""
    versions = {package: version(package) for package in writers}
    said = json.dumps([encoder.spec.identity, precision, versions], sort_keys=True)
    folder = networks_folder() / hashlib.sha256(said.encode()).hexdigest()[:32]
    if not _is_whole(folder):
        _write_folder(folder, write)
    return folder / _GRAPH


def _is_whole(folder: Path) -> bool:
    if not (folder / checkpoints.RECORD).is_file():
        return False
    files = sorted(path for path in folder.iterdir() if path.name.startswith(_GRAPH))
    try:
        checkpoints.digest(folder, files)
    except DamagedFileError:
        return False
    return (folder / _GRAPH) in files


def _write_folder(folder: Path, write: _Write) -> None:
    """Write a folder that is complete as soon as it is there; another process may do the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    made.mkdir()
    try:
        write(made / _GRAPH)
        sums = {path.name: checkpoints.sha256(path) for path in sorted(made.iterdir())}
        write_atomically(made / checkpoints.RECORD, json.dumps({"files": sums}, indent=1).encode())
        if folder.exists() and not _is_whole(folder):
            shutil.rmtree(folder)
        with suppress(OSError):
            made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    if not _is_whole(folder):
        raise UsageError(f"the network could not be kept in {folder.parent}; make it writable, or set XDG_CACHE_HOME")


def _write_int8(graph: Path, path: Path) -> None:
    if not of_products(graph):
        raise UsageError(
            "in a network of convolutions the ranges of eight bits must be measured on pictures, which "
            "'lookalike encoders export --int8' does for a network in torch"
        )
    store_in_eight_bits(graph, path)
