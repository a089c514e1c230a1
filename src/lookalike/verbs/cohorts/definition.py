"""What chooses the members of a cohort: a filter, records by their ids, a search, or cohorts combined."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from lookalike.errors import NotFoundError, UsageError
from lookalike.filters import parse
from lookalike.gallery import Gallery
from lookalike.store.browse import records_after
from lookalike.store.cohorts import FORGOTTEN
from lookalike.types import Record
from lookalike.verbs.search import search

_LONGEST: Final = 100_000  # characters of a definition
_ALL: Final = 1 << 62  # records


@dataclass(frozen=True, slots=True)
class ByFilter:
    """The records that satisfy a filter."""

    where: str


@dataclass(frozen=True, slots=True)
class ByChoice:
    """These records."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BySearch:
    """The k records that are most similar to some records, to a text or to both, among those that a filter allows."""

    ids: tuple[str, ...]
    text: str | None
    k: int
    where: str | None
    space: str


@dataclass(frozen=True, slots=True)
class Combined:
    """The records that are in all of these, in any of these, and in none of these. Nothing is asked of an empty list;
    where nothing else is given, of every record.
    """

    all_of: tuple[Definition, ...]
    any_of: tuple[Definition, ...]
    none_of: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A definition that named what was erased."""


Definition: TypeAlias = ByFilter | ByChoice | BySearch | Combined | Forgotten
EVERY_RECORD: Final = Combined((), (), ())


def as_stored(definition: Definition) -> tuple[str, list[tuple[str, ...]]]:
    """A definition as JSON that names no record, and the records that it names, by place. Raises UsageError."""
    chosen: list[tuple[str, ...]] = []
    text = json.dumps(_told(definition, chosen), ensure_ascii=False)
    if len(text) > _LONGEST:
        raise UsageError(f"the definition has {len(text)} characters, at most {_LONGEST} are kept")
    return text, chosen


def _told(definition: Definition, chosen: list[tuple[str, ...]]) -> Any:
    match definition:
        case ByFilter(where):
            return {"where": where}
        case ByChoice(ids):
            chosen.append(ids)
            return {"chosen": len(chosen) - 1}
        case BySearch(ids, text, k, where, space):
            chosen.append(ids)
            like = len(chosen) - 1 if ids else None
            return {"like": like, "text": text, "k": k, "within": where, "space": space}
        case Combined(all_of, any_of, none_of):
            parts = {"all": all_of, "any": any_of, "none": none_of}
            return {name: [_told(each, chosen) for each in of] for name, of in parts.items()}
    return json.loads(FORGOTTEN)


def from_stored(text: str, chosen: Mapping[int, Sequence[str]]) -> Definition:
    """The definition that ``as_stored`` gave. A list without the records that were erased since."""
    return _read(json.loads(text), chosen)


def _read(told: Any, chosen: Mapping[int, Sequence[str]]) -> Definition:
    if not isinstance(told, dict):
        return Forgotten()
    if "where" in told:
        return ByFilter(told["where"])
    if "chosen" in told:
        return ByChoice(tuple(chosen.get(told["chosen"], ())))
    if "like" in told:
        asked = () if told["like"] is None else tuple(chosen.get(told["like"], ()))
        lost = told["like"] is not None and not asked
        return Forgotten() if lost else BySearch(asked, told["text"], told["k"], told["within"], told["space"])
    return Combined(*(tuple(_read(each, chosen) for each in told[name]) for name in ("all", "any", "none")))


def in_words(definition: Definition) -> str:
    """A definition as it is read: ``label=effusion and not (3 chosen records)``."""
    match definition:
        case ByFilter(where):
            return where
        case ByChoice(ids):
            return f"{len(ids)} chosen record{'s' if len(ids) != 1 else ''}"
        case BySearch(ids, text, k, where, space):
            like = [f"{len(ids)} record{'s' if len(ids) != 1 else ''}"] if ids else []
            like += [json.dumps(text, ensure_ascii=False)] if text else []
            within = f" where {where}" if where else ""
            return f"the {k} most similar to {' and '.join(like)} in {space}{within}"
        case Combined(all_of, any_of, none_of):
            any_ = " or ".join(map(_bracketed, any_of))
            one_of = [f"({any_})" if len(any_of) > 1 and (all_of or none_of) else any_] if any_of else []
            parts = [*map(_bracketed, all_of), *one_of]
            return " and ".join([*parts, *(f"not {_bracketed(each)}" for each in none_of)]) or "every record"
    return "what this said was removed, with records that it named"


def _bracketed(definition: Definition) -> str:
    return f"({in_words(definition)})"


def members_by(gallery: Gallery, definition: Definition) -> dict[str, Record]:
    """The records that a definition chooses now, by id. Raises UsageError, NotFoundError (a record that it names, no
    such space; a definition that is forgotten), SlowFilterError.
    """
    match definition:
        case ByFilter(where):
            return _by_id(records_after(gallery.store, 0, _ALL, parse(where)))
        case ByChoice(ids):
            return {id: gallery.store.record(id) for id in ids}
        case BySearch(ids, text, k, where, space):
            asked: dict[str, Any] = {"ids": ids} if ids else {}
            found = search(gallery, **asked, text=text, k=k, where=where, space=space, pictures=False)
            return {hit.id: gallery.store.record(hit.id) for hit in found.hits}
        case Combined(all_of, any_of, none_of):
            return _combined(gallery, all_of, any_of, none_of)
    raise NotFoundError("the definition named what was removed; save it anew", "no-definition")


def _combined(
    gallery: Gallery, all_of: Sequence[Definition], any_of: Sequence[Definition], none_of: Sequence[Definition]
) -> dict[str, Record]:
    sets = [members_by(gallery, each) for each in all_of]
    if any_of:
        sets.append({id: record for each in any_of for id, record in members_by(gallery, each).items()})
    found = sets[0] if sets else _by_id(list(gallery.store.records().values()))
    left_out = {id for each in none_of for id in members_by(gallery, each)}
    return {id: each for id, each in found.items() if all(id in one for one in sets) and id not in left_out}


def _by_id(records: Sequence[Record]) -> dict[str, Record]:
    return {record.id: record for record in records}
