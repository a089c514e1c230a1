"""What is made from a gallery once and kept beside its indexes: a file that only saves time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lookalike.atomic import write_atomically


def kept_fields(path: Path, made_of: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The fields of a file that is whole and was made of this; else they are made, written where that is allowed."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        read = json.loads(path.read_text("utf-8"))
        if read.pop("sha256") == _digest(read) and read["made_of"] == made_of:
            return dict(read)
    fields = {"made_of": made_of, **make()}
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, json.dumps({**fields, "sha256": _digest(fields)}).encode())
    return fields


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
