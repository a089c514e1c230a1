"""Vectors of a second encoder, beside those that answer: an unfinished migration to it, or the encoder of before.

``vectors_beside`` and ``patches_beside`` are tables like ``vectors`` and ``patches``; ``records_beside`` says which
records the second encoder has encoded, and why it has not encoded others. The switch gives the tables each other's
names, in one transaction whose time does not grow with the gallery. Vectors of the two never have equal keys, so that
none stands for one of another record to whoever searches at that moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, Select, Table, delete, func, select, update

from lookalike.errors import GalleryError
from lookalike.store.batch import EncodedRecord, delete_rows, insert_rows
from lookalike.store.database import check_ascending, damaged
from lookalike.store.edits import count_edit_of_all
from lookalike.store.exchange import exchange_names
from lookalike.store.facts import put_fact, remove_fact, stored_fact
from lookalike.store.packed import sound
from lookalike.store.patches import keep_patches, keeps_patches
from lookalike.store.prepared import promote_prepared
from lookalike.store.rows import chosen_rows, keys_by_id, where_chosen
from lookalike.store.schema import PATCHES, PATCHES_BESIDE, RECORDS, RECORDS_BESIDE, VECTORS, VECTORS_BESIDE
from lookalike.store.spaces import change_encoder, read_spaces
from lookalike.store.vectors import is_sound
from lookalike.store.verify import seal, verify_records
from lookalike.types import BASE

if TYPE_CHECKING:
    from lookalike.store.store import Store

_FACT: Final = "beside"  # of the gallery
_STRIDE: Final = 1 << 32  # between the keys of one encoder's vectors and the next one's
_TOGETHER: Final = 256  # vectors or patches read at once
_EXISTING: Final = where_chosen(RECORDS.c.key, RECORDS.c.key)
_TABLES: Final = (VECTORS_BESIDE, PATCHES_BESIDE, RECORDS_BESIDE)


@dataclass(frozen=True, slots=True)
class BesideEncoder:
    """The encoder of the vectors beside. encoder: its spec as stored. patches: whether its patches are kept too.
    former: it answered before the present one; else it is the one that an unfinished migration goes to.
    """

    encoder: Mapping[str, Any]
    patches: bool
    former: bool

    @property
    def name(self) -> str:
        """The encoder's name."""
        return str(self.encoder["name"])

    @property
    def identity(self) -> dict[str, str]:
        """What its vectors can be compared by (``EncoderSpec.identity``)."""
        return dict(self.encoder["identity"])


@dataclass(frozen=True, slots=True)
class BesideCounts:
    """records: of the gallery. encoded: how many have vectors beside. missing: how many could not be encoded, by reason
    code.
    """

    records: int
    encoded: int
    missing: Mapping[str, int]

    @property
    def pending(self) -> int:
        """How many nobody has tried yet."""
        return self.records - self.encoded - sum(self.missing.values())


def beside_encoder(store: Store) -> BesideEncoder | None:
    """The encoder of the vectors beside; None if there are none."""
    with store.begin() as connection:
        return _beside(connection)


def begin_beside(store: Store, encoder: Mapping[str, Any], *, patches: bool) -> None:
    """Let vectors of an encoder be put beside, from the start or where it was left: records that could not be encoded
    are tried again. patches: keep those too; records without are encoded again.
    """
    with store.begin(write=True) as connection:
        found = _beside(connection)
        if found is None:
            _note(connection, BesideEncoder(encoder, patches, former=False))
            return
        connection.execute(delete(RECORDS_BESIDE).where(RECORDS_BESIDE.c.reason != ""))
        if patches and not (found.patches or found.former):
            delete_rows(connection, RECORDS_BESIDE.c.record, list(connection.scalars(select(RECORDS_BESIDE.c.record))))
            _note(connection, BesideEncoder(encoder, patches, former=False))


