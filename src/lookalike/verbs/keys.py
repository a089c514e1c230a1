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
from typing import Final

from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.ownership import ApiKey, Ownership, change_ownership, ownership_of
from lookalike.roles import ROLES, Role
from lookalike.store.adoption import count_stored_keys

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key without its secret. created: seconds since 1970."""

    name: str
    role: Role
    created: float


@dataclass(frozen=True, slots=True)
class NewKey:
    """key: the secret, shown only once; only its hash is stored."""

    name: str
    role: Role
    key: str


def add_key(gallery: Gallery, name: str, *, role: Role = "reader") -> NewKey:
    """Create a key. Raises UsageError: a name that is taken or invalid, an unknown role."""
    if role not in ROLES:
        raise UsageError(f"a role is {', '.join(ROLES)}; got {role!r}")
    if not _NAME.fullmatch(name):
        raise UsageError(f"a key's name is made of letters, digits, '.', '-' and '_'; got {name!r}")
    key = secrets.token_urlsafe(32)
    made = ApiKey(name, role, time.time(), _hash(key))

    def added(found: Ownership) -> Ownership:
        if any(each.name == name for each in found.keys):
            raise UsageError(f"there is a key called {name!r} already; remove it first, or take another name")
        return replace(found, keys=tuple(sorted((*found.keys, made), key=lambda each: each.name)))

    change_ownership(gallery.store.id, added)
    return NewKey(name, role, key)


def list_keys(gallery: Gallery) -> tuple[KeyInfo, ...]:
    """Every key, by name."""
    return tuple(map(_info, ownership_of(gallery.store.id).keys))


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
        self._gallery = gallery.store.id

    def __bool__(self) -> bool:
        return bool(ownership_of(self._gallery).keys)

    def find(self, given: str) -> KeyInfo | None:
        """The key with a secret, or None. Takes equally long for every key."""
        digest, found = _hash(given), None
        for key in ownership_of(self._gallery).keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return None if found is None else _info(found)


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


def _info(key: ApiKey) -> KeyInfo:
    return KeyInfo(key.name, key.role, key.created)
