"""The store of a gallery, its single source of truth: indexes are built from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Table, func, insert, select

from lookalike.errors import LookalikeError, ReadOnlyError
from lookalike.filters import Filter, fields
from lookalike.store.batch import Batch, write_batch
from lookalike.store.beside import write_identities, write_reports, write_studies
from lookalike.store.changes import Changes
from lookalike.store.database import READ_ONLY, errors_named, interrupted_after, rows_named, to_write
from lookalike.store.databases import Database, database_of
from lookalike.store.edits import count_edit, edits_of
from lookalike.store.facts import put_fact
from lookalike.store.filtered import FilteredKeys, KeptColumns
from lookalike.store.identity import check_kind, identity_from, make_identity, read_gallery_facts
from lookalike.store.lookup import DatabaseLookup, Lookup
from lookalike.store.memory import Held, Memory
from lookalike.store.rows import lost_vectors, no_record, refusals
from lookalike.store.same_fields import SameFields
from lookalike.store.schema import ATTRIBUTES, GALLERY, READ_FILES, RECORDS, REFUSED, VECTORS
from lookalike.store.spaces import SpaceRow, put_space, read_spaces
from lookalike.store.thumbnails import thumbnails_of
from lookalike.store.turns import FilterTurns
from lookalike.store.value_columns import ValueColumn
from lookalike.store.vectors import StoredVectors, every_vector, slices_by_record, without_vectors_error
from lookalike.store.verified import Verification
from lookalike.store.verify import FILTERED, verify_indexes, verify_table
from lookalike.store.where import condition
from lookalike.store.within import CLOSED
from lookalike.types import BASE, Keys, Record, Refusal, Vectors

FILTER_SECONDS: Final = 60.0
"""A filter may take this long, unless ``Store.limit_filters`` says otherwise."""

_SEAL: Final = "index of"
_COLUMNS: Final = "columns"  # the fact that names the file of columns
_PATIENCE: Final = 0.02  # seconds: the check is short, but lets other threads run


class Store:
    """One gallery's database. Every write is one transaction; readers see whole transactions only. within: only the
    records that satisfy this filter are there, to be looked at (``store.within``).
    """

    def __init__(
        self, folder: Path, *, adopting: bool = False, linked: bool | None = None, within: Filter | None = None
    ) -> None:
        """linked: of a new gallery whether who its records are is kept, encrypted; of another one what it must be."""
        self.database = database_of(folder)
        facts = self.database.read_facts()
        self._closed = _closed(self.database, "" if adopting or not facts else identity_from(facts).closed)
        if within is not None:
            self._closed = CLOSED
        self._engine = self.database.connect(writable=self.writable, tree=within)
        self._changes = Changes(self.database.watch(writable=self.writable))
        self._writer = to_write(self._engine)
        with self.begin() as connection:
            facts = read_gallery_facts(connection)  # verified, now that every table is known to have its columns
        if not facts:
            with self.begin(write=True) as connection:
                made = partial(make_identity, connection, linked=linked is True, identity=self.database.new_id)
                facts = read_gallery_facts(connection) or made()
        self.identity = identity_from(facts)
        check_kind(self.identity, linked)
        self.id = self.identity.id
        self._spaces: tuple[int, dict[str, SpaceRow]] | None = None
        self._database = DatabaseLookup(self.begin)
        self._memory: Memory | None = None
        self._verification = Verification(self.begin, self.note, self.database.place)
        self._verified: set[str] = set()  # tables beside the records
        self._turns = FilterTurns(FILTER_SECONDS)
        self._filtered = FilteredKeys(self.begin, self.changes, self._verification)
        self._same_fields = SameFields(self.begin)
        self._fields: tuple[int, dict[str, bool]] = -1, {}

    def limit_filters(self, seconds: float) -> None:
        """From now on refuse filters that take longer."""
        self._turns.seconds = seconds

    @property
    def writable(self) -> bool:
        """Whether this process may write, and the gallery was made or adopted here."""
        return not self._closed

    def check_writable(self) -> None:
        """Raise ReadOnlyError, with what to do, where nothing may be written."""
        if self._closed:
            raise ReadOnlyError(self._closed)

    def keep_columns(self, file: KeptColumns) -> None:
        """Keep the columns that filters are answered from in a file, which processes after this one begin with."""
        self._filtered.kept = file

    def close(self) -> None:
        """Close the database's connections."""
        self._changes.close()
        self._engine.dispose()

    def hold(self) -> None:
        """Keep the records in memory from now on, for many searches of one process. Writes of other processes are
        seen a moment later. Raises DamagedFileError."""
        memory = Memory(self.begin, self.changes)
        if (held := memory.held()) is not None:  # which has verified every record
            with self.begin() as connection:
                verify_indexes(connection, *FILTERED)
                lost = lost_vectors(connection)
            if not lost:  # else the first filter says so
                self._verification.note_done(len(held.by_key(None)))
        self._changes.patience = _PATIENCE
        self._memory = memory

    def changes(self) -> int:
        """A number that changes when any process has written to the database."""
        return self._changes.number()

    def same_fields(self) -> Mapping[str, tuple[str, ...]]:
        """By DICOM keyword the columns of label tables that say the same of every record (``same_fields``)."""
        return self._same_fields.found()

    def edits(self) -> int:
        """The number of changes to existing records: labels, attributes, vectors, removal."""
        with self.begin() as connection:
            return edits_of(connection).number

    @contextmanager
    def begin(self, *, write: bool = False) -> Iterator[Connection]:
        """Open a transaction, for the modules of this package. Raises GalleryError: nothing may be written."""
        if write:
            self.check_writable()
        engine = self._writer if write else self._engine
        with errors_named(), rows_named() if not write else nullcontext(), engine.begin() as connection:
            yield connection
        if write:
            self._changes.forget()

    @contextmanager
    def begin_long(self) -> Iterator[Connection]:
        """Open a transaction for reading, within which a caller does other work too: what comes of that is not taken
        for a damaged database.
        """
        with errors_named(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def begin_filtered(self, tree: Filter | None) -> Iterator[Connection]:
        """Open a transaction for what a caller's filter takes part in. Raises SlowFilterError, BusyError."""
        if tree is None:
            with self.begin() as connection:
                yield connection
            return
        self.verify()
        with (
            self._turns.turn(tree) as deadline,
            self.begin() as connection,
            interrupted_after(connection, deadline, self._turns.too_slow),
        ):
            yield connection

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """A connection outside of any transaction, for commands on the file itself."""
        with errors_named(), self._engine.connect().execution_options(begin=()) as connection:
            yield connection

    def fact(self, name: str, first: str) -> str:
        """A fact about the gallery, stored as ``first`` when it is first needed; not where nothing may be written."""
        with self.begin() as connection:
            found = read_gallery_facts(connection).get(name)
        if found is not None or not self.writable:
            return first if found is None else found
        with self.begin(write=True) as connection:  # another process may have stored it meanwhile
            found = read_gallery_facts(connection).get(name)
            if found is None:
                connection.execute(insert(GALLERY), {"name": name, "value": first})
            return first if found is None else found

    def noted(self, name: str) -> str:
        """A fact about the gallery; "" if there is none of that name."""
        with self.begin() as connection:
            return str(read_gallery_facts(connection).get(name, ""))

    def index_seal(self, space: str) -> str:
        """The SHA-256 of the index file that was made last of a space; "" if none was."""
        return self.noted(f"{_SEAL} {space}")

    def note(self, name: str, value: str) -> None:
        """Store a fact about the gallery, in the place of the former one."""
        with self.begin(write=True) as connection:
            put_fact(connection, name, value)

    def seal_index(self, space: str, sha256: str, after: str) -> bool:
        """Note the SHA-256 of a space's index file: no other one is believed. after: the one that was known; where
        another process has noted another one meanwhile, that one stays. Returns whether this one counts now.
        """
        with self.begin(write=True) as connection:
            known = read_gallery_facts(connection).get(f"{_SEAL} {space}", "")
            if known == after:
                put_fact(connection, f"{_SEAL} {space}", sha256)
        return known in (sha256, after)

    def columns_seal(self) -> str:
        """The SHA-256 of the file of columns that was written last; "" if none was."""
        return self.noted(_COLUMNS)

    def seal_columns(self, sha256: str, edits: int) -> None:
        """Note the SHA-256 of a file of columns, made after so many edits: no other one is believed. Nothing is noted
        where a record has been changed or removed since.
        """
        with self.begin(write=True) as connection:
            if edits_of(connection).number == edits:
                put_fact(connection, _COLUMNS, sha256)

    # Writing

    def write(self, batch: Batch) -> list[str]:
        """Store a batch in one transaction. An existing record gets the new vectors.

        Returns the file's SHA-256 for every new record.
        """
        with self.begin(write=True) as connection:
            new = write_batch(connection, batch, self.patient_group)
            write_studies(connection, batch.studies, self.identity)
            write_identities(connection, batch.identities, self.identity)
            if told := write_reports(connection, batch.reports):
                count_edit(connection, told)
            return new

    def put_space(self, name: str, encoder: Mapping[str, Any], adapter: str | None) -> None:
        """Declare a space, or replace its adapter."""
        with self.begin(write=True) as connection:
            put_space(connection, name, encoder, adapter)

    def declare_base(self, encoder: Mapping[str, Any]) -> bool:
        """Name the encoder of a new gallery; False where another process has named one meanwhile."""
        with self.begin(write=True) as connection:
            if BASE in read_spaces(connection):
                return False
            put_space(connection, BASE, encoder, None)
        return True

    # Reading

    def study_group(self, study: str) -> str:
        """The pseudonym under which a study's records are grouped; "" as for ``patient_group``."""
        return self.identity.group("study", study)

    def series_group(self, series: str) -> str:
        """The pseudonym of a series by its SeriesInstanceUID; "" as for ``patient_group``."""
        return self.identity.group("series", series)

    def instance_group(self, instance: str) -> str:
        """The pseudonym of an instance by its SOPInstanceUID, for ``identities.instances_there``; "" likewise."""
        return self.identity.group("instance", instance)

    def patient_group(self, patient: str) -> str:
        """The pseudonym under which a patient's records are grouped; "" for no patient, and where it cannot be told."""
        return self.identity.patient_group(patient)

    def spaces(self, *, now: bool = False) -> dict[str, SpaceRow]:
        """Every space by name. An adapted space takes its version from the base vectors. now: as they are at this
        moment, and not as of a moment ago (``hold``).
        """
        changes, held = self._changes.number(now=now), self._spaces
        if held is None or held[0] != changes:
            with self.begin() as connection:
                held = changes, read_spaces(connection)
            self._spaces = held
        return held[1]

    def version(self) -> int:
        """The number of changes to the vectors at this moment."""
        return self.spaces(now=True)[BASE].version

    def files(self) -> set[str]:
        """The SHA-256 of every file that is stored completely."""
        with self.begin() as connection:
            return set(connection.scalars(select(READ_FILES.c.sha256)))

    def sources_of_files(self) -> dict[str, str]:
        """The source of every file that is stored completely, by its SHA-256."""
        with self.begin() as connection:
            return {row.sha256: row.source for row in connection.execute(select(READ_FILES))}

    def count(self) -> int:
        """How many records there are."""
        with self.begin() as connection:
            return int(connection.scalar(select(func.count()).select_from(RECORDS)) or 0)

    def refused(self) -> list[Refusal]:
        """Every refused file with its reason."""
        with self.begin() as connection:
            return refusals(connection, select(REFUSED).order_by(REFUSED.c.source))

    def vectors(self) -> StoredVectors:
        """Every base vector, in the order of the keys. Raises DamagedFileError."""
        with self.begin() as connection:
            return every_vector(connection)

    def vectors_of(self, key: int) -> Vectors:
        """The base vectors (views, dim) of one record. Raises DamagedFileError, NotFoundError (it was removed),
        UsageError (a migration left it out).
        """
        return self.slices_of(key)[1]

    def vectors_of_each(self, keys: Iterable[int]) -> dict[int, Vectors]:
        """The base vectors (views, dim) of records, by key. Raises as ``vectors_of``."""
        wanted = [int(key) for key in keys]
        found = self.slices_of_each(wanted)
        if not found.keys() >= set(wanted):
            raise self._lacking(wanted)
        return {key: vectors for key, (_, vectors) in found.items()}

    def slices_of(self, key: int) -> tuple[tuple[int, ...], Vectors]:
        """The slice numbers and base vectors (views, dim) of one record. Raises as ``vectors_of``."""
        if (found := self.slices_of_each([key]).get(key)) is None:
            raise self._lacking([key])
        return found

    def _lacking(self, keys: Sequence[int]) -> LookalikeError:
        with self.begin() as connection:
            return without_vectors_error(connection, keys)

    def slices_of_each(self, keys: Iterable[int]) -> dict[int, tuple[tuple[int, ...], Vectors]]:
        """The slice numbers and base vectors (views, dim) of records, by key; removed ones are left out.

        Raises DamagedFileError.
        """
        with self.begin() as connection:
            return slices_by_record(connection, [int(key) for key in keys])

    def verify(self) -> None:
        """Verify every record and the database's indexes, once in the life of this object (``verified``): damage that
        left a record out of a filter or a count would not be seen. Raises DamagedFileError, BusyError.
        """
        self._verify_and_keep(set())

    def _verify_and_keep(self, names: set[str]) -> None:
        """The same, and keep the columns of some fields, which are then of verified records."""
        if self._verification.ensure(self._turns.seconds):
            self._filtered.keep(names)

    def verify_rows(self, *tables: Table) -> None:
        """Verify all of some tables of what is said beside the records, once in the life of this object: a row that
        damage moves to another record or name would be missed. Raises DamagedFileError.
        """
        for table in tables:
            if table.name not in self._verified:
                with self.begin() as connection:
                    verify_table(connection, table)
                self._verified.add(table.name)

    def renew_verification(self) -> None:
        """Verify all of that again where a large gallery was verified long ago, so that no process waits for it. Raises
        DamagedFileError.
        """
        if self._verification.renew():
            self._filtered.keep(set())

    def keys_where(self, tree: Filter) -> Keys:
        """The vector keys of the records that satisfy a filter, ascending. Raises SlowFilterError, BusyError."""
        self._verify_columns(fields(tree))
        with self._turns.turn(tree) as deadline:
            held = self._filtered.where(tree, deadline, self._turns.too_slow)
        if held is not None:
            return held
        self.verify()
        matching = select(RECORDS.c.key).where(condition(tree))
        query = select(VECTORS.c.key).where(VECTORS.c.record.in_(matching)).order_by(VECTORS.c.key)
        with self.begin_filtered(tree) as connection:
            return np.fromiter(connection.scalars(query), np.int64)

    def column(self, name: str) -> ValueColumn | None:
        """What the records say in a field, or as "label" or "patient"; None if there are too many records to hold."""
        self._verify_columns({name})
        return self._filtered.column(name)

    def _verify_columns(self, names: set[str]) -> None:
        """Have the columns of fields be of verified records. Raises DamagedFileError, BusyError."""
        if not self._filtered.are_sound(names):
            self._verify_and_keep(names)

    # Reading, from the database or from memory

    def _lookup(self) -> Lookup:
        return self._held() or self._database

    def _held(self) -> Held | None:
        return None if self._memory is None else self._memory.held()

    def records(self, keys: Iterable[int] | None = None) -> Mapping[int, Record]:
        """Complete records by key; all of them without ``keys``."""
        return self._lookup().by_key(keys)

    def find(self, identity: str) -> Record | None:
        """One record by its public id, or None."""
        return self._lookup().by_id(identity)

    def record(self, identity: str) -> Record:
        """One record by its public id. Raises NotFoundError if there is none."""
        found = self.find(identity)
        if found is None:
            raise no_record(identity)
        return found

    def keys_of_patient(self, patient: str) -> Keys:
        """The vector keys of one patient group (its hash)."""
        return self._lookup().keys_of_patient(patient)

    def keys_of_records(self, keys: Iterable[int]) -> Keys:
        """The vector keys of records, by their keys."""
        return self._lookup().keys_of(keys)

    def held_keys(self, record: int) -> Keys | None:
        """The vector keys of a record, if the records are held in memory."""
        held = self._held()
        return None if held is None else held.keys_of([record])

    def owner_keys(self, keys: Keys) -> Keys:
        """The record's key for each vector key; -1 for -1 and for a key that is not there."""
        return self._lookup().owner_keys(keys)

    def owners(self, keys: Keys) -> list[Record | None]:
        """The record of each vector key, in order; None for a key that is not there."""
        return self._lookup().owners(keys)

    def thumbnail(self, key: int) -> bytes:
        """The small JPEG of a record; b"" if there is none. Raises DamagedFileError."""
        return self.thumbnails([key]).get(key, b"")

    def thumbnails(self, keys: Iterable[int]) -> dict[int, bytes]:
        """The small JPEGs of records, by key. Raises DamagedFileError."""
        with self.begin() as connection:
            return thumbnails_of(connection, keys)

    def has_field(self, name: str) -> bool:
        """Whether any record has an attribute of that name."""
        if self._filtered.says(name):
            return True
        self.verify()
        changes, (known_at, known) = self.changes(), self._fields
        if known_at == changes and name in known:
            return known[name]
        found = self._has_field(name)
        self._fields = changes, {**(known if known_at == changes else {}), name: found}
        return found

    def _has_field(self, name: str) -> bool:
        query = select(ATTRIBUTES.c.record).where(ATTRIBUTES.c.name == name).limit(1)
        with self.begin() as connection:
            return connection.execute(query).first() is not None

    def field_names(self) -> list[str]:
        """The attributes that a filter can name."""
        with self.begin() as connection:
            names = connection.scalars(select(ATTRIBUTES.c.name).distinct())
            return sorted(name for name in names if isinstance(name, str))  # a damaged row may hold anything


def _closed(database: Database, foreign: str) -> str:
    """Why nothing may be written; "" where it may. foreign: the reason where the gallery was made elsewhere."""
    return foreign if database.may_write() else f"{READ_ONLY}; ask its owner, or copy the folder"
