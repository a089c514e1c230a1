"""The manifest of a backup: every file with its size and SHA-256, what the gallery held, what was left outside.

It is written in one form only, with a SHA-256 of itself: another byte anywhere in it, a space included, is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from lookalike.errors import DamagedFileError, GalleryError

MANIFEST: Final = "manifest.json"
LAYOUT: Final = 1
NOT_COPIED: Final = (
    "the secret key: lookalike gallery key G --out FILE",
    "API keys, allowed folders and grants, in the configuration of whoever serves it",
    "the files that records come from, but those that came through the server",
    "the audit log",
)
"""What is no part of a gallery, and of no backup of it."""
_SEAL: Final = "sha256"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a backup. path: below its folder, with /; size: in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. gallery: its id. created: in UTC. version: of lookalike; revision: of the tables. encoder:
    whose vectors answer. encoders: tuned ones of which the files are here. counts: rows by table. linked: whether
    identities are there, encrypted. lacking: spaces whose adapter was damaged when the backup was made.
    """

    layout: int
    gallery: str
    name: str
    created: str
    version: str
    revision: str
    encoder: str
    encoders: tuple[str, ...]
    linked: bool
    counts: Mapping[str, int]
    lacking: tuple[str, ...]
    outside: tuple[str, ...]
    files: tuple[StoredFile, ...]


def manifest_bytes(manifest: Manifest) -> bytes:
    """The only form in which a manifest is written."""
    fields = asdict(manifest)
    return _text({**fields, _SEAL: hashlib.sha256(_text(fields)).hexdigest()})


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises GalleryError where the folder holds none, or a later version's;
    DamagedFileError.
    """
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError:
        raise GalleryError(f"{folder} is no backup of a gallery: it holds no {MANIFEST}") from None
    try:
        fields: dict[str, Any] = json.loads(data)
        layout = fields["layout"]
        del fields[_SEAL]
        files = tuple(StoredFile(**each) for each in fields.pop("files"))
        lists = {name: tuple(map(str, fields[name])) for name in ("encoders", "lacking", "outside")}
        found = Manifest(**{**fields, **lists, "files": files})
        whole = manifest_bytes(found) == data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole, layout = False, LAYOUT
    if not whole and isinstance(layout, int) and layout > LAYOUT:
        raise GalleryError(f"this backup is of a later version (layout {layout}, known: {LAYOUT}); restore it there")
    if not whole:
        raise DamagedFileError(f"the {MANIFEST} of the backup is damaged; take another backup")
    return found


def _text(fields: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(fields, indent=1, sort_keys=True)}\n".encode()
