"""Remove records so that no row names them any more: also in jobs, refusals, cohorts, readings, decisions and the log
of labels.

What lies outside of the database is removed afterwards (``lookalike.erasing``); that it is still to be done stands in
the same transaction, so that whoever opens the gallery after a crash completes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, select, update

from lookalike.store.batch import delete_rows
from lookalike.store.cohorts import forget_in_cohorts
from lookalike.store.database import damaged
from lookalike.store.decisions import forget_in_decisions
from lookalike.store.edits import count_edit
from lookalike.store.facts import put_fact, stored_fact
from lookalike.store.fetched import forget_fetched
from lookalike.store.jobs import ADDING, OPEN, JobState, close_job, without_names
from lookalike.store.label_log import forget_empty
from lookalike.store.named import Named
from lookalike.store.readings import forget_in_readings
from lookalike.store.schema import JOBS, PULLED, READ_FILES, RECORDS, REFUSED
from lookalike.store.spaces import change_adapter, count_version

if TYPE_CHECKING:
    from lookalike.store.store import Store

NOTE: Final = "what this said was removed, with records that it named"
_REMOVED: Final = "removed label "
_FACT: Final = "erasures"  # of the gallery


class Erasures(NamedTuple):
    """number: how many there have been. open: whether files, maps or the write-ahead log may still hold traces."""

    number: int = 0
    open: bool = False


def erasures(store: Store) -> Erasures:
    """How many erasures there have been, and whether the last one is complete."""
    with store.begin() as connection:
        return _noted(connection)


def close_erasures(store: Store, number: int) -> None:
    """Note that all traces are gone, unless there has been another erasure since that number."""
    with store.begin(write=True) as connection:
        if _noted(connection) == (number, True):
            _note(connection, Erasures(number))


def finish_since(
    store: Store, number: int, identity: str, state: JobState, *, result: Any = None, error: str | None = None
) -> bool:
    """Close a job, unless there has been an erasure since that number: then what it says may name what was removed."""
    with store.begin(write=True) as connection:
        if _noted(connection).number != number:
            return False
        close_job(connection, identity, state, result, error)
    return True


def remove_named(
    store: Store,
    named: Named,
    adapters: Mapping[str, str],
    kept: PurePath,
    also: Callable[[Connection], None] | None = None,
) -> int:
    """Remove records with everything that belongs to them or names them; their files may be indexed again. adapters:
    the SHA-256 of the adapters that spaces have from now on, by the spaces' names. kept: the folder of the files that
    the gallery keeps itself, which it does not do with refused ones. also: done in the same transaction. Returns the
    erasure's number.
    """
    with store.begin(write=True) as connection:
        # The other frames of these files stay; the file no longer counts as read to its end.
        delete_rows(connection, READ_FILES.c.sha256, named.files)
        forget_fetched(connection, named.files)
        delete_rows(connection, RECORDS.c.key, named.keys)
        forget_empty(connection)
        count_edit(connection, named.keys)
        count_version(connection)
        refused = _forget_refused(connection, named.sources, kept)
        _forget_in_jobs(connection, {*named.words, *(PurePath(source).name for source in refused)})
        forget_in_cohorts(connection, named.words)
        forget_in_readings(connection, named.words)
        forget_in_decisions(connection, named.words)
        for space, sha256 in adapters.items():
            change_adapter(connection, space, sha256)
        delete_rows(connection, PULLED.c.study, named.studies)
        if also is not None:
            also(connection)
        number = _noted(connection).number + 1
        _note(connection, Erasures(number, True))
    return number


def _noted(connection: Connection) -> Erasures:
    stored = stored_fact(connection, _FACT)
    try:
        number, is_open = json.loads(stored) if stored else (0, False)
        return Erasures(int(number), bool(is_open))
    except (TypeError, ValueError):
        raise damaged() from None


def _note(connection: Connection, noted: Erasures) -> None:
    put_fact(connection, _FACT, json.dumps(noted))


def _forget_refused(connection: Connection, sources: Iterable[str], kept: PurePath) -> list[str]:
    """Remove the refusals of files that came with a job, that lie beside removed ones, or below a folder of which no
    record is left: whose they are cannot be known, since they could not be read. Returns their sources.
    """
    refused = list(connection.scalars(select(REFUSED.c.source)))
    paths = [PurePath(source) for source in sources]
    emptied = {str(each) for path in paths for each in path.parents} - {str(kept)} if refused else set()
    if emptied:
        folders = {source.rpartition("/")[0] for source in connection.scalars(select(RECORDS.c.source))}
        emptied -= {str(each) for folder in folders for each in (PurePath(folder), *PurePath(folder).parents)}
    beside = {str(path.parent) for path in paths}
    found = [
        source
        for source in refused
        if str(PurePath(source).parent) in beside or emptied & {str(each) for each in PurePath(source).parents}
    ]
    delete_rows(connection, REFUSED.c.source, found)
    return found


def _forget_in_jobs(connection: Connection, words: Collection[str]) -> None:
    """Ended jobs keep no arguments. Those that indexed keep the numbers of their results, since they list files of
    anyone; the others lose a result or an error that names what is removed. An evaluation loses of its lists (of
    queries, of their neighbours) what names it, calls a class by another name that nobody bears any more, and loses
    its result only where something is named elsewhere: its figures name nobody.
    """
    ended = JOBS.c.state.not_in(OPEN)
    connection.execute(update(JOBS).where(ended).values(arguments="{}"))
    for row in connection.execute(select(JOBS).where(ended)).mappings().all():
        told = json.loads(row["result"] or "null")
        if row["kind"] in ADDING:
            kept = None if told is None else without_names(told)
        elif not _names(f"{row['error'] or ''}\n{_text(told)}", words):
            continue
        else:
            kept = result_without(row["kind"], told, words)
        progress = {**json.loads(row["progress"]), "message": NOTE}
        values = {"result": None if kept is None else json.dumps(kept), "progress": json.dumps(progress)}
        error = None if row["error"] is None else NOTE
        connection.execute(update(JOBS).where(JOBS.c.id == row["id"]).values(error=error, **values))


def result_without(kind: str, told: Any, words: Collection[str]) -> Any:
    """What may stay of a job's result once what these words name is removed; None if nothing may."""
    if not _names(_text(told), words):
        return told
    kept = _unnamed(_renamed(told, words), words) if kind == "evaluate" else None
    return None if _names(_text(kept), words) else kept