def pending_records(store: Store, after: int, limit: int) -> list[int]:
    """The keys above ``after`` of about ``limit`` records that the encoder beside has not tried, ascending; those that
    follow from the same source are among them.
    """
    done = select(RECORDS_BESIDE.c.record).where(RECORDS_BESIDE.c.record == RECORDS.c.key).exists()
    query = select(RECORDS.c.key, RECORDS.c.source).where(~done).order_by(RECORDS.c.key).limit(limit)
    with store.begin() as connection:
        rows = list(connection.execute(query.where(RECORDS.c.key > after)))
        while rows and len(rows) >= limit:
            check_ascending(after, (row.key for row in rows))
            last = rows[-1]
            more = list(connection.execute(query.where(RECORDS.c.key > last.key)))
            rows += (same := list(takewhile(lambda row: row.source == last.source, more)))  # noqa: B023
            if not same or len(same) < len(more):
                break
    keys = [row.key for row in rows]
    check_ascending(after, keys)
    return keys


def write_beside(store: Store, encoded: Sequence[EncodedRecord], missing: Mapping[int, str]) -> None:
    """Store what the encoder beside has made of records, in one transaction; those that were removed meanwhile are
    passed over. missing: reason codes of records that it could not encode, by their keys.
    """
    with store.begin(write=True) as connection:
        there = keys_by_id(connection, [one.id for one in encoded])
        kept = sorted((one for one in encoded if there.get(one.id) == one.key), key=lambda one: one.key)
        refused = [row.key for row in chosen_rows(connection, _EXISTING, sorted(missing))]
        for table in _TABLES:
            delete_rows(connection, table.c.record, [*(one.key for one in kept), *refused])
        rows = [row for one in kept for row in one.vector_rows()]
        first = _next_key(connection)
        insert_rows(connection, VECTORS_BESIDE, [{"key": first + i, **row} for i, row in enumerate(rows)])
        insert_rows(connection, PATCHES_BESIDE, [row for one in kept for row in one.patch_rows()])
        done = [{"record": one.key, "views": len(one.views), "reason": ""} for one in kept]
        failed = [{"record": key, "views": 0, "reason": missing[key]} for key in refused]
        insert_rows(connection, RECORDS_BESIDE, done + failed)


def beside_counts(store: Store) -> BesideCounts:
    """How far the encoder beside is."""
    with store.begin() as connection:
        return _counts(connection)


def count_without_vectors(store: Store) -> int:
    """How many records have no vectors of the gallery's encoder, since a migration left them out: no answer holds
    them.
    """
    with store.begin() as connection:
        return int(connection.scalar(select(func.count()).select_from(RECORDS).where(RECORDS.c.views == 0)) or 0)


def damaged_beside(connection: Connection) -> dict[int, str]:
    """The SHA-256 of the files, by the keys of their records, that have a vector or patches beside which fail their
    checksum or are missing.
    """
    found = _beside(connection)
    if found is None:
        return {}
    tables = [(VECTORS_BESIDE, is_sound), *([(PATCHES_BESIDE, sound)] if found.patches else [])]
    return {key: sha256 for table, holds in tables for key, sha256 in _damaged_rows(connection, table, holds)}


def _damaged_rows(connection: Connection, table: Table, holds: Callable[[Any], bool]) -> Iterator[tuple[int, str]]:
    """The keys, and the SHA-256 of the files, of records with rows that do not hold, or more or fewer than noted."""
    noted = RECORDS_BESIDE.c.record, RECORDS_BESIDE.c.views, RECORDS.c.sha256, RECORDS.c.id
    query = select(*noted, *(column for column in table.c if column.name != "record"))
    query = query.join(RECORDS, RECORDS.c.key == RECORDS_BESIDE.c.record)
    query = query.outerjoin(table, table.c.record == RECORDS_BESIDE.c.record)
    query = query.where(RECORDS_BESIDE.c.reason == "").order_by(RECORDS_BESIDE.c.record)
    rows = connection.execution_options(yield_per=_TOGETHER).execute(query)
    for record, own in groupby(rows, lambda row: row.record):
        every = list(own)
        if len(every) != every[0].views or not all(map(holds, every)):
            yield record, every[0].sha256


