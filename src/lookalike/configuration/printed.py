"""The settings as a table for people, in Markdown: docs/configuration.md has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lookalike.configuration.table import SETTINGS

_KINDS: Final = {
    "whole": "whole number",
    "switch": "true or false",
    "texts": "list of texts",
    "folders": "table of folders",
    "galleries": "tables",
}


def settings_table() -> Iterator[str]:
    """The lines of the table in Markdown."""
    yield "| in the file | variable | `lookalike serve` | is | default | |"
    yield "|---|---|---|---|---|---|"
    for each in SETTINGS:
        kind = f"{_KINDS.get(each.kind, each.kind)}{', secret' if each.secret else ''}"
        cells = [_code(each.key if each.in_file else ""), _code(each.variable), _code(each.flag), kind]
        cells += [_code(_shown_default(each.otherwise)), each.about.replace("|", "\\|").rstrip(",;")]
        yield f"| {' | '.join(cells)} |"


def _shown_default(value: Any) -> str:
    if value is None or value in ("", (), {}, False):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _code(text: str | Path) -> str:
    return f"`{text}`" if str(text) else ""
