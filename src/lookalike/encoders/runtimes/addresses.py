"""Which addresses pictures and reports may be sent to."""

from __future__ import annotations

import urllib.parse
from typing import Final

from lookalike.errors import UsageError

_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def check_address(address: str, variable: str) -> None:
    """Raise UsageError for an address that is neither https nor of this machine. variable: where it was named."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(parts.hostname)):
        raise UsageError(f"{variable} must begin with https:// (got {parts.scheme or 'no scheme'})")


def is_this_machine(host: str | None) -> bool:
    """Whether a host of an address is this machine itself."""
    return host in _THIS_MACHINE
