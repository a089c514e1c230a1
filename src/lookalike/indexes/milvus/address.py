"""Where an index engine is: ``milvus://host:port[/database]``, or ``milvus+tls://`` for TLS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lookalike.errors import UsageError
from lookalike.text import quoted

EMBEDDED: Final = "embedded"
"""What a gallery's engine is called that has none: its indexes are its own."""

_FORM: Final = re.compile(r"milvus(\+tls)?://(\[[0-9a-fA-F:]{2,39}\]|[A-Za-z0-9.-]{1,253}):(\d{1,5})(?:/(\w{1,64}))?/?")


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """text: as it was given. uri: what the engine's client is told."""

    text: str
    uri: str
    database: str


def engine_address(text: str) -> EngineAddress:
    """An engine's address. Raises UsageError, also for one that holds a name or a password."""
    if "@" in text:
        raise UsageError("an engine's address holds no name and no password; give them by LOOKALIKE_ENGINE_TOKEN")
    found = _FORM.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise UsageError(f"an engine is {EMBEDDED} or milvus://HOST:PORT (milvus+tls:// for TLS); got {quoted(text)!r}")
    return EngineAddress(text, f"{'https' if found[1] else 'http'}://{found[2]}:{found[3]}", found[4] or "")
