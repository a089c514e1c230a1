"""Sanitise text and paths from outside, which may be hostile, before they are stored, printed or compared."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Final

DISCLAIMER: Final = "Research software, not a medical device."


def plain_text(text: str, limit: int = 64) -> str:
    """One line of printable characters, for storing: others become spaces."""
    return " ".join("".join(" " if _moves(c) else c for c in text).split())[:limit].rstrip()


def report_text(text: str, limit: int = 20_000) -> str:
    """Lines of printable characters without empty ones, for storing a report."""
    lines = (plain_text(line, limit) for line in text[: 2 * limit].splitlines())
    return "\n".join(line for line in lines if line)[:limit].rstrip()


def one_line(text: str) -> str:
    """One line of printable characters, for display: others are written as \\n, \\x1b, ..."""
    return "".join(c.encode("unicode_escape").decode() if _moves(c) else c for c in text)


def quoted(text: str, limit: int = 200) -> str:
    """What somebody sent, for a message or a log: one line of printable characters, shortened where it is longer."""
    line = one_line(text[: limit + 1])
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def file_name(path: str | os.PathLike[str]) -> str:
    """A path as text that a database accepts: bytes that are not UTF-8 as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def absolute(path: str | os.PathLike[str]) -> Path:
    """A given path made absolute: ``~`` is the home folder, links are not resolved."""
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - these take any text


def _moves(character: str) -> bool:
    """Control, format (direction marks), surrogate and line-separating characters."""
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")
