"""Download the files of a model from the hub, or from its authors' address, into a folder of models.

Only the necessary files are downloaded: the weights in one format, the configuration, the preprocessing and the
tokenizer. A record of every file's SHA-256 (``checksums.json``) is written beside them.
"""

from __future__ import annotations

import json
import secrets
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.catalogue.lookup import entry
from lookalike.encoders.families.model import Model
from lookalike.encoders.families.packaged import DreamSim
from lookalike.encoders.families.volume_models import Merlin
from lookalike.encoders.protocols import facts_of
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import require
from lookalike.errors import LookalikeError, UsageError

_BESIDE: Final = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "open_clip_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "LICENSE",
    "LICENSE.txt",
    "README.md",
)
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pulled:
    """The downloaded files. commit: of the hub repository, "" for another address; bytes: of all files."""

    name: str
    folder: str
    checkpoint: str
    commit: str
    files: tuple[str, ...]
    bytes: int


def pull(name: str, to: Path) -> Pulled:
    """Download a model's files into the folder ``to / name``, completely or not at all.

    Raises UsageError if the model has nothing to download, is there already, or cannot be reached.
    """
    model = entry(name)
    if not isinstance(model, Model | DreamSim | Merlin):
        raise UsageError(
            f"the weights of {name} cannot be pulled; they come from {facts_of(model).checkpoint or 'its plug-in'}"
        )
    folder = to / checkpoints.folder_name(name)
    if folder.exists():
        raise UsageError(f"{folder} is there already; remove it to pull {name} again")
    to.mkdir(parents=True, exist_ok=True)
    partial = to / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        partial.mkdir()
        commit = _bring(model, partial)
        files = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
        _record(partial, model.checkpoint, commit, files)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    size = sum((folder / file).stat().st_size for file in files)
    return Pulled(name, str(folder), model.checkpoint, commit, tuple(files), size)


def _bring(model: Model | DreamSim | Merlin, folder: Path) -> str:
    if isinstance(model, Merlin):
        return _from_hub(model.name, model.checkpoint, model.files, folder)
    if isinstance(model, DreamSim):
        try:
            model.fetch(folder)
        except (OSError, RuntimeError) as error:
            raise _unreachable(model.name, type(error).__name__) from None
        return ""
    tokenizer = model.tokenizer
    if model.checkpoint.startswith("https://"):
        _from_zip(model.name, model.checkpoint, model.files, folder)
        if tokenizer:
            _from_hub(model.name, tokenizer, (), folder)
        return ""
    return _from_hub(model.name, model.checkpoint, model.files, folder)


def _record(folder: Path, checkpoint: str, commit: str, files: Sequence[str]) -> None:
    sums = {file: checkpoints.sha256(folder / file) for file in files}
    record = {"checkpoint": checkpoint, "commit": commit, "files": sums}
    (folder / checkpoints.RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _from_hub(name: str, repository: str, weights: Sequence[str], folder: Path) -> str:
    """Download the wanted files of a repository at the head of its main branch. Returns the commit."""
    require(f"pulling {name}", "transformers", "huggingface_hub")
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        info: Any = huggingface_hub.HfApi().model_info(repository)
        there = {sibling.rfilename for sibling in info.siblings}
        for file in wanted(name, repository, there, weights):
            huggingface_hub.hf_hub_download(repository, file, revision=info.sha, local_dir=folder)
        for shard in _shards(folder, weights):
            huggingface_hub.hf_hub_download(repository, shard, revision=info.sha, local_dir=folder)
    except GatedRepoError:
        raise UsageError(
            f"{repository} wants its terms accepted: do that at https://huggingface.co/{repository}, log in with "
            "'hf auth login', and pull again"
        ) from None
    except RepositoryNotFoundError:
        raise UsageError(f"the hub has no repository {repository} that this account may read") from None
    except LookalikeError:
        raise
    except Exception as error:  # the client's transport raises types of its own
        raise _unreachable(name, type(error).__name__) from None
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the library's own notes
    return str(info.sha)


def wanted(name: str, repository: str, there: set[str], weights: Sequence[str]) -> list[str]:
    """The files of a repository to download: the first weight file there is, and the files that belong to it."""
    first = next((file for file in weights if file in there), None)
    if weights and first is None:
        raise UsageError(f"{repository} holds none of {', '.join(weights)}; {name} cannot be pulled from it")
    beside: list[str] = [file for file in _BESIDE if file in there]
    if first is None:
        return beside
    # MedImageInsight keeps its tokenizer two folders deep.
    root = first.split("/")[0] + "/" if "/" in first else None
    nested = [file for file in sorted(there) if root and file.startswith(root) and file.endswith((".json", ".txt"))]
    return [first, *beside, *nested]


def _shards(folder: Path, weights: Sequence[str]) -> list[str]:
    if not weights:
        return []
    return [path.name for path in checkpoints.weight_files(folder, weights)[1:]]


def _from_zip(name: str, address: str, weights: Sequence[str], folder: Path) -> None:
    """Download a zip file and unpack it."""
    packed = folder / "download.zip"
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer, packed.open("wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)
    except zipfile.BadZipFile:
        raise UsageError(f"what {address} gave is no zip file; {name} cannot be pulled from it") from None
    except (urllib.error.URLError, OSError) as error:
        raise _unreachable(name, type(error).__name__) from None
    packed.unlink()
    if not any((folder / file).is_file() for file in weights):
        raise UsageError(f"{address} holds none of {', '.join(weights)}; {name} cannot be pulled from it")


def _unreachable(name: str, what: str) -> UsageError:
    return UsageError(
        f"{name} cannot be pulled from here ({what}): pull it on a machine that reaches the hub, copy the folder, "
        f"and set {checkpoints.MODELS_FOLDER} to the folder that holds it"
    )
