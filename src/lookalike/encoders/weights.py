"""Weight files are checked before anything reads them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lookalike.errors import DamagedFileError


def verified(path: Path, sha256: str) -> Path:
    """``path``, if its bytes have this SHA-256. Raises DamagedFileError otherwise, or if it is missing."""
    if not path.is_file():
        raise DamagedFileError(f"the weight file {path.name} is missing; install its package again")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DamagedFileError(
            f"the weight file {path.name} is damaged (sha256 {found[:12]}..., expected {sha256[:12]}...); "
            "install its package again"
        )
    return path
