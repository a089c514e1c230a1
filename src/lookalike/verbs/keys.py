"""keys: the API keys of the server, and their roles."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.gallery import Gallery
from lookalike.roles import Role
from lookalike.store.keys import ApiKey, delete_key, insert_key, keys_of, match


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
    return NewKey(name, role, insert_key(gallery.store, name, role))


def list_keys(gallery: Gallery) -> tuple[KeyInfo, ...]:
    """Every key, by name."""
    return tuple(map(_info, keys_of(gallery.store)))


def remove_key(gallery: Gallery, name: str) -> None:
    """Revoke a key at once. Raises NotFoundError."""
    delete_key(gallery.store, name)


class KeyRing:
    """The current keys, read again when the database has changed."""

    def __init__(self, gallery: Gallery) -> None:
        self._store = gallery.store
        self._keys: tuple[int, list[ApiKey]] = (-1, [])

    def __bool__(self) -> bool:
        return bool(self._now())

    def find(self, given: str) -> KeyInfo | None:
        """The key with a secret, or None. Takes equally long for every key."""
        key = match(self._now(), given)
        return None if key is None else _info(key)

    def _now(self) -> list[ApiKey]:
        changes = self._store.changes()
        if self._keys[0] != changes:
            self._keys = changes, keys_of(self._store)
        return self._keys[1]


def _info(key: ApiKey) -> KeyInfo:
    return KeyInfo(key.name, key.role, key.created)
