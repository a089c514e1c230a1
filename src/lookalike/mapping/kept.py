"""The file that keeps a map: a line of JSON that says what it was made from, then the points as bytes.

Bytes, since a million points as JSON take seconds and gigabytes to read. All numbers are little-endian.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.atomic import write_atomically
from lookalike.mapping.layout import Layout
from lookalike.types import Keys

MAPS_KEPT: Final = 32  # maps of one gallery kept on disk
UNGROUPED: Final = 255  # the group of a point that is of none
_FORM: Final = 2  # of the file; another number invalidates every map
_BYTES: Final = 8 + 8 + 8 + 1  # of a point
_STEPS: Final = 65_535  # in which places are packed for the page


@dataclass(frozen=True, slots=True, eq=False)
class MapDrawing:
    """keys (n,): of the records; names (n, 8) uint8: their ids as bytes; plane (n, 2) in [0, 1]; groups (n,) uint8:
    the group that each shows in, UNGROUPED for none. parameters: what is needed to repeat it.
    """

    keys: Keys
    names: NDArray[np.uint8]
    plane: Layout
    groups: NDArray[np.uint8]
    parameters: Mapping[str, Any]

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the records."""
        text = self.names.tobytes().hex()
        return tuple(text[at : at + 16] for at in range(0, len(text), 16))

    def among(self, rows: NDArray[Any]) -> MapDrawing:
        """Of some rows alone."""
        return MapDrawing(self.keys[rows], self.names[rows], self.plane[rows], self.groups[rows], self.parameters)

    def packed(self) -> bytes:
        """As the page takes it: x and y as uint16 of [0, 1], all x first, then ids of 8 bytes, then groups."""
        steps = np.round(self.plane.T * _STEPS).astype("<u2")
        return steps.tobytes() + self.names.tobytes() + self.groups.tobytes()


def id_bytes(ids: list[str]) -> NDArray[np.uint8]:
    """(n, 8): ids of 16 hexadecimal digits as bytes."""
    return np.frombuffer(bytes.fromhex("".join(ids)), np.uint8).reshape(-1, 8)


def read_drawing(path: Path, made_of: Mapping[str, Any]) -> MapDrawing | None:
    """The map if its file is intact and was made from exactly this, otherwise None."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        told = json.loads(head)
        whole = told["made_of"] == made_of and told["sha256"] == _digest(made_of, told["parameters"], body)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return _drawing(body, told["parameters"]) if whole else None


def _drawing(body: bytes, parameters: Any) -> MapDrawing | None:
    """A stored map if it is one: the checksum of a file of somebody else's gallery fits whatever it holds."""
    count, rest = divmod(len(body), _BYTES)
    if rest or not isinstance(parameters, dict):
        return None
    keys, names, places = (np.frombuffer(body, np.uint8, 8 * count, 8 * count * at) for at in range(3))
    plane = places.view("<f4").reshape(-1, 2)
    if not ((plane >= 0) & (plane <= 1)).all():
        return None
    groups = np.frombuffer(body, np.uint8, count, 24 * count)
    return MapDrawing(keys.view("<i8"), names.reshape(-1, 8), plane, groups, parameters)


def write_drawing(path: Path, made_of: Mapping[str, Any], drawn: MapDrawing) -> None:
    """Raises OSError: the gallery may be read but not written to, or the disk is full."""
    path.parent.mkdir(exist_ok=True)
    body = b"".join(
        each.tobytes() for each in (drawn.keys.astype("<i8"), drawn.names, drawn.plane.astype("<f4"), drawn.groups)
    )
    told = {"made_of": made_of, "parameters": drawn.parameters, "sha256": _digest(made_of, drawn.parameters, body)}
    write_atomically(path, json.dumps(told).encode() + b"\n" + body)
    by_age = sorted(path.parent.glob("*.*"), key=lambda file: file.stat().st_mtime_ns)
    for old in by_age[:-MAPS_KEPT]:
        old.unlink(missing_ok=True)


def _digest(made_of: Mapping[str, Any], parameters: Any, body: bytes) -> str:
    text = json.dumps([_FORM, made_of, parameters], sort_keys=True)
    return hashlib.sha256(text.encode() + b"\n" + body).hexdigest()
