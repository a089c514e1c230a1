"""Erase a patient with a proof: what was removed where, what is found of it afterwards, which backups still hold it.

The proof names nobody: the patient and the records stand in it as keyed digests, by which it can be told later whether
a backup that was put back has brought them again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lookalike.backups import BackupEntry, backups_of
from lookalike.erasing.canary import search_folder
from lookalike.erasing.erase import Forget, erase
from lookalike.erasing.inboxes import forget_in_inboxes, waiting_of
from lookalike.erasing.outside import left_in_engine
from lookalike.gallery import EXPORTS, INBOX, SOURCES, Gallery
from lookalike.store import Store
from lookalike.store.database import FILE
from lookalike.store.kept_out import keep_out
from lookalike.store.named import Named, named_by_patient, within_others
from lookalike.store.tallies import rows_of_records

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FOLDERS: Final = (SOURCES, "indexes", "maps", "adapters", EXPORTS)
_DIGITS: Final = 32
_Seen: TypeAlias = frozenset[tuple[str, int, int]]  # the files of a folder: path, inode, time of the last change


@dataclass(frozen=True, slots=True)
class BackupState:
    """A backup of the manifest. created: in UTC. holds: whether it holds a record that was erased; None where that
    cannot be told: it is not there, or of a form that is not looked into.
    """

    name: str
    created: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class ErasureProof:
    """An erasure. gallery: its id. time: of its end, in UTC. patient, records: keyed digests. rows: that were removed,
    by table; left: records that are still there. files: that were removed, by folder of the gallery; those that are
    made from all records are made again without these; of inboxes those that waited. kept_out: whether the patient is
    not taken again, by whichever way; without the gallery's key that cannot be. words: that were searched for
    afterwards, by what they are, in so many files and bytes; found: files that held one. erased: whether no trace is
    left on the disk; beyond: but for what a PostgreSQL and an index engine keep, which cannot be looked into. engine:
    the address of the index engine, "" for none; left_in_engine: how many vectors of the records it still gives, asked
    afterwards; None where it was not asked or gave no answer. passed_over: sources that were not searched for, since
    the name of one that stays holds theirs, as IM10 does IM1. mac: HMAC-SHA-256 of the rest, by the key of the audit
    log.
    """

    gallery: str
    time: str
    by: str
    version: str
    patient: str
    records: tuple[str, ...]
    rows: Mapping[str, int]
    left: int
    files: Mapping[str, int]
    kept_out: bool
    words: Mapping[str, int]
    searched_files: int
    searched_bytes: int
    found: int
    erased: bool
    backups: tuple[BackupState, ...]
    beyond: str = ""
    engine: str = ""
    left_in_engine: int | None = None
    passed_over: int = 0
    mac: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing of the patient is left in the gallery, and nothing in its index engine."""
        told = not self.engine or self.left_in_engine == 0
        return self.erased and not self.found and not self.left and told


@dataclass
class _Before:
    """What there was when the erasure had its turn."""

    named: list[Named] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, _Seen] = field(default_factory=dict)
    kept_out: bool = False


def erase_with_proof(
    gallery: Gallery, patient: str, *, key: bytes, by: str, version: str, forget: Forget | None = None
) -> tuple[ErasureProof, tuple[str, ...]]:
    """Erase a patient group; the proof, and the ids of the records that are gone. key: by which it is signed. by: who
    erases. Raises as ``erase``, and OSError where the folder cannot be searched afterwards.
    """
    before, waiting = _Before(), waiting_of(gallery, patient)

    def find(store: Store) -> Named:
        before.named = [named_by_patient(store, patient, may_be_none=bool(waiting.files))]
        before.rows = rows_of_records(store, before.named[0].keys)
        before.files = {name: _seen(gallery.folder / name) for name in _FOLDERS}
        return before.named[0]

    def also(connection: Connection) -> None:
        # Also under the other names of one patient
        studies = before.named[0].studies | before.named[0].patients | waiting.studies
        before.kept_out = keep_out(connection, gallery.store.identity, patient, studies)

    removed, named = erase(gallery, find, forget, also=also), before.named[0]
    forget_in_inboxes(gallery, waiting, named)
    ambiguous = within_others(gallery.store, named.sources)
    words = _words(replace(named, sources=named.sources - ambiguous))
    canary = search_folder(gallery.folder, frozenset().union(*words.values()))
    proof = ErasureProof(
        gallery.store.id,
        datetime.now(UTC).isoformat(timespec="seconds"),
        by,
        version,
        keyed(key, patient),
        tuple(sorted(keyed(key, identity) for identity in named.ids)),
        before.rows,
        sum(gallery.store.find(identity) is not None for identity in named.ids),
        {name: len(files - _seen(gallery.folder / name)) for name, files in before.files.items()}
        | {INBOX: len(waiting.files)},
        before.kept_out,
        {name: len(each) for name, each in words.items()},
        canary.files,
        canary.bytes,
        len(canary.found),
        removed.erased,
        tuple(_state(entry, named.ids) for entry in backups_of(gallery.store.id)),
        removed.beyond,
        gallery.engine.named,
        left_in_engine(gallery, named.ids),
        len(ambiguous),
    )
    return signed(proof, key), tuple(sorted(named.ids))


def signed(proof: ErasureProof, key: bytes) -> ErasureProof:
    """The proof with its authentication code."""
    return replace(proof, mac=_code({**asdict(proof), "mac": ""}, key))


def is_genuine(proof: Mapping[str, Any], key: bytes) -> bool:
    """Whether the fields of a proof, as JSON gives them, stand there as they were written."""
    return hmac.compare_digest(str(proof.get("mac", "")).encode(), _code({**proof, "mac": ""}, key).encode())


def keyed(key: bytes, name: str) -> str:
    """The digest by which a proof names a record or a patient: HMAC-SHA-256; 32 hex digits."""
    return hmac.new(key, f"erased {name}".encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def _code(fields: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, json.dumps(fields, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _words(named: Named) -> dict[str, frozenset[bytes]]:
    """The words to search for, by what they are: those that are long enough to be nobody else's."""
    texts = {
        "ids": named.ids,
        "patients": named.patients,
        "studies": named.studies,
        "digests": named.digests,
        "sources": named.sources,
    }
    found = {name: frozenset(each.encode("utf-8", "surrogateescape") for each in one) for name, one in texts.items()}
    return {**found, "vectors": named.vectors, "reports": frozenset(one for one in named.reports if len(one) >= 16)}


def _seen(folder: Path) -> _Seen:
    return frozenset(_walk(folder)) if folder.is_dir() and not folder.is_symlink() else frozenset()


def _walk(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file():
                state = path.lstat()
                yield str(path), state.st_ino, state.st_mtime_ns


def _state(entry: BackupEntry, ids: Collection[str]) -> BackupState:
    created = datetime.fromtimestamp(entry.created, UTC).isoformat(timespec="seconds")
    return BackupState(entry.name, created, _holds(Path(entry.path), ids))


def _holds(path: Path, ids: Collection[str]) -> bool | None:
    """Whether a backup's database holds one of some records; None where there is none that can be looked into."""
    file = path / FILE if path.is_dir() else path
    try:
        uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            return any(
                database.execute("SELECT 1 FROM records WHERE id = ?", (identity,)).fetchone() for identity in ids
            )
    except (sqlite3.Error, ValueError):
        return None
