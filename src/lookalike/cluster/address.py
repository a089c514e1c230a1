"""Where images are decoded and encoded: here, or on a Ray cluster."""

from __future__ import annotations

import re
from typing import Final

from lookalike.errors import UsageError
from lookalike.text import quoted

HERE: Final = "here"
"""What it is called where this machine alone does it."""
RUNNING: Final = "ray"
"""The cluster that this process is connected to, or else the one of which this machine is a node."""

_FORM: Final = re.compile(r"ray://(\[[0-9a-fA-F:]{2,39}\]|[A-Za-z0-9.-]{1,253}):(\d{1,5})/?")


def checked_address(text: str) -> str:
    """The address as it was given. Raises UsageError."""
    found = _FORM.fullmatch(text)
    if text not in (HERE, RUNNING) and (found is None or not 0 < int(found[2]) < 65536):
        raise UsageError(
            f"images are encoded {HERE}, on {RUNNING} (the cluster that this machine is a node of) or on "
            f"ray://HOST:PORT; got {quoted(text)!r}"
        )
    return text