def _renamed(told: Any, words: Collection[str]) -> Any:
    """An evaluation with other names for its classes that are removed, and then without its printed reports, which may
    spell them in other ways.
    """
    result = told.get("result") or {}
    classes = result.get("per_class") or {}
    gone = sorted(({*classes} & set(words)) - {*result})  # what is called as a part of every result cannot be told
    if not gone:
        return told
    first = 1 + sum(name.startswith(_REMOVED) for name in classes)
    names = {name: f"{_REMOVED}{number}" for number, name in enumerate(gone, first)}
    spelt = "|".join(map(re.escape, sorted(gone, key=len, reverse=True)))
    return {"result": _replaced(result, re.compile(rf"(?<!\w)(?:{spelt})(?!\w)"), names)}


def _replaced(value: Any, spelt: re.Pattern[str], names: Mapping[str, str]) -> Any:
    """The same with other names in its keys and texts."""
    if isinstance(value, str):
        return spelt.sub(lambda found: names[found[0]], value)
    if isinstance(value, Mapping):
        return {_replaced(name, spelt, names): _replaced(each, spelt, names) for name, each in value.items()}
    return [_replaced(each, spelt, names) for each in value] if isinstance(value, list) else value


def _unnamed(value: Any, words: Collection[str]) -> Any:
    """A result whose lists have lost the texts, and the entries with a text of their own, that name what is removed."""
    if isinstance(value, Mapping):
        return {name: _unnamed(each, words) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    return [_unnamed(each, words) for each in value if not _names(_own_texts(each), words)]


def _own_texts(entry: Any) -> str:
    """A text, or those of a mapping that are in no further one."""
    texts = entry.values() if isinstance(entry, Mapping) else [entry]
    return "\n".join(each for each in texts if isinstance(each, str))


def _names(text: str, words: Collection[str]) -> bool:
    return any(word in text for word in words)


def _text(value: Any) -> str:
    """Every key and text of a result."""
    if isinstance(value, Mapping):
        return "\n".join(f"{name}\n{_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return value if isinstance(value, str) else ""
