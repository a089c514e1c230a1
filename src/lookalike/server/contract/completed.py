"""Results that an earlier version stored, with the fields that have come since at their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final, get_args, get_type_hints

from lookalike.server.contract.answers import JobAnswer

_RESULTS: Final = tuple(each for each in get_args(get_type_hints(JobAnswer)["result"]) if is_dataclass(each))


def completed(result: Any) -> Any:
    """A job's result as its type is today; as it stands where it is of no type that is known."""
    if not isinstance(result, Mapping):
        return result
    kind = next((each for each in _RESULTS if _fits(each, result)), None)
    return result if kind is None else _filled(kind, result)


def _fits(kind: Any, result: Mapping[str, Any]) -> bool:
    needed = {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}
    return needed <= result.keys() <= {each.name for each in fields(kind)}


def _filled(kind: Any, result: Mapping[str, Any]) -> dict[str, Any]:
    hints, whole = get_type_hints(kind), {}
    for each in fields(kind):
        if each.name in result:
            value = result[each.name]
            nested = is_dataclass(hints[each.name]) and isinstance(value, Mapping)
            whole[each.name] = _filled(hints[each.name], value) if nested else value
        elif each.default_factory is not MISSING:
            whole[each.name] = each.default_factory()
        elif each.default is not MISSING:
            whole[each.name] = each.default
    return whole
