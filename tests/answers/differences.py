"""Where an answer differs from the one recorded.

Everything recorded must be told again; more fields are welcome. Numbers may differ in their last place, also within
a text: products of 32-bit numbers do, from one processor to the next. What counts cosines may differ by one.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from plain_answers import Steps, plain

TOLERANCE: Final = 2e-5
COUNTED: Final = {"percentile": 0.6}  # a share of 175 cosines: one that ties on a processor is above on another
_NUMBER: Final = re.compile(r"(-?\d+\.\d+)")
_NOTHING: Final = object()


def differences(recorded: Any, answer: Any, folders: Mapping[str, Path]) -> list[str]:
    """A line for each field that differs: its path, what was recorded, and what is told now."""
    return list(_between(recorded, plain(_fields_of(recorded, answer), folders), ()))


def _fields_of(recorded: Any, answer: Any) -> Any:
    """The answer with the recorded fields alone, so that others change no patient's number. What has a name is
    found by it.
    """
    if isinstance(recorded, dict) and isinstance(answer, dict):
        return {name: _fields_of(each, answer[name]) for name, each in recorded.items() if name in answer}
    if isinstance(recorded, list) and isinstance(answer, list):
        answer = _in_order(recorded, answer)
        return [_fields_of(*pair) for pair in zip(recorded, answer, strict=False)] + answer[len(recorded) :]
    return answer


def _in_order(recorded: list[Any], answer: list[Any]) -> list[Any]:
    names, told = (
        [each.get("name") if isinstance(each, dict) else None for each in some] for some in (recorded, answer)
    )
    if None in names or None in told or not set(names) <= set(told) or len(set(told)) < len(told):
        return answer
    return [answer[told.index(name)] for name in names]


def _names(some: list[Any]) -> list[Any]:
    return [each.get("name") if isinstance(each, dict) else None for each in some]


def _between(recorded: Any, told: Any, steps: Steps) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(told, dict):
        for name, each in recorded.items():
            yield from _between(each, told.get(name, _NOTHING), (*steps, name))
    elif isinstance(recorded, list) and isinstance(told, list):
        for place, pair in enumerate(itertools.zip_longest(recorded, told, fillvalue=_NOTHING)):
            yield from _between(*pair, (*steps, str(place)))
    elif not _alike(recorded, told, COUNTED.get(steps[-1], TOLERANCE) if steps else TOLERANCE):
        yield f"{'.'.join(steps)}: {_shown(recorded)} became {_shown(told)}"


def _shown(value: Any) -> str:
    return "nothing" if value is _NOTHING else repr(value)[:200]


def _alike(recorded: Any, told: Any, tolerance: float) -> bool:
    if isinstance(recorded, float) and isinstance(told, float):
        return math.isclose(recorded, told, rel_tol=TOLERANCE, abs_tol=tolerance)
    if isinstance(recorded, str) and isinstance(told, str):
        return recorded == told or _alike_but_for_numbers(_NUMBER.split(recorded), _NUMBER.split(told))
    return type(recorded) is type(told) and bool(recorded == told)


def _alike_but_for_numbers(recorded: list[str], told: list[str]) -> bool:
    return len(recorded) == len(told) and all(map(_alike_parts, recorded, told))


def _alike_parts(recorded: str, told: str) -> bool:
    """Of two numbers as printed: at most one apart in the last place."""
    if recorded == told:
        return True
    if not (_NUMBER.fullmatch(recorded) and _NUMBER.fullmatch(told)):
        return False
    places = len(recorded.partition(".")[2])
    return places == len(told.partition(".")[2]) and abs(float(recorded) - float(told)) < 1.5 * 10**-places
