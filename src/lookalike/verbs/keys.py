"""keys: the API keys of the server, and their roles: 256 random bits, shown once, kept as their SHA-256.

They lie in the user's configuration and never in the gallery: whoever hands a gallery over brings no key with it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.key_uses import KeyUses, uses_of
from lookalike.ownership import ApiKey, Ownership, change_ownership, ownership_of
from lookalike.roles import ROLES, Role
from lookalike.store.adoption import count_stored_keys
from lookalike.store.within import checked_part

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAYS: Final = re.compile(r"([1-9][0-9]{0,4})d")


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key without its secret. created, expires, used: seconds since 1970; expires is None where it never does, used
    where it was not used yet, as far as is known (a running server notes it once a minute). where: a filter, of the
    records that are seen with it; "" for all.
    """

    name: str
    role: Role
    created: float
    expires: float | None = None
    used: float | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class NewKey:
    """key: the secret, shown only once; only its hash is stored. expires: seconds since 1970, or None."""

    name: str
    role: Role
    key: str
    expires: float | None = None


def add_key(
    gallery: Gallery,
    name: str,
    *,
    role: Role = "reader",
    expires: str | None = None,
    where: str = "",
    key: str | None = None,
) -> NewKey:
    """Create a key. expires: ``90d`` (days from now) or a date such as 2027-01-31, at whose end (UTC) it does. where: a
    filter; only the records that satisfy it are there for whoever has the key. key: one that was made for another
    gallery, to open this one, too.

    Raises UsageError: a name that is taken or invalid, an unknown role, a time that is none or past, a filter that
    cannot be read.
    """
    if role not in ROLES:
        raise UsageError(f"a role is {', '.join(ROLES)}; got {role!r}")
    if not _NAME.fullmatch(name):
        raise UsageError(f"a key's name is made of letters, digits, '.', '-' and '_'; got {name!r}")
    check_part(where)
    until = None if expires is None else _end_of(expires, time.time())
    key = secrets.token_urlsafe(32) if key is None else key
    made = ApiKey(name, role, time.time(), _hash(key), until, where)

    def added(found: Ownership) -> Ownership:
        if any(each.name == name for each in found.keys):
            raise UsageError(f"there is a key called {name!r} already; remove it first, or take another name")
        return replace(found, keys=tuple(sorted((*found.keys, made), key=lambda each: each.name)))

    change_ownership(gallery.store.id, added)
    return NewKey(name, role, key, until)


def check_part(where: str) -> None:
    """Raise UsageError for a text that names no part of a gallery; "" is all of it."""
    if where:
        checked_part(where)


def list_keys(gallery: Gallery) -> tuple[KeyInfo, ...]:
    """Every key, by name, those that have expired too."""
    uses = uses_of(gallery.store.id)
    return tuple(_info(key, uses.get(key.sha256)) for key in ownership_of(gallery.store.id).keys)


def _end_of(expires: str, now: float) -> float:
    """When a key ends, in seconds since 1970. Raises UsageError."""
    if days := _DAYS.fullmatch(expires.strip()):
        return now + timedelta(days=int(days[1])).total_seconds()
    try:
        end = (datetime.strptime(expires.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"a key expires after days or on a date: 90d, 2027-01-31; got {expires!r}") from None
    if end <= now:
        raise UsageError(f"{expires} is over; give a date to come, or days such as 90d")
    return end


def remove_key(gallery: Gallery, name: str) -> None:
    """Revoke a key at once. Raises NotFoundError."""

    def removed(found: Ownership) -> Ownership:
        if all(each.name != name for each in found.keys):
            raise NotFoundError(f"no key is called {name!r}; see: lookalike keys list")
        return replace(found, keys=tuple(each for each in found.keys if each.name != name))

    change_ownership(gallery.store.id, removed)


class KeyRing:
    """The current keys, read again when the configuration has changed."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery, self._uses = gallery.store.id, KeyUses(gallery.store.id)

    def __bool__(self) -> bool:
        """Whether there is any, be it expired: then nobody may ask without one."""
        return bool(ownership_of(self._gallery).keys)

    def find(self, given: str) -> KeyInfo | None:
        """The key with a secret; None where there is none, or it has expired. Takes equally long for every key."""
        digest, found = _hash(given), None
        for key in ownership_of(self._gallery).keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        if found is None or (found.expires is not None and found.expires <= time.time()):
            return None
        self._uses.note(found.sha256)
        return _info(found)

    def close(self) -> None:
        """Write down which keys were used last."""
        self._uses.write()


def check_keys(gallery: Gallery) -> KeyRing:
    """The keys of a gallery that is to be served. Raises UsageError where there are none and the gallery brings some of
    its own, which do not count: whoever had made them would find the service open to everybody.
    """
    keys = KeyRing(gallery)
    if not keys and (found := count_stored_keys(gallery.store)):
        raise UsageError(
            f"{found} API keys stand in this gallery, where none counts any more; make new ones: lookalike keys add "
            "NAME --role admin --gallery G; or be rid of them: lookalike gallery adopt G"
        )
    return keys


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _info(key: ApiKey, used: float | None = None) -> KeyInfo:
    return KeyInfo(key.name, key.role, key.created, key.expires, used, key.where)
