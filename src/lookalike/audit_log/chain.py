"""Lines of the audit log, and the authentication codes that chain them: HMAC-SHA-256 (RFC 2104)."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from lookalike.audit_log.events import AuditEvent

_MAC: Final = "mac"
_SAID: Final = tuple(field.name for field in dataclasses.fields(AuditEvent))


class Link(NamedTuple):
    """Where a chain ends. n: the number of its last line, from 1; mac: its code. (0, "") before the first."""

    n: int
    mac: str

    def __str__(self) -> str:
        return f"{self.n}:{self.mac}"


BEGINNING: Final = Link(0, "")


def chained(event: AuditEvent, before: Link, key: bytes, now: float) -> tuple[bytes, Link]:
    """The line of an event (with its line feed), and where the chain ends then. now: seconds since 1970."""
    when = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    said = {name: getattr(event, name) for name in _SAID}  # of which asdict would copy every word
    fields = {"n": before.n + 1, "time": when, **said, "before": before.mac}
    mac = code_of(fields, key)
    return _text({**fields, _MAC: mac}) + b"\n", Link(before.n + 1, mac)


def code_of(fields: Mapping[str, Any], key: bytes) -> str:
    """The authentication code of a line's fields; 64 hex digits."""
    return hmac.new(key, _text(fields), hashlib.sha256).hexdigest()


def read_line(line: bytes, key: bytes) -> dict[str, Any] | None:
    """The fields of a line without its line feed; None unless it stands there to the byte as it was written."""
    try:
        fields = json.loads(line)
        mac = fields.pop(_MAC)
        whole = isinstance(fields["n"], int) and isinstance(fields["before"], str) and isinstance(mac, str)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not whole or not hmac.compare_digest(mac.encode(), code_of(fields, key).encode()):
        return None
    fields[_MAC] = mac
    return fields if _text(fields) == line else None


def link_of(fields: Mapping[str, Any]) -> Link:
    """Where the chain ends with a line of these fields."""
    return Link(int(fields["n"]), str(fields[_MAC]))


def _text(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")
