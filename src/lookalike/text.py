"""Text and paths that come from outside: they may be hostile, and are stored, printed and compared."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Final

DISCLAIMER: Final = "Research software, not a medical device."


def plain_text(text: str, limit: int = 64) -> str:
    """One line of printable characters, for keeping: what cannot be printed becomes a space."""
    return " ".join("".join(" " if _moves(c) else c for c in text).split())[:limit].rstrip()


def one_line(text: str) -> str:
    """One line of printable characters, for showing: what cannot be printed is written as \\n, \\x1b, ..."""
    return "".join(c.encode("unicode_escape").decode() if _moves(c) else c for c in text)


def file_name(path: str | os.PathLike[str]) -> str:
    """A path as text that a database takes: bytes of the name that are no UTF-8 as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def absolute(path: str | os.PathLike[str]) -> Path:
    """A path as somebody gave it, absolute: ``~`` is the home folder, a link keeps its own name."""
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - these take any text


def _moves(character: str) -> bool:
    """Control, format (direction marks), surrogate and line-separating characters."""
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")
