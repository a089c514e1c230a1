"""What a row of the tables of options holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Told:
    """words: what is typed. keyword: what the verb, or a value that it is given, calls it (several names: any of
    them). value: what stands there, or among several things there.
    """

    words: str
    keyword: str
    value: Any


@dataclass(frozen=True)
class Shown:
    """An option of the output. kind: picture, page, text or json. has: what the file, or without {out} the terminal,
    must hold and must not hold without the option.
    """

    words: str
    kind: str
    has: str = ""


@dataclass(frozen=True)
class Command:
    """modes: the fewest words that run the command, for each way of using it. options: by their longest name, or an
    argument's own. not_heard: options that a mode has no use for, which it refuses or passes over.
    """

    modes: dict[str, str]
    options: dict[str, Told | Shown]
    not_heard: dict[str, frozenset[str]] = field(default_factory=dict)
    answer: bool = False  # a run takes too long, or a network: only how an answer is printed is looked at


def these(text: str) -> frozenset[str]:
    return frozenset(text.split())


GALLERY: Final = Told("--gallery {other}", "folder", "{other}")
JSON: Final = Shown("--json", "json")
LISTED: Final = Shown("--output json", "json")
SEED: Final = Told("--seed 7", "seed", 7)
DECIDED: Final = Told("--decided", "decided", True)
ELSEWHERE: Final = "postgresql://nobody@127.0.0.1:1/nothing"  # nothing listens there
SPACE: Final = Told("--space other", "space", "other")
