"""What is done to a gallery while it is killed, refused or damaged; and everything that it says afterwards.

Run in processes that a pristine one forks (``multiprocessing``'s fork server): nothing has to be imported anew.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from running import answers, described, ids_of, patients
from sqlalchemy import Connection as SQLConnection
from sqlalchemy import Engine, event

from lookalike.errors import GalleryError, LookalikeError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store.damage import damage_of
from lookalike.store.database import FILE
from lookalike.store.edit import label_changes
from lookalike.store.label_log import LoggedChange
from lookalike.store.place import STORE_FILE
from lookalike.verbs.adapt import adapt
from lookalike.verbs.curation.labelling import label, undo_labels
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.gallery import relocate
from lookalike.verbs.index import index
from lookalike.verbs.map import map_gallery
from lookalike.verbs.migrate import migrate
from lookalike.verbs.records import remove

State = dict[str, Any]
Operation = Callable[[Gallery, Path], object]


def _labelled(gallery: Gallery, wanted: str) -> list[str]:
    return sorted(record.id for record in gallery.store.records().values() if wanted in record.labels)


def _index(gallery: Gallery, root: Path) -> object:
    """More pictures, and other labels, patients and attributes of those that are there."""
    return index(gallery, [root / "pictures", root / "more"], labels=root / "more" / "labels.csv")


def _remove_patient(gallery: Gallery, _root: Path) -> object:
    record = gallery.store.record(ids_of(gallery)[0])
    return remove(gallery, patient=record.patient)


OPERATIONS: Final[dict[str, Operation]] = {
    "index": _index,
    "adapt": lambda gallery, _root: adapt(gallery, "new", kind="linear"),
    "adapt again": lambda gallery, _root: adapt(gallery, "old", kind="linear", seed=7, replace=True),
    "remove": lambda gallery, _root: remove(gallery, ids_of(gallery)[3:5]),
    "remove a patient": _remove_patient,
    "label": lambda gallery, _root: label(gallery, _labelled(gallery, "even")[:3], set=["new", "other"], by="reader"),
    "undo": lambda gallery, _root: undo_labels(gallery),
    "relocate": lambda gallery, root: relocate(gallery, root / "pictures", root / "elsewhere"),
    "map": lambda gallery, _root: map_gallery(gallery, method="tsne"),
    "evaluate": lambda gallery, _root: evaluate(gallery, samples=5),
    "migrate": lambda gallery, _root: migrate(gallery, "lite0-last"),
}


def prepare(gallery: Gallery, root: Path) -> None:
    """A gallery on which every operation has something to do."""
    index(gallery, [root / "pictures"], labels=root / "pictures" / "labels.csv")
    adapt(gallery, "old", kind="linear")
    label(gallery, ids_of(gallery)[:2], add=["by hand"], by="reader")
    map_gallery(gallery, method="tsne")


def state(gallery: Gallery) -> State:
    """Everything that a gallery says: what is compared after a kill. Times of the log are left out."""
    store = gallery.store
    vectors = store.vectors()
    ids = ids_of(gallery)
    damage = damage_of(store)
    assert not damage.read_again | damage.labels, damage
    return {
        "records": described(gallery),
        "patients": patients(gallery),
        "refused": store.refused(),
        "files": store.files(),
        "vectors": sorted(map(np.ndarray.tobytes, vectors.vectors)),
        "thumbnails": sorted(store.thumbnails(store.records()).values()),
        "log": [_timeless(change) for change in label_changes(store, None, 50)],
        "spaces": {
            name: answers(gallery, ids[::5], space=name)
            for name in store.spaces()
            if not gallery.is_of_another_encoder(name)
        },
        "filtered": answers(gallery, ids[:1], where="label=even and site=north") if store.has_field("site") else [],
        "trained": {name: row.adapter for name, row in store.spaces().items()},
    }


def _timeless(change: LoggedChange) -> tuple[Any, ...]:
    return (
        change.number,
        change.by,
        change.action,
        change.records,
        change.added,
        change.removed,
        change.undone is None,
    )


def look(folder: Path) -> State | None:
    """The state of the gallery in a folder; None if there is none, or one whose making was cut short."""
    if not (folder / FILE).exists() and not (folder / STORE_FILE).exists():
        return None
    try:
        gallery = open_gallery(folder)
    except GalleryError as error:
        if "making it was cut short" in str(error):
            return None
        raise
    with gallery:
        return state(gallery)


def operate(name: str, folder: Path, root: Path) -> None:
    if name == "create":
        with open_gallery(folder, create=True) as gallery:
            index(gallery, [root / "pictures"], labels=root / "pictures" / "labels.csv")
        return
    with open_gallery(folder) as gallery:
        OPERATIONS[name](gallery, root)


def beset(name: str, folder: Path, root: Path, number: int, how: int) -> int:
    """An operation at whose n-th SQL statement the process of the PostgreSQL that is asked gets a signal; 0 for none.
    How many statements there were.
    """
    counted = itertools.count(1)

    def strike(connection: SQLConnection, *_of: object) -> None:
        if next(counted) == number:
            asked = psutil.Process(connection.connection.driver_connection.info.backend_pid)  # type: ignore[union-attr]
            asked.send_signal(how)
            asked.wait()  # until the server has noticed

    event.listen(Engine, "before_cursor_execute", strike)
    operate(name, folder, root)
    return next(counted) - 1


def elsewhere(url: str, task: str, *arguments: Any) -> Any:
    """Another task, of which a new gallery keeps its records in a PostgreSQL."""
    os.environ["LOOKALIKE_STORE"] = url
    return TASKS[task](*arguments)


def child(task: str, arguments: tuple[Any, ...], answer: Connection, traced: bool) -> None:
    """The process that works: its acknowledgement is what it sends when it has done."""
    if traced:
        _wait_for_the_tracer()
    try:
        said = "done", TASKS[task](*arguments)
    except LookalikeError as error:
        said = "named", f"{type(error).__name__}: {error}"
    except BaseException as error:
        import traceback

        said = "unnamed", f"{error!r} {''.join(traceback.format_tb(error.__traceback__)[-3:])}"
    answer.send(said)
    os._exit(0)


def _wait_for_the_tracer() -> None:
    while "TracerPid:\t0" in Path("/proc/self/status").read_text():
        time.sleep(0.001)


def prepared(folder: Path, root: Path) -> None:
    with open_gallery(folder, create=True) as gallery:
        prepare(gallery, root)


def copied(sound: Path, folder: Path) -> None:
    """Put a gallery in the place of another."""
    shutil.rmtree(folder, ignore_errors=True)
    if sound.exists():
        shutil.copytree(sound, folder)


def both(names: Iterable[str], folder: Path, root: Path) -> State | None:
    """Operations one after another, and the state after them."""
    for name in names:
        operate(name, folder, root)
    return look(folder)


TASKS: Final[dict[str, Callable[..., Any]]] = {
    "prepare": prepared,
    "operate": operate,
    "look": look,
    "both": both,
    "beset": beset,
    "elsewhere": elsewhere,
}
