"""Index files: written whole or not at all, and checked before a native loader sees them.

Beside ``NAME.index`` stands ``NAME.json`` with its SHA-256 and what it was made of. Native loaders crash
on damaged files, or load them silently: whatever does not match is not loaded, and the caller rebuilds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.atomic import write_atomically
from lookalike.indexes import Index
from lookalike.plugins import load_plugin


def save(index: Index, folder: Path, name: str, made_of: Mapping[str, Any]) -> None:
    """Write an index and what it was made of (any JSON object: space version, adapter, ...)."""
    folder.mkdir(exist_ok=True)
    data = index.serialise()
    header = {"kind": index.kind, "sha256": hashlib.sha256(data).hexdigest(), "made_of": dict(made_of)}
    write_atomically(folder / f"{name}.index", data)
    write_atomically(folder / f"{name}.json", json.dumps(header, sort_keys=True).encode())


def load(folder: Path, name: str, made_of: Mapping[str, Any]) -> Index | None:
    """The index if its file is whole and was made of exactly this, otherwise None."""
    try:
        header = json.loads((folder / f"{name}.json").read_bytes())
        data = (folder / f"{name}.index").read_bytes()
        fresh = header["made_of"] == dict(made_of) and header["sha256"] == hashlib.sha256(data).hexdigest()
        kind = str(header["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not fresh:
        return None
    index: Index = load_plugin("lookalike.indexes", kind).deserialise(data)
    return index
