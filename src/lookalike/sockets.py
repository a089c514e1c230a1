"""Listening sockets."""

from __future__ import annotations

import socket

from lookalike.errors import UsageError


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens on an address of this machine. port: 0 for any free one. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(backlog)
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or "no such port"
        raise UsageError(
            f"{host} port {port} cannot be listened on ({why}); give another --port, or 0 for any"
        ) from None
    return listening
