"""An index engine's collection of the vectors beside: filled before they answer, and answering as soon as they do.

What it holds is noted as a fact while it is filled. The switch to the encoder beside (``second_encoder``) leaves in its
place, in the same transaction, of which moment of the gallery the collection is from then on, and what is to be changed
in it: so that it counts neither before nor never.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Final

from sqlalchemy import Connection

from lookalike.store.database import damaged
from lookalike.store.described import StoreMark, changed_at, mark_at
from lookalike.store.facts import put_fact, remove_fact, stored_fact
from lookalike.store.store import Store

ENGINE_TOKENS: Final = "engine of {}"
"""The fact that holds the tokens of a space's collection (``indexes.milvus.spaces``)."""
_PREPARED: Final = "engine beside"
_SWITCHED: Final = "engine switched"


@dataclass(frozen=True, slots=True)
class PreparedCollection:
    """A collection of the vectors beside. mark: the moment of which it is, or in which it was begun. graph: whether it
    is searched by a graph. token: noted beside it, "" as long as it is not filled.
    """

    collection: str
    mark: StoreMark
    graph: bool
    token: str = ""


@dataclass(frozen=True, slots=True)
class SwitchedCollection:
    """A collection that was prepared and answers now. token: noted beside it. mark: the moment of which it is once the
    records ``changed`` are brought in step.
    """

    token: str
    mark: StoreMark
    changed: tuple[int, ...]


def prepared_collection(store: Store) -> PreparedCollection | None:
    """The collection of the vectors beside; None if there is none."""
    return _prepared(store.noted(_PREPARED))


def note_prepared(store: Store, found: PreparedCollection | None) -> None:
    """Note it, or that there is none."""
    store.note(_PREPARED, "" if found is None else json.dumps(asdict(found)))


def switched_collection(store: Store) -> SwitchedCollection | None:
    """The collection that was prepared for the encoder that answers; None once it is one as any other."""
    text = store.noted(_SWITCHED)
    try:
        found = json.loads(text) if text else None
        return found and SwitchedCollection(found["token"], StoreMark(**found["mark"]), tuple(found["changed"]))
    except (KeyError, TypeError, ValueError):
        raise damaged() from None


def forget_switched(store: Store) -> None:
    """Note that it is one as any other."""
    store.note(_SWITCHED, "")


def promote_prepared(connection: Connection, space: str) -> None:
    """Let the prepared collection be the space's, where one is filled: in the transaction of the switch, once the
    vectors beside have the place of the others and before that is counted as an edit.
    """
    found = _prepared(stored_fact(connection, _PREPARED) or "")
    remove_fact(connection, _PREPARED)
    changed = changed_at(connection, found.mark) if found is not None and found.token else None
    if found is None or changed is None:
        return
    now = mark_at(connection)
    switched = SwitchedCollection(found.token, replace(now, edits=now.edits + 1), tuple(changed.tolist()))
    put_fact(connection, _SWITCHED, json.dumps(asdict(switched)))
    put_fact(connection, ENGINE_TOKENS.format(space), found.token)


def _prepared(text: str) -> PreparedCollection | None:
    try:
        found = json.loads(text) if text else None
        if found is None:
            return None
        return PreparedCollection(**{**found, "mark": StoreMark(**found["mark"])})
    except (KeyError, TypeError, ValueError):
        raise damaged() from None
