"""Ports of this machine for servers that are told theirs, and for nobody."""

from __future__ import annotations

import socket
from typing import Final

_HELD: Final = list[socket.socket]()


def held_port() -> int:
    """A port of the loopback at which nobody listens. It stays bound until this process ends: nobody else is given it,
    whatever is started meanwhile, but a server that is told it may listen there (by SO_REUSEADDR, which servers set).
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _HELD.append(holder)
    return int(holder.getsockname()[1])
