"""Who records are in a PACS: which instances are there, and the identities that a linked gallery keeps encrypted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select

from lookalike.errors import GalleryError, NotFoundError
from lookalike.store.database import damaged, sound_row
from lookalike.store.rows import chosen_rows, where_chosen
from lookalike.store.schema import IDENTITIES, INSTANCES, READ_FILES, RECORDS
from lookalike.store.sealed import unsealed
from lookalike.types import DicomIdentity

if TYPE_CHECKING:
    from lookalike.store.store import Store

_SEALED: Final = where_chosen(IDENTITIES.c.record, *IDENTITIES.c, RECORDS.c.id).join(
    RECORDS, RECORDS.c.key == IDENTITIES.c.record
)
_COMPLETE: Final = (
    where_chosen(INSTANCES.c.instance, *INSTANCES.c)
    .join(RECORDS, RECORDS.c.key == INSTANCES.c.record)
    .join(READ_FILES, READ_FILES.c.sha256 == RECORDS.c.sha256)
)
_NOT_KEPT: Final = (
    "this gallery is anonymous: of its records no UID, accession number or date is kept; index into a new gallery with "
    "--linked to have them"
)
_NO_KEY: Final = (
    "who the records of this gallery are is encrypted, and the secret key that it was made with is not here; give it: "
    "lookalike gallery adopt G --key-file FILE, or LOOKALIKE_KEY"
)
_OTHER_KEY: Final = "who this record is was encrypted with another secret key than the gallery's present one"


def instances_there(store: Store, instances: Iterable[str]) -> set[str]:
    """Those of some pseudonyms of instances (``Store.instance_group``) that records were made of, and read to their
    end: they need not be fetched again. Raises DamagedFileError.
    """
    return {row.instance for row in _sound(store, _COMPLETE, list(instances), "record", "instance")}


def dicom_identities(store: Store, keys: Iterable[int]) -> dict[int, DicomIdentity]:
    """Who records are, by their keys; without those whose files do not say it, or that another key encrypted.

    Raises GalleryError in an anonymous gallery, and without the key that it was made with; MissingExtraError,
    DamagedFileError.
    """
    if not store.identity.linked:
        raise GalleryError(_NOT_KEPT)
    key = store.identity.key
    if key is None or not store.identity.owned:
        raise GalleryError(_NO_KEY)
    rows = _sound(store, _SEALED, [int(each) for each in keys], "record", "series", "day", "sealed")
    found = ((row.record, unsealed(key, store.id, row.id, row.sealed)) for row in rows if row.sealed is not None)
    return {record: identity for record, identity in found if identity is not None}


def dicom_identity(store: Store, record: str) -> DicomIdentity:
    """Who a record is, by its id. Raises as ``dicom_identities``; NotFoundError: there is none of that id, or its file
    does not say it.
    """
    key = store.record(record).key
    if (found := dicom_identities(store, [key]).get(key)) is not None:
        return found
    if any(row.sealed is not None for row in _sound(store, _SEALED, [key], "record", "series", "day", "sealed")):
        raise GalleryError(_OTHER_KEY)
    raise NotFoundError("the file of this record does not say who it is in a PACS", "no-identity")


def _sound(store: Store, query: Select[Any], wanted: list[Any], *columns: str) -> list[Any]:
    with store.begin() as connection:
        rows = chosen_rows(connection, query, wanted)
    if not all(sound_row(row.checksum, *(getattr(row, column) for column in columns)) for row in rows):
        raise damaged()
    return rows
