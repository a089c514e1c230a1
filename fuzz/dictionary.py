"""The words of a boundary, as libFuzzer takes them."""

from __future__ import annotations

from typing import Final

_LONGEST_WORD: Final = 60


def dictionary(words: str) -> str:
    """A dictionary of words between blanks, without empty ones, for which libFuzzer ends at once
    (https://llvm.org/docs/LibFuzzer.html).
    """
    some = [word for word in words.split(" ") if 0 < len(word) < _LONGEST_WORD]
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in _bytes(word)) + '"\n' for word in some)


def _bytes(word: str) -> bytes:
    """A word of text as UTF-8, one of bytes as they are."""
    return word.encode("latin-1" if word.isprintable() is False else "utf-8")
