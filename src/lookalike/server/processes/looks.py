"""Which requests a reader answers itself: what is answered from the database and the index alone."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from starlette.types import Scope

from lookalike.server.addressed import split_address
from lookalike.server.guard import API

SEARCH: Final = f"{API}/search"
_HEALTH: Final = ("/healthz", "/readyz")
_LOOKS: Final = re.compile(rf"{API}/(facets|spaces|refused|records(/[^/]+(/(thumbnail|timeline|study|links))?)?)")
_STORED: Final = frozenset({"ids", "vector", "study"})  # queries that need neither an upload nor the encoder


def is_health(scope: Scope) -> bool:
    """Whether a request asks how this process is, which anybody may."""
    return scope["method"] in ("GET", "HEAD") and _inside(scope) in _HEALTH


def looks(scope: Scope) -> bool:
    """Whether a request looks at what is stored, whatever its body says."""
    return scope["method"] == "GET" and _LOOKS.fullmatch(_inside(scope)) is not None


def is_search(scope: Scope) -> bool:
    """Whether a request is a search, of which the body says whether ``asks_stored``."""
    return scope["method"] == "POST" and _inside(scope) == SEARCH


def asks_stored(body: bytes) -> bool:
    """Whether a search is by what is stored. What is no search is the writer's to refuse."""
    try:
        asked: Any = json.loads(body)
        given = {name for name, value in asked["query"].items() if value is not None}
        return bool(given) and given <= _STORED and not asked.get("explain")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def _inside(scope: Scope) -> str:
    """The path, without the part that names a gallery."""
    return split_address(scope["path"])[1] or str(scope["path"])
