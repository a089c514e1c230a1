"""What routes say for the audit log: which records an answer tells of."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import State


def note_records(state: State, ids: Iterable[str], **detail: str | int) -> None:
    """Say which records an answer tells of, and what else is to be noted: numbers, words of this program's own."""
    state.noted, state.detail = tuple(ids), detail
