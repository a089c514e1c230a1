"""Read a file of vectors through the process that may open it and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtraError, UsageError
from lookalike.readers.process import Deadline, Process, seconds_of_reading
from lookalike.text import one_line

_WORKER: Final = "lookalike.sources.vector_files.worker"
_ROWS: Final = 2048  # vectors asked for at once
_TOLD: Final = 8192  # rows of the columns asked for at once
_SECONDS: Final = 120.0  # of processor time
_SLOW: Final = 40  # a file of an array a picture is read so many times slower than a disk


@dataclass(frozen=True, slots=True)
class Told:
    """What a file tells of its vectors: ids, () if it tells none; columns: (count,) texts by name."""

    ids: Sequence[str]
    columns: Mapping[str, Sequence[str]]


class VectorFile:
    """An open file of vectors: count, dim, encoder (what it says of that, or ""), what is told of each, and the rows.

    Raises UsageError if it is no such file, MissingExtraError if reading it needs a package.
    """

    def __init__(self, path: Path, vectors: str = "", ids: str = "") -> None:
        self.path = path
        self._seconds = _SECONDS + _SLOW * seconds_of_reading(str(path))
        self._process = Process(_WORKER)
        self._end = finalize(self, self._process.kill)
        self._process.admit([str(path)], str(path), heavy=False)
        self._opened = {"file": str(path), "vectors": vectors, "ids": ids}
        header, _ = self._ask("open", 0, 0)
        self.count, self.dim = int(header["count"]), int(header["dim"])
        self.encoder = str(header["encoder"])
        self._held: tuple[int, NDArray[np.float32]] = (0, np.empty((0, self.dim), np.float32))

    def told(self) -> Told:
        """What the file tells of each vector."""
        ids: list[str] = []
        columns: dict[str, list[str]] = {}
        for first in range(0, self.count, _TOLD):
            header, _ = self._ask("told", first, first + _TOLD)
            ids += header["ids"]
            for name, values in header["columns"].items():
                columns.setdefault(name, []).extend(values)
        return Told(ids, columns)

    def row(self, number: int) -> NDArray[np.float32]:
        """One vector (dim,), quickly if the last one asked for was near."""
        first, rows = self._held
        if not first <= number < first + len(rows):
            first = number - number % _ROWS
            last = min(first + _ROWS, self.count)
            _, data = self._ask("rows", first, last)
            if len(data) != 4 * self.dim * (last - first):
                self._refuse("it is cut short")
            rows = np.frombuffer(data, "<f4").reshape(last - first, self.dim)
            self._held = first, rows
        vector: NDArray[np.float32] = rows[number - first]
        return vector

    def close(self) -> None:
        """End the process; a second call does nothing."""
        self._end()

    def _ask(self, what: str, first: int, last: int) -> tuple[dict[str, Any], bytes]:
        request = {**self._opened, "what": what, "first": first, "last": last, "seconds": self._seconds}
        try:
            self._process.send(json.dumps(request).encode())
            message = self._process.receive(Deadline(self._seconds))
        except (OSError, EOFError, ValueError):
            self._refuse("the process that read it died of it: it is damaged")
        if message is None:
            self._refuse("reading it took too long")
        head, _, data = message.partition(b"\n")
        header = json.loads(head)
        if "missing" in header:
            self.close()
            raise MissingExtraError(f"reading {self.path.name}", header["missing"])
        if "wrong" in header:
            self._refuse(header["wrong"])
        return header, data

    def _refuse(self, why: str) -> NoReturn:
        self.close()
        raise UsageError(f"{self.path.name} cannot be imported: {one_line(why)}")
