"""Results of verbs as JSON: what ``dataclasses.asdict`` gives, with two exceptions.

A source is given by its file name, never by its path; a number that is not finite is null.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final

from lookalike.text import one_line

_PATH: Final = re.compile(r"""(?<![\w.])/(?:[^\s/'";:,]+/)+([^\s/'";:,]*)""")


def plain(value: Any) -> Any:
    """A result as dictionaries, lists, strings and numbers."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        values = {name: plain(getattr(value, name)) for name in _names(type(value))}
        if "source" in values:
            values["source"] = shown_name(values["source"])
        return values
    return str(value)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def shown_name(source: str) -> str:
    """The file's name alone."""
    return one_line(source.replace("\\", "/").rstrip("/").rpartition("/")[2])


def without_paths(text: str) -> str:
    """A message with every path reduced to its file name."""
    return _PATH.sub(r"\1", text)


def json_bytes(value: Any) -> bytes:
    """A result as JSON in UTF-8."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )
