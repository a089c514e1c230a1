"""Where a request comes from and what it names: checked before anything else of it is looked at."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.types import Scope

from lookalike.server.problems import Problem

_HOST: Final = re.compile(r"(?:([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)|\[([0-9a-f:.]+)\])(?::[0-9]{1,5})?")
_LONGEST_PATH: Final = 2048  # bytes as sent
_ITS_OWN: Final = ("none", "same-origin")  # Sec-Fetch-Site of the address bar, and of the page itself
_NO_DOCUMENTS: Final = ("/api/", "/healthz", "/readyz", "/metrics")


def refused_origin(
    scope: Scope, headers: Headers, allowed: Collection[str], framed: Collection[str] = ()
) -> Problem | None:
    """Why a request is not looked at, or None. allowed: the names that its Host may have, in lower case. framed: the
    paths of documents that another site may frame; which one, the answer says.

    Reads are refused to other sites like writes: what a page cannot read it can still make the service work for
    (Fetch Metadata, W3C; the Host and Origin headers, RFC 9110 and 6454).
    """
    if not _is_address(scope):
        return Problem(400, "the address of a request is UTF-8 without control characters, and not that long", "path")
    if len(hosts := headers.getlist("host")) > 1:
        return Problem(400, "a request names one host", "host")
    host = hosts[0].lower() if hosts else ""
    if _name(host) not in allowed:
        return Problem(421, "this service is not known by that name; see --allow-host", "host")
    if _is_of_another_site(scope, headers, host, framed):
        return Problem(403, "a page of another site may not do this", "cross-site")
    return None


def _is_address(scope: Scope) -> bool:
    raw = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    try:
        path = unquote_to_bytes(raw).decode()
        query = unquote_to_bytes(scope["query_string"]).decode()
    except UnicodeDecodeError:
        return False
    return len(raw) <= _LONGEST_PATH and path.startswith("/") and path.isprintable() and "\0" not in query


def _name(host: str) -> str:
    """The host of a Host header: example.org, 127.0.0.1, ::1; "" where it is malformed."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]) if found else ""


def _is_of_another_site(scope: Scope, headers: Headers, host: str, framed: Collection[str]) -> bool:
    own = (f"http://{host}", f"https://{host}")
    if any(origin.lower() not in own for origin in headers.getlist("origin")):
        return True
    return not _opens_page(scope, headers, framed) and any(
        site not in _ITS_OWN for site in headers.getlist("sec-fetch-site")
    )


def _opens_page(scope: Scope, headers: Headers, framed: Collection[str]) -> bool:
    """Whether a link leads to a document of the page, in a window of its own, or in a frame where it may be in one."""
    if scope["method"] != "GET" or scope["path"].startswith(_NO_DOCUMENTS):
        return False
    places = [["document"], ["iframe"]] if scope["path"] in framed else [["document"]]
    return headers.getlist("sec-fetch-mode") == ["navigate"] and headers.getlist("sec-fetch-dest") in places
