"""Addresses that sent wrong keys: after ten within a minute further wrong ones are refused, in every gallery."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from typing import Final

from lookalike.server.problems import Problem

_FAILURES: Final = 10  # wrong keys from one address within _SECONDS
_SECONDS: Final = 60.0  # then the address is refused for as long again
_ADDRESSES: Final = 10_000


class WrongKeys:
    """Counts wrong keys by address; whoever has a right one is not held up by them."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._failures)

    def count(self, address: str) -> None:
        """Count a wrong key. Raises Problem 429 after too many."""
        network = _network(address)
        if wait := self._wait(network):
            raise Problem(429, "too many wrong keys; wait", "too-many-failures", {"Retry-After": str(wait)})
        self._failed(network)

    def _wait(self, address: str) -> int:
        with self._lock:
            recent = [then for then in self._failures.get(address, ()) if time.monotonic() - then < _SECONDS]
        return int(_SECONDS - (time.monotonic() - recent[0])) + 1 if len(recent) >= _FAILURES else 0

    def _failed(self, address: str) -> None:
        with self._lock:
            recent = self._failures.setdefault(address, [])
            recent[:] = [*recent[-_FAILURES + 1 :], time.monotonic()]
            self._failures.move_to_end(address)
            while len(self._failures) > _ADDRESSES:
                self._failures.popitem(last=False)


def _network(address: str) -> str:
    """What one client may change at will counts as one address: the last 64 bits of IPv6. "" for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)
