"""Download the files of a model from the hub, or from its authors' address, into a folder of models.

Only the necessary files are downloaded: the weights in one format, the configuration, the preprocessing and the
tokenizer; never code. They come from one commit, each is checked against the hash that the hub gives of it, and a
record of every file's SHA-256 (``checksums.json``) is written beside them. What was interrupted goes on where it
stopped, at the same commit.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.catalogue.download import Checksum, download
from lookalike.encoders.catalogue.lookup import entry
from lookalike.encoders.families.exported import ByExport
from lookalike.encoders.families.model import Model
from lookalike.encoders.families.packaged import DreamSim
from lookalike.encoders.families.volume_models import VolumeModel
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
_COMMIT: Final = ".commit"  # in an unfinished folder: where it goes on


@dataclass(frozen=True, slots=True)
class Pulled:
    """The downloaded files. commit: of the hub repository, "" for another address; bytes: of all files."""

    name: str
    folder: str
    checkpoint: str
    commit: str
    files: tuple[str, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A hub repository, or a zip file's address. weights: in the order of preference, or every one of them (all).
    tokenizer: of another repository."""

    name: str
    place: str
    weights: tuple[str, ...]
    every: bool = False
    dataset: bool = False
    tokenizer: str = ""


def pull_weights(name: str, to: Path, revision: str = "") -> Pulled:
    """Download a model's files into the folder ``to / name``; that folder is there once it is complete.

    revision: a commit, branch or tag of the hub repository; the head of its main branch by default. Raises UsageError
    if the model has nothing to download, is there already, or cannot be reached, DamagedFileError if what came is not
    what the hub describes.
    """
    model = entry(name)
    source = _source(model)
    if source is None and not isinstance(model, DreamSim):
        raise UsageError(
            f"the weights of {name} cannot be pulled; they come from {facts_of(model).checkpoint or 'its plug-in'}"
        )
    folder = to / checkpoints.folder_name(name)
    if folder.exists():
        raise UsageError(f"{folder} is there already; remove it to pull {name} again")
    partial = to / f".{folder.name}.partial"
    partial.mkdir(parents=True, exist_ok=True)
    try:
        commit = _bring(source, partial, revision) if source is not None else _fetch(model, partial)
    except LookalikeError:
        if not any(path.is_file() for path in partial.rglob("*") if path.name != _COMMIT):
            shutil.rmtree(partial)
        raise
    (partial / _COMMIT).unlink(missing_ok=True)
    files = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
    checkpoint = facts_of(model).checkpoint
    _record(partial, checkpoint, commit, files)
    partial.rename(folder)
    size = sum((folder / file).stat().st_size for file in files)
    return Pulled(name, str(folder), checkpoint, commit, tuple(files), size)


def _source(model: Any) -> _Source | None:
    if isinstance(model, ByExport):
        return _Source(model.name, model.checkpoint, model.weights, every=True, dataset=model.dataset)
    if isinstance(model, Model):
        return _Source(model.name, model.checkpoint, model.files, tokenizer=model.tokenizer)
    return _Source(model.name, model.checkpoint, model.files) if isinstance(model, VolumeModel) else None


def _fetch(model: Any, folder: Path) -> str:
    try:
        model.fetch(folder)
    except (OSError, RuntimeError) as error:
        raise _unreachable(model.name, type(error).__name__) from None
    return ""


