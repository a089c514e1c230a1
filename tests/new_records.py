"""Records for a store."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.store import NewRecord, Store

MakeStore = Callable[[], Store]


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def new(number: int, frame: int = 0, **fields: Any) -> NewRecord:
    vector = np.random.default_rng([number, frame]).standard_normal((1, 8)).astype(np.float32)
    default: dict[str, Any] = {
        "source": f"/data/{number}.dcm",
        "sha256": digest(number),
        "frame": frame,
        "patient": f"patient-{number % 3}",
        "labels": ("effusion",),
        "thumbnail": b"jpeg",
        "vectors": vector,
        "attributes": {"Modality": "CR", "PatientAge": 45.0},
    }
    return NewRecord(**{**default, **fields})


def raw(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "gallery.db")
