"""Who a gallery is, and whose: its id, the salt of its patient groups, and the secret key that lies outside of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from lookalike.errors import UsageError
from lookalike.ownership import Ownership, change_ownership, is_gallery_id, ownership_of
from lookalike.secret_key import days_moved, is_signed, new_secret, pseudonym, sign
from lookalike.store.database import damaged, sound_row
from lookalike.store.schema import GALLERY, RECORDS
from lookalike.store.sealed import check_can_seal

KEYED: Final = "hmac-sha256"
"""Patient groups are pseudonyms by the gallery's secret key."""
MIXED: Final = "hmac-sha256, of another key before"
"""So are those that came since the gallery was adopted; another key, which is not here, made those of before."""
SCHEME: Final = "pseudonyms"
KIND: Final = "identities"
LINKED: Final = "linked"
"""Besides pseudonyms the gallery keeps who its records are in a PACS, encrypted."""
ANONYMOUS: Final = "anonymous"
CHECK: Final = "key_check"
_CHECKED: Final = "this key made the gallery"


@dataclass(frozen=True, slots=True)
class Identity:
    """A gallery's id, and what names its patients. scheme: how groups are named, "" by the salt alone, as earlier
    versions did. owned: whether the secret key is here that the gallery was made with. other_key: whether another is.
    linked: whether identities are kept, encrypted.
    """

    id: str
    salt: str = field(repr=False)
    scheme: str
    key: bytes | None = field(repr=False)
    owned: bool
    other_key: bool = False
    linked: bool = False

    @property
    def names_patients(self) -> bool:
        """Whether the group of any patient can be told, so that pictures that come are matched with those here."""
        return not self.scheme or (self.owned and self.scheme == KEYED)

    @property
    def closed(self) -> str:
        """Why nothing may be written, and what to do; "" where it may, as far as the key goes."""
        if self.owned:
            return ""
        if self.other_key:
            return (
                "the secret key here is not the one that this gallery was made with; it may be read but not written "
                "to; set LOOKALIKE_KEY to its key, or: lookalike gallery adopt G --key-file FILE"
            )
        return (
            "this gallery was not made here; it may be read but not written to; "
            "if you trust where it comes from: lookalike gallery adopt G"
        )

    def patient_group(self, patient: str) -> str:
        """The group of a patient's records; "" for no patient, and where the key that names groups is not here."""
        salted = self._salted(patient)
        if not salted or not self.scheme:
            return salted
        return pseudonym(self.key, salted) if self.owned and self.key is not None else ""

    def group(self, kind: str, uid: str) -> str:
        """The pseudonym of a study, series or instance by its UID; "" as for ``patient_group``. No patient has it."""
        return self.patient_group(f"{kind} {uid}") if uid else ""

    def moved_by(self, patient: str) -> int | None:
        """By how many days the dates of a patient are moved (``secret_key.days_moved``) as they are stored; None where
        patient or key are not known.
        """
        salted = self._salted(patient)
        return days_moved(self.key, salted) if salted and self.owned and self.key is not None else None

    def _salted(self, patient: str) -> str:
        return hashlib.sha256(f"{self.salt}:{patient}".encode()).hexdigest()[:32] if patient else ""


def identity_from(facts: Mapping[str, Any]) -> Identity:
    """The identity that stored facts say, with this user's key for it. Raises DamagedFileError, GalleryError."""
    identity, salt, scheme = facts.get("id"), facts.get("salt"), facts.get(SCHEME, "")
    kind = facts.get(KIND, ANONYMOUS)  # as all were of earlier versions
    if not is_gallery_id(identity) or not isinstance(salt, str) or scheme not in ("", KEYED, MIXED):
        raise damaged()
    if kind not in (ANONYMOUS, LINKED):
        raise damaged()
    key, check = ownership_of(str(identity)).key, facts.get(CHECK)
    owned = is_signed(key, check, _CHECKED, str(identity))
    other = bool(check and key and not owned)
    return Identity(str(identity), salt, str(scheme), key, owned, other, linked=kind == LINKED)


def check_kind(identity: Identity, linked: bool | None) -> None:
    """Raises UsageError if a gallery is of another kind than is asked for. linked: None asks for neither."""
    if linked is True and not identity.linked:
        raise UsageError(
            "this gallery is anonymous and stays so: it keeps no UIDs that could link it; leave --linked out, or index "
            "into a new gallery with --linked"
        )
    if linked is False and identity.linked:
        raise UsageError(
            "this gallery is linked and stays so: it keeps UIDs and dates, encrypted; leave --anonymous out, or index "
            "into a new gallery"
        )


def read_gallery_facts(connection: Connection) -> dict[str, str]:
    """The facts about the gallery by their names. Raises DamagedFileError."""
    rows = connection.execute(select(GALLERY)).all()
    if not all(sound_row(row.checksum, row.name, row.value) for row in rows):
        raise damaged()
    return {row.name: row.value for row in rows}


def make_identity(connection: Connection, *, linked: bool = False, identity: str = "") -> dict[str, str]:
    """Give a new gallery its id, its salt, its kind and a secret key, which is kept in the user's configuration.
    identity: the id, where one was chosen before.

    Raises DamagedFileError where there are records already, GalleryError where the configuration cannot be written to,
    MissingExtraError for a linked one where nothing can be encrypted.
    """
    if linked:
        check_can_seal()
    if connection.execute(select(RECORDS.c.key).limit(1)).first() is not None:
        raise damaged()
    identity = identity or secrets.token_hex(8)
    own = change_ownership(identity, lambda found: replace(found, secret=new_secret()))
    facts = {"id": identity, "salt": secrets.token_hex(16), SCHEME: KEYED, CHECK: key_check(own)}
    facts[KIND] = LINKED if linked else ANONYMOUS
    connection.execute(insert(GALLERY), [{"name": name, "value": value} for name, value in facts.items()])
    return facts


def key_check(own: Ownership) -> str:
    """What shows, in a gallery, which secret key it was made with. Nothing of the key can be told from it."""
    return sign(own.key or b"", _CHECKED, own.gallery)
