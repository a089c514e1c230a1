"""Find the weights of a model on this machine, and determine their revision.

A model is looked for in the folders under ``LOOKALIKE_MODELS`` and then in the cache of the Hugging Face
hub. Nothing is downloaded here: ``lookalike encoders pull`` does that, and it leaves beside the files a
record of their checksums, which is checked before the files are used.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from lookalike.errors import DamagedFileError, UsageError

MODELS_FOLDER: Final = "LOOKALIKE_MODELS"
RECORD: Final = "checksums.json"
WEIGHTS: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""The weight files that transformers saves, in the order of preference."""

_TOKENIZERS: Final = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")


def find(name: str, repository: str, weights: Sequence[str] = WEIGHTS) -> Path | None:
    """The folder that holds one of these weight files for a model, or None."""
    for folder in _candidates(name, repository):
        if any((folder / file).is_file() for file in weights):
            return folder
    return None


def _candidates(name: str, repository: str) -> Iterator[Path]:
    if models := os.environ.get(MODELS_FOLDER):
        root = Path(models).expanduser()
        yield root / folder_name(name)
        yield root / folder_name(repository)
        yield root / repository
    cached = _hub_cache() / f"models--{folder_name(repository)}"
    if (main := cached / "refs" / "main").is_file():
        yield cached / "snapshots" / main.read_text("utf-8").strip()


def _hub_cache() -> Path:
    """As documented by huggingface_hub, which is too heavy to import for this."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def folder_name(name: str) -> str:
    """A model's name as one folder: "organisation/model" -> "organisation--model"."""
    return name.replace("/", "--")


def missing(name: str, repository: str, weights: Sequence[str] = (), *, gated: bool = False) -> UsageError:
    """The error for a model whose weights are not on this machine. gated: its terms must be accepted first."""
    files = f", with {' or '.join(weights)} in it," if weights else ""
    terms = f" (accept its terms at https://huggingface.co/{repository} first)" if gated else ""
    return UsageError(
        f"the weights of {name} ({repository}) are not on this machine: where the hub can be reached run "
        f"'lookalike encoders pull {name} --to DIR'{terms}; elsewhere copy the folder DIR/{folder_name(name)}{files} "
        f"from there; then set {MODELS_FOLDER}=DIR"
    )


def weight_files(folder: Path, weights: Sequence[str] = WEIGHTS) -> list[Path]:
    """The files that hold the weights: one, or the index and its shards."""
    first = next(folder / file for file in weights if (folder / file).is_file())
    if first.suffix != ".json":
        return [first]
    shards = read_json(first).get("weight_map")
    # A shard lies beside its index: a name that leads out of the folder is no shard's.
    if not isinstance(shards, dict) or any(str(shard) != Path(str(shard)).name for shard in shards.values()):
        raise _damaged(first)
    return [first, *(folder / shard for shard in sorted(set(shards.values())))]


def revision_of(folder: Path, weights: Sequence[str] = WEIGHTS) -> str:
    """The SHA-256 over the names and SHA-256 of the weight files and of ``config.json``.

    Raises DamagedFileError if a file is missing or differs from the record that ``pull`` left.
    """
    config = folder / "config.json"
    return digest(folder, [*weight_files(folder, weights), *([config] if config.is_file() else [])])


def digest(folder: Path, files: Sequence[Path]) -> str:
    """The SHA-256 over the names and SHA-256 of files in a folder; raises as ``revision_of`` does."""
    record = _record(folder)
    total = hashlib.sha256()
    for path in files:
        if not path.is_file():
            raise DamagedFileError(f"the weight file {path.name} is missing in {folder}; copy the folder again")
        found, name = sha256(path), path.relative_to(folder).as_posix()
        if record.get(name, found) != found:
            raise DamagedFileError(
                f"the file {name} in {folder} is damaged (sha256 {found[:12]}..., recorded "
                f"{record[name][:12]}...); pull or copy the model again"
            )
        total.update(f"{name} {found}\n".encode())
    return total.hexdigest()


def _record(folder: Path) -> dict[str, str]:
    path = folder / RECORD
    files = read_json(path).get("files", {}) if path.is_file() else {}
    if not isinstance(files, dict) or not all(isinstance(checksum, str) for checksum in files.values()):
        raise _damaged(path)
    return files


def sha256(path: Path) -> str:
    """The SHA-256 of a file; computed again only if the file has changed."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    return _read_sha256(path)


def _read_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(path: Path, expected: str) -> Path:
    """``path``, a package's weight file, if its bytes have this SHA-256; they are read again at every call.

    Raises DamagedFileError otherwise, or if the file is missing.
    """
    if not path.is_file():
        raise DamagedFileError(f"the weight file {path.name} is missing; install its package again")
    if (found := _read_sha256(path)) != expected:
        raise DamagedFileError(
            f"the weight file {path.name} is damaged (sha256 {found[:12]}..., expected {expected[:12]}...); "
            "install its package again"
        )
    return path


def has_tokenizer(folder: Path) -> bool:
    """Whether a text tower's tokenizer lies in a model's folder."""
    return any((folder / file).is_file() for file in _TOKENIZERS)


def read_config(folder: Path) -> dict[str, Any]:
    """The model's ``config.json``. Raises UsageError if there is none."""
    path = folder / "config.json"
    if not path.is_file():
        raise UsageError(f"{folder} holds no config.json, so it is not a model that transformers saved")
    return read_json(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a model. Raises DamagedFileError if it holds no object."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError, OSError):
        content = None
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> DamagedFileError:
    return DamagedFileError(f"{path.name} in {path.parent} is damaged; pull or copy the model again")
