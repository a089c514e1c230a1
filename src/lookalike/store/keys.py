"""API keys of the server: 256 random bits, shown once, stored as their SHA-256."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select

from lookalike.errors import NotFoundError, UsageError
from lookalike.roles import ROLES, Role
from lookalike.store.schema import API_KEYS

if TYPE_CHECKING:
    from lookalike.store.store import Store

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored. created: seconds since 1970."""

    name: str
    role: Role
    created: float
    hash: str


def insert_key(store: Store, name: str, role: str) -> str:
    """Create a key, which cannot be read again. Raises UsageError: a name that is taken or invalid, an unknown role."""
    if role not in ROLES:
        raise UsageError(f"a role is {', '.join(ROLES)}; got {role!r}")
    if not _NAME.fullmatch(name):
        raise UsageError(f"a key's name is made of letters, digits, '.', '-' and '_'; got {name!r}")
    key = secrets.token_urlsafe(32)
    with store.begin(write=True) as connection:
        if connection.execute(select(API_KEYS.c.name).where(API_KEYS.c.name == name)).first():
            raise UsageError(f"there is a key called {name!r} already; remove it first, or take another name")
        row = {"name": name, "hash": _hash(key), "role": role, "created": time.time()}
        connection.execute(insert(API_KEYS), row)
    return key


def delete_key(store: Store, name: str) -> None:
    """Revoke the key of that name. Raises NotFoundError if there is none."""
    with store.begin(write=True) as connection:
        if connection.execute(delete(API_KEYS).where(API_KEYS.c.name == name)).rowcount == 0:
            raise NotFoundError(f"no key is called {name!r}; see: lookalike keys list")


def keys_of(store: Store) -> list[ApiKey]:
    """Every key, by name."""
    with store.begin() as connection:
        rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.name)).all()
    return [ApiKey(row.name, row.role, row.created, row.hash) for row in rows]


def match(keys: list[ApiKey], given: str) -> ApiKey | None:
    """The key with a secret, or None. Takes equally long for every key."""
    digest, found = _hash(given), None
    for key in keys:
        if hmac.compare_digest(key.hash, digest):
            found = key
    return found


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
