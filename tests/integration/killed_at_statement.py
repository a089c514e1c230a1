"""Run by test_kill: kill a process with SIGKILL at its n-th SQL statement, for every n; look at what is left.

python killed_at_statement.py FOLDER WHAT prints a line for each n; WHAT is a key of STEPS.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.gallery import open_gallery
from lookalike.store import Batch, NewRecord, Relabel, Store, database
from lookalike.store.batch import EncodedRecord
from lookalike.store.second_encoder import begin_beside, pending_records, switch_to_beside, write_beside
from lookalike.types import Refusal

SHA = "ab" * 32


def record(frame: int, value: float = 0.6) -> NewRecord:
    vectors = np.array([[value, (1 - value**2) ** 0.5]], np.float32)
    return NewRecord("a.dcm", SHA, frame, "patient", ("label",), {"Modality": "CR", "age": 4.0}, vectors, b"jpeg")


def create(folder: Path) -> None:
    open_gallery(folder, create=True).close()


def write(folder: Path) -> None:
    batch = Batch([record(0), record(1), record(2)], {SHA: "a.dcm"}, [Refusal("b.dcm", "empty-file")])
    Store(folder).write(batch)


def replace(folder: Path) -> None:
    changed = Relabel(SHA, "other", ("new",), {"Modality": "DX"})
    Store(folder).write(Batch([record(0, 0.8), record(1, 0.8), record(2, 0.8)], relabels=[changed]))


def switch(folder: Path) -> None:
    """Another encoder's vectors come beside, and answer."""
    store = Store(folder)
    begin_beside(store, {"name": "other", "identity": {"name": "other"}}, patches=False)
    keys = pending_records(store, 0, 10)
    made = [EncodedRecord(key, store.records()[key].id, (0,), np.array([[0.0, 0.6, 0.8]], np.float32)) for key in keys]
    write_beside(store, made, {})
    switch_to_beside(store, without_missing=False)


STEPS: dict[str, tuple[list[Callable[[Path], None]], Callable[[Path], None]]] = {
    "create": ([], create),
    "write": ([create], write),
    "replace": ([create, write], replace),
    "switch": ([create, write], switch),
}


def state(folder: Path) -> str:
    """Everything that the store says, on one line."""
    with open_gallery(folder, create=True) as gallery:
        store = gallery.store
        records = [
            (r.frame, r.labels, sorted(r.attributes.items()), r.patient == store.patient_group("patient"))
            for r in store.records().values()
        ]
        values = [round(float(v[0]), 3) for v in store.vectors().vectors]
        counts = len(store.files()), len(store.refused()), len(store.thumbnails(store.records()))
        return repr((records, values, counts, list(store.spaces()), store.spaces()["base"].version))


def killed_at(number: int, step: Callable[[Path], None], folder: Path) -> bool:
    """Whether the step was killed; False if it has fewer statements."""
    child = os.fork()
    if child == 0:
        seen = [0]
        durable = database._durable

        def counted(connection: sqlite3.Connection, pool_record: Any) -> None:
            durable(connection, pool_record)

            def statement(_sql: str) -> None:
                seen[0] += 1
                if seen[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            connection.set_trace_callback(statement)

        database._durable = counted
        step(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(folder: Path, what: str) -> None:
    before, step = STEPS[what]
    number = 0
    killed = True
    start = folder.with_name("start")
    start.mkdir()
    for earlier in before:
        earlier(start)
    while killed:
        number += 1
        shutil.copytree(start, folder)
        killed = killed_at(number, step, folder)
        print("killed" if killed else "done", state(folder), flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
