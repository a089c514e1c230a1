"""Who records are in a PACS: which instances are there, and the identities that a linked gallery keeps encrypted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Column, select

from lookalike.errors import GalleryError, NotFoundError
from lookalike.store.rows import sound_rows, where_chosen
from lookalike.store.schema import ATTRIBUTES, IDENTITIES, INSTANCES, READ_FILES, RECORDS, STUDIES
from lookalike.store.sealed import unsealed
from lookalike.types import DicomIdentity

if TYPE_CHECKING:
    from lookalike.store.store import Store

_OF_DICOM: Final = "PhotometricInterpretation"  # kept of every DICOM file, and of no other
_SEALED: Final = where_chosen(IDENTITIES.c.record, *IDENTITIES.c, RECORDS.c.id).join(
    RECORDS, RECORDS.c.key == IDENTITIES.c.record
)
_COMPLETE: Final = (
    where_chosen(INSTANCES.c.instance, *INSTANCES.c)
    .join(RECORDS, RECORDS.c.key == INSTANCES.c.record)
    .join(READ_FILES, READ_FILES.c.sha256 == RECORDS.c.sha256)
)
_OF_FILES: Final = where_chosen(RECORDS.c.sha256, RECORDS.c.sha256, *INSTANCES.c).join(
    INSTANCES, INSTANCES.c.record == RECORDS.c.key
)
_OF_RECORDS: Final = where_chosen(INSTANCES.c.record, *INSTANCES.c)
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
    with store.begin() as connection:
        return {row.instance for row in sound_rows(connection, _COMPLETE, INSTANCES, list(instances))}


def instances_of_files(store: Store, files: Iterable[str]) -> dict[str, set[str]]:
    """The pseudonyms of the instances that records were made of, by the SHA-256 of their files; none of files whose
    records do not note it. Raises DamagedFileError.
    """
    found: dict[str, set[str]] = {each: set() for each in files}
    with store.begin() as connection:
        for row in sound_rows(connection, _OF_FILES, INSTANCES, [*found]):
            found[row.sha256].add(row.instance)
    return found


def instances_of_record(store: Store, key: int) -> set[str]:
    """The pseudonyms of the instances that a record was made of. Raises DamagedFileError."""
    with store.begin() as connection:
        return {row.instance for row in sound_rows(connection, _OF_RECORDS, INSTANCES, [key])}


def record_of_uid(store: Store, uid: str) -> tuple[Literal["study", "series", "instance"], str]:
    """What a UID names here, and the id of a record of it: the first one. Raises NotFoundError: nothing here has it."""
    wanted: tuple[tuple[Literal["study", "series", "instance"], Column[Any], Column[Any], str], ...] = (
        ("study", STUDIES.c.record, STUDIES.c.study, store.study_group(uid)),
        ("series", IDENTITIES.c.record, IDENTITIES.c.series, store.series_group(uid)),
        ("instance", INSTANCES.c.record, INSTANCES.c.instance, store.instance_group(uid)),
    )
    with store.begin() as connection:
        for kind, record, column, pseudonym in wanted:
            first = select(RECORDS.c.id).join_from(column.table, RECORDS, RECORDS.c.key == record)
            found = connection.scalar(first.where(column == pseudonym).order_by(RECORDS.c.key).limit(1))
            if pseudonym and found is not None:
                return kind, found
    raise NotFoundError("nothing in this gallery is of this study, series or instance", "unknown-uid")


def files_to_name(store: Store, *, every: bool) -> set[str]:
    """The SHA-256 of the DICOM files whose records do not note who they are, as those of earlier versions; of all
    DICOM files, where a table may say another patient or date than before.
    """
    dicom = select(RECORDS.c.sha256).join(ATTRIBUTES, ATTRIBUTES.c.record == RECORDS.c.key)
    dicom = dicom.where(ATTRIBUTES.c.name == _OF_DICOM).outerjoin(IDENTITIES, IDENTITIES.c.record == RECORDS.c.key)
    with store.begin() as connection:
        return set(connection.scalars(dicom if every else dicom.where(IDENTITIES.c.record.is_(None))))


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
    found = ((row.record, unsealed(key, store.id, row.id, row.sealed)) for row in _sealed_rows(store, keys))
    return {record: identity for record, identity in found if identity is not None}


def dicom_identity(store: Store, record: str) -> DicomIdentity:
    """Who a record is, by its id. Raises as ``dicom_identities``; NotFoundError: there is none of that id, or its file
    does not say it.
    """
    key = store.record(record).key
    if (found := dicom_identities(store, [key]).get(key)) is not None:
        return found
    if _sealed_rows(store, [key]):
        raise GalleryError(_OTHER_KEY)
    raise NotFoundError("the file of this record does not say who it is in a PACS", "no-identity")


def _sealed_rows(store: Store, keys: Iterable[int]) -> list[Any]:
    with store.begin() as connection:
        rows = sound_rows(connection, _SEALED, IDENTITIES, [int(key) for key in keys])
    return [row for row in rows if row.sealed is not None]