def _record(folder: Path, checkpoint: str, commit: str, files: Sequence[str]) -> None:
    sums = {file: checkpoints.sha256(folder / file) for file in files}
    record = {"checkpoint": checkpoint, "commit": commit, "files": sums}
    (folder / checkpoints.RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _bring(source: _Source, folder: Path, revision: str) -> str:
    require(f"pulling {source.name}", "transformers", "huggingface_hub", "httpx")
    if not source.place.startswith("https://"):
        return _from_hub(source, folder, revision)
    if revision:
        raise UsageError(f"{source.name} comes from {source.place}, which has no revisions; leave --revision out")
    _from_zip(source.name, source.place, source.weights, folder)
    if source.tokenizer:
        _from_hub(_Source(source.name, source.tokenizer, ()), folder, "")
    return ""


def _from_hub(source: _Source, folder: Path, revision: str) -> str:
    """Download the wanted files of a repository, of one commit. Returns that commit."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return _of_one_commit(source, folder, revision)
    except GatedRepoError:
        raise _closed(source) from None
    except RevisionNotFoundError:
        raise UsageError(f"{source.place} has no revision {revision!r}; leave --revision out for the newest") from None
    except RepositoryNotFoundError:
        raise UsageError(f"the hub has no repository {source.place} that this account may read") from None
    except LookalikeError:
        raise
    except Exception as error:  # the client's transport raises types of its own
        raise _unreachable(source.name, type(error).__name__) from None


def _of_one_commit(source: _Source, folder: Path, revision: str) -> str:
    import httpx
    import huggingface_hub
    from huggingface_hub.utils import build_hf_headers

    kind = "dataset" if source.dataset else "model"
    begun = folder / _COMMIT
    if not revision and not source.tokenizer and begun.is_file():
        revision = begun.read_text("utf-8")
    info: Any = huggingface_hub.HfApi().repo_info(
        source.place, revision=revision or None, repo_type=kind, files_metadata=True
    )
    begun.write_text(str(info.sha), "utf-8")
    there = {sibling.rfilename: _checksum(sibling) for sibling in info.siblings}

    def bring(file: str) -> None:
        address = huggingface_hub.hf_hub_url(source.place, file, repo_type=kind, revision=info.sha)
        try:
            download(client, address, folder / file, there.get(file, Checksum()), build_hf_headers())
        except httpx.HTTPStatusError as error:
            if error.response.status_code in (401, 403):
                raise _closed(source) from None
            raise

    with httpx.Client(timeout=_SECONDS) as client:
        wanted_files = wanted(source.name, source.place, set(there), source.weights, every=source.every)
        for file in (file for file in wanted_files if not (folder / file).is_file()):
            bring(file)
        for shard in (file for file in _shards(folder, source.weights) if not (folder / file).is_file()):
            bring(shard)
    return str(info.sha)


def _closed(source: _Source) -> UsageError:
    terms = f"https://huggingface.co/{'datasets/' if source.dataset else ''}{source.place}"
    return UsageError(
        f"{source.place} wants its terms accepted: do that at {terms}, log in with 'hf auth login', and pull again"
    )


def _checksum(sibling: Any) -> Checksum:
    lfs = getattr(sibling, "lfs", None)
    return Checksum(
        size=getattr(sibling, "size", None) or 0,
        sha256=lfs.sha256 if lfs is not None else "",
        blob="" if lfs is not None else getattr(sibling, "blob_id", None) or "",
    )


def wanted(name: str, repository: str, there: set[str], weights: Sequence[str], *, every: bool = False) -> list[str]:
    """The files of a repository to download: the first weight file there is, or every one of them, and the files that
    belong to it.
    """
    found = [file for file in weights if file in there]
    if weights and (not found or (every and len(found) < len(weights))):
        raise UsageError(f"{repository} holds none of {', '.join(weights)}; {name} cannot be pulled from it")
    beside: list[str] = [file for file in _BESIDE if file in there]
    if not found:
        return beside
    # MedImageInsight keeps its tokenizer two folders deep.
    root = found[0].split("/")[0] + "/" if "/" in found[0] and not every else None
    nested = [file for file in sorted(there) if root and file.startswith(root) and file.endswith((".json", ".txt"))]
    return [*(found if every else found[:1]), *beside, *nested]


def _shards(folder: Path, weights: Sequence[str]) -> list[str]:
    if not any((folder / file).is_file() for file in weights):
        return []
    return [path.name for path in checkpoints.weight_files(folder, weights)[1:]]


def _from_zip(name: str, address: str, weights: Sequence[str], folder: Path) -> None:
    """Download a zip file and unpack it, unless that was done."""
    import httpx

    if any((folder / file).is_file() for file in weights):
        return
    packed = folder / "download.zip"
    try:
        with httpx.Client(timeout=_SECONDS) as client:
            download(client, address, packed, Checksum())
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)
    except zipfile.BadZipFile:
        raise UsageError(f"what {address} gave is no zip file; {name} cannot be pulled from it") from None
    except (httpx.HTTPError, OSError) as error:
        raise _unreachable(name, type(error).__name__) from None
    finally:
        packed.unlink(missing_ok=True)
    if not any((folder / file).is_file() for file in weights):
        raise UsageError(f"{address} holds none of {', '.join(weights)}; {name} cannot be pulled from it")


def _unreachable(name: str, what: str) -> UsageError:
    return UsageError(
        f"{name} cannot be pulled from here ({what}): pull it on a machine that reaches the hub, copy the folder, "
        f"and set {checkpoints.MODELS_FOLDER} to the folder that holds it"
    )
