"""Encoders by reference: a file, a folder or a hub repository; and ensembles of names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lookalike.encoders.families.model import Model
from lookalike.encoders.families.onnx_file import OnnxFile
from lookalike.encoders.families.precision import split_precision
from lookalike.encoders.families.tuned import DESCRIPTION
from lookalike.encoders.protocols import EncoderEntry
from lookalike.encoders.weights import checkpoints
from lookalike.errors import UsageError

_UNKNOWN: Final = "what it was trained on is not declared"
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
_MEMBER: Final = re.compile(r"(?:(\d+(?:\.\d+)?)\*)?(.+)")


def of_file(name: str) -> EncoderEntry | None:
    """The encoder in an ONNX file or a folder: a path, or the name of a folder under LOOKALIKE_MODELS."""
    for known, path in _places(name):
        if found := _at(known, path):
            return found
    if name.endswith(".onnx") and "+" not in name:
        raise UsageError(f"there is no file {name}")
    return None


def tuned_folder(name: str) -> tuple[str, Path] | None:
    """The name and the folder of a tuned encoder: a path, or the name of a folder under LOOKALIKE_MODELS."""
    return next(((known, path) for known, path in _places(name) if (path / DESCRIPTION).is_file()), None)


def tuned_parts(name: str) -> list[tuple[str, Path]]:
    """The names and folders of the tuned encoders that are here, of those that a name stands for."""
    members = [split_precision(member)[0] for _weight, member in parts(name) or [(1.0, name)]]
    return [found for member in members if (found := tuned_folder(member)) is not None]


def tuned_folders() -> list[tuple[str, Path]]:
    """The names and folders of all tuned encoders under LOOKALIKE_MODELS, in alphabetical order."""
    models = os.environ.get(checkpoints.MODELS_FOLDER)
    found = Path(models).expanduser().glob(f"*/{DESCRIPTION}") if models else ()
    return sorted((path.parent.name, path.parent) for path in found if not path.parent.name.startswith("."))


def _places(name: str) -> Iterator[tuple[str, Path]]:
    """Where a reference may lead, and what the encoder there is called."""
    if models := os.environ.get(checkpoints.MODELS_FOLDER):
        yield name, Path(models).expanduser() / name
    # A plain name never means a folder of the working directory; that one is "./name".
    if os.sep in name or name.startswith("~") or name.endswith(".onnx"):
        path = Path(name).expanduser().absolute()
        yield str(path), path


def _at(name: str, path: Path) -> EncoderEntry | None:
    if path.suffix == ".onnx" and path.is_file():
        return OnnxFile(name, path)
    if (path / "model.onnx").is_file():
        return OnnxFile(name, path / "model.onnx")
    return _model(name, path) if (path / "config.json").is_file() else None


def of_hub(name: str) -> EncoderEntry | None:
    """The transformers model with this hub id, if it looks like one."""
    return _model(name, checkpoints.find(name, name)) if _HUB_ID.fullmatch(name) else None


def parts(name: str) -> list[tuple[float, str]] | None:
    """The members of an ensemble "a+0.5*b" with their weights, or None for a single name."""
    if "+" not in name:
        return None
    members = []
    for member in name.split("+"):
        match = _MEMBER.fullmatch(member.strip())
        if match is None or (match[1] is not None and float(match[1]) == 0):
            raise UsageError(f"{name!r} is no ensemble; write NAME+NAME or NAME+0.5*NAME, weights above 0")
        members.append((float(match[1] or 1), match[2]))
    return members


def _model(name: str, folder: Path | None) -> Model:
    text = folder is not None and "text_config" in checkpoints.read_config(folder)
    return Model(name, name, "not declared", 0, None, text=text, folder=folder, note=_UNKNOWN)