def forget_beside(store: Store, records: Iterable[int]) -> None:
    """Let records be encoded again."""
    with store.begin(write=True) as connection:
        delete_rows(connection, RECORDS_BESIDE.c.record, list(records))


def switch_to_beside(store: Store, *, without_missing: bool) -> None:
    """Let the encoder beside answer from now on, and the present one be kept beside, in one transaction.
    without_missing: records that it could not encode have no vectors then.

    Raises GalleryError, and changes nothing, if a record has not been tried, or, without ``without_missing``, could not
    be encoded.
    """
    with store.begin(write=True) as connection:
        found, counts = _beside(connection), _counts(connection)
        if found is None or counts.pending or (counts.missing and not without_missing):
            raise GalleryError("records came while the gallery was about to be switched; do it again")
        former = BesideEncoder(read_spaces(connection)[BASE].encoder, keeps_patches(connection), former=True)
        unlike = _records_of_other_counts(connection)
        keys = [row.key for row in unlike]
        verify_records(connection, keys)
        exchange_names(connection, (VECTORS, VECTORS_BESIDE), (PATCHES, PATCHES_BESIDE))
        seal(connection, keys)
        _note_former_counts(connection, unlike)
        change_encoder(connection, found.encoder)
        keep_patches(connection, keep=found.patches)
        _note(connection, former)
        promote_prepared(connection, BASE)
        count_edit_of_all(connection)


def drop_beside(store: Store) -> None:
    """Remove the vectors beside, with all that is noted of them."""
    with store.begin(write=True) as connection:
        for table in _TABLES:
            connection.execute(delete(table))
        remove_fact(connection, _FACT)


def _beside(connection: Connection) -> BesideEncoder | None:
    stored = stored_fact(connection, _FACT)
    if stored is None:
        return None
    try:
        found = BesideEncoder(**json.loads(stored))
        is_spec = found.encoder.keys() >= {"name", "identity"}
    except (AttributeError, TypeError, ValueError):
        raise damaged() from None
    if not is_spec:
        raise damaged()
    return found


def _note(connection: Connection, found: BesideEncoder) -> None:
    put_fact(connection, _FACT, json.dumps(asdict(found), sort_keys=True))


def _counts(connection: Connection) -> BesideCounts:
    reason = RECORDS_BESIDE.c.reason
    by_reason = dict(map(tuple, connection.execute(select(reason, func.count()).group_by(reason).order_by(reason))))
    records = connection.scalar(select(func.count()).select_from(RECORDS)) or 0
    return BesideCounts(int(records), int(by_reason.pop("", 0)), by_reason)


def _next_key(connection: Connection) -> int:
    """The key of the next vector beside: further from every key of the gallery's encoder than that will ever get."""
    last = connection.scalar(select(func.max(VECTORS_BESIDE.c.key)))
    if last is None:
        highest = connection.scalar(select(func.max(VECTORS.c.key))) or 0
        last = (int(highest) // _STRIDE + 1) * _STRIDE
    return int(last) + 1


def _records_of_other_counts(connection: Connection) -> list[Row[Any]]:
    """The records of which the two encoders have different numbers of vectors, with both numbers."""
    columns = RECORDS.c.key, RECORDS.c.views.label("ours"), RECORDS_BESIDE.c.views.label("theirs")
    query: Select[Any] = select(*columns).join(RECORDS_BESIDE, RECORDS_BESIDE.c.record == RECORDS.c.key)
    return list(connection.execute(query.where(RECORDS.c.views != RECORDS_BESIDE.c.views)))


def _note_former_counts(connection: Connection, unlike: Iterable[Row[Any]]) -> None:
    """Note of how many vectors beside the former encoder has made; it has yet to encode records that it has none of."""
    for row in unlike:
        of = RECORDS_BESIDE.c.record == row.key
        change = update(RECORDS_BESIDE).values(views=row.ours, reason="") if row.ours else delete(RECORDS_BESIDE)
        connection.execute(change.where(of))
