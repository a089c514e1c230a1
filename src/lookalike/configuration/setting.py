"""What a setting is, and how a value that was given for one is read: of a file, of a variable, of an option."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from lookalike.errors import UsageError
from lookalike.text import absolute, quoted

SettingKind: TypeAlias = Literal["text", "whole", "number", "switch", "file", "folder", "texts", "folders", "galleries"]
"""texts: a list. folders: by name. galleries: ``GalleryPlace``."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAMED: Final = re.compile(rf"({NAME.pattern})=(.+)", re.DOTALL)
_ON: Final = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_EMPTY: Final[Mapping[SettingKind, Any]] = {"text": "", "switch": False, "texts": (), "folders": {}, "galleries": ()}
_OF_GALLERY: Final = ("path", "title", "roots")


@dataclass(frozen=True, slots=True)
class GalleryPlace:
    """A gallery that is to be served. name: in addresses, grants and keys. title: for people, "" for the name. roots:
    folders whose files it may open.
    """

    name: str
    path: Path
    title: str = ""
    roots: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. key: in the file, with its table before the dot. flag: of ``lookalike serve``, "" for none. least,
    most: of a number. among: the only texts, any where there are none; of a path, words that may stand for one.
    everywhere: other commands heed the variable, too. there: whether a file or folder must be there. private: a file
    that nobody else may read. in_file: whether it may stand in the file.
    """

    key: str
    kind: SettingKind
    about: str
    variable: str
    flag: str = ""
    metavar: str = ""
    default: Any = None
    least: float | None = None
    most: float | None = None
    among: tuple[str, ...] = ()
    secret: bool = False
    everywhere: bool = False
    there: bool = True
    private: bool = False
    in_file: bool = True

    @property
    def otherwise(self) -> Any:
        """The value where none is given."""
        return _EMPTY.get(self.kind) if self.default is None else self.default

    @property
    def many(self) -> bool:
        """Whether it holds several values."""
        return self.kind in ("texts", "folders", "galleries")


class _WrongError(ValueError):
    """The message says what is wanted."""


def read_value(setting: Setting, given: Any, base: Path | None = None) -> Any:
    """A value as the file or an option gives it. base: the folder that relative paths are of.

    Raises UsageError, which never shows a secret.
    """
    try:
        return _READ[setting.kind](setting, given, base or Path.cwd())
    except _WrongError as error:
        shown = "" if setting.secret else f"; got {quoted(repr(given), 80)}"
        raise UsageError(f"{setting.key} is {error}{shown}") from None


def read_text(setting: Setting, text: str) -> Any:
    """A value as a variable gives it: several with ``;`` between them, or a line each. Raises UsageError."""
    given: Any = text.strip()
    if setting.many:
        given = [part.strip() for part in text.split("\n" if "\n" in text else ";") if part.strip()]
    elif setting.kind == "switch":
        given = _ON.get(given.lower(), given)
    elif setting.kind in ("whole", "number"):
        given = _number(given)
    return read_value(setting, given)


def as_text(setting: Setting, value: Any) -> str:
    """A value as ``read_text`` reads it."""
    if setting.kind == "galleries":
        value = [f"{each.name}={each.path}" for each in value]
    elif setting.kind == "folders":
        value = [f"{name}={folder}" for name, folder in value.items()]
    elif setting.kind == "switch":
        return "1" if value else ""
    return "".join(f"{each}\n" for each in value) if setting.many else str(value)


def _number(text: str) -> float | int | str:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def _text(setting: Setting, given: Any, _base: Path) -> str:
    if not isinstance(given, str) or "\0" in given:
        raise _WrongError("a text")
    if setting.among and given not in setting.among:
        raise _WrongError(f"one of {', '.join(setting.among)}")
    return given.strip()


def _whole(setting: Setting, given: Any, _base: Path) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not _is_within(setting, given):
        raise _WrongError(f"a whole number{_range(setting)}")
    return given


def _any_number(setting: Setting, given: Any, _base: Path) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool) or not _is_within(setting, given):
        raise _WrongError(f"a number{_range(setting)}")
    return float(given)


def _is_within(setting: Setting, given: float) -> bool:
    least, most = setting.least, setting.most
    return not isnan(given) and (least is None or given >= least) and (most is None or given <= most)


def _range(setting: Setting) -> str:
    return "" if setting.least is None else f" from {setting.least:g} to {setting.most:g}"


def _switch(_setting: Setting, given: Any, _base: Path) -> bool:
    if not isinstance(given, bool):
        raise _WrongError("true or false")
    return given


def _path_or_word(setting: Setting, given: Any, base: Path) -> Path | str:
    return str(given) if given in setting.among else _path(setting, given, base)


def _path(_setting: Setting, given: Any, base: Path) -> Path:
    if not isinstance(given, str | Path) or not str(given).strip() or "\0" in str(given):
        raise _WrongError("a path")
    return absolute(base / Path(given).expanduser())


def _texts(_setting: Setting, given: Any, _base: Path) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) and each.strip() for each in given):
        raise _WrongError('a list of texts, ["...", "..."]')
    return tuple(each.strip() for each in given)


def _folders(setting: Setting, given: Any, base: Path) -> dict[str, Path]:
    wanted = "folders by name: NAME=FOLDER; in the file a table with name = folder"
    if isinstance(given, list | tuple):
        pairs = [_NAMED.fullmatch(each) for each in given if isinstance(each, str)]
        given = {pair[1]: pair[2] for pair in pairs if pair} if all(pairs) else None
    if not isinstance(given, Mapping) or not all(NAME.fullmatch(name) for name in given):
        raise _WrongError(wanted)
    return {name: _path(setting, folder, base) for name, folder in given.items()}


def _galleries(setting: Setting, given: Any, base: Path) -> tuple[GalleryPlace, ...]:
    if isinstance(given, Mapping):
        found = tuple(_of_table(setting, name, table, base) for name, table in given.items())
    else:
        found = tuple(_of_option(setting, text, base) for text in given)
    twice = sorted({each.name for each in found if sum(other.name == each.name for other in found) > 1})
    if twice:
        raise _WrongError(f"a folder each under a name of its own, NAME=FOLDER; two are called {twice[0]}")
    return found


def _of_option(setting: Setting, text: str, base: Path) -> GalleryPlace:
    named = _NAMED.fullmatch(text)
    path = _path(setting, named[2] if named else text, base)
    return GalleryPlace(named[1] if named else path.name or "gallery", path)


def _of_table(setting: Setting, name: str, table: Any, base: Path) -> GalleryPlace:
    if not NAME.fullmatch(name):
        raise _WrongError("a table each, [galleries.NAME], with letters, digits, '.', '-' and '_' in the name")
    if not isinstance(table, Mapping) or "path" not in table or set(table) - {*_OF_GALLERY}:
        raise _WrongError(f'a table each: [galleries.{name}] with path = "...", and title and roots where wanted')
    roots, title = table.get("roots", []), table.get("title", "")
    if not isinstance(roots, list) or not isinstance(title, str):
        raise _WrongError(f'a table each; in [galleries.{name}] title is a text, and roots a list of folders, ["..."]')
    return GalleryPlace(
        name, _path(setting, table["path"], base), title.strip(), tuple(_path(setting, each, base) for each in roots)
    )


_READ: Final[Mapping[SettingKind, Callable[[Setting, Any, Path], Any]]] = {
    "text": _text,
    "whole": _whole,
    "number": _any_number,
    "switch": _switch,
    "file": _path_or_word,
    "folder": _path_or_word,
    "texts": _texts,
    "folders": _folders,
    "galleries": _galleries,
}
