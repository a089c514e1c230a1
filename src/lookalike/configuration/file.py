"""``lookalike.toml``: read whole, and what is wrong with it in lines."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lookalike.configuration.setting import read_value
from lookalike.configuration.table import SETTINGS
from lookalike.errors import UsageError
from lookalike.ownership import config_folder
from lookalike.plugins import suggestion
from lookalike.text import absolute, quoted

FILE_NAME: Final = "lookalike.toml"
FILE_VARIABLE: Final = next(each.variable for each in SETTINGS if each.key == "config")
_KNOWN: Final = {each.key: each for each in SETTINGS if each.in_file}
_TABLES: Final = {key.partition(".")[0] for key in _KNOWN}
_OTHERS_WRITE: Final = 0o022
_EVERYBODY_WRITES: Final = 0o002
_OTHERS_READ: Final = 0o004
_LINE: Final = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """path: of the file, None where there is none. values: what it says, by the settings' keys. problems: lines."""

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_config_file(given: str | os.PathLike[str] | None = None) -> ConfigFile:
    """The file that is given, or that the variable names, or that lies in the folder of keys; nothing where none does.

    Never raises: what is wrong stands in ``problems``, and what can be read of the rest in ``values``.
    """
    named = given or os.environ.get(FILE_VARIABLE, "")
    path = absolute(named) if named else config_folder() / FILE_NAME
    try:
        text = path.read_bytes().decode()
        found = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return ConfigFile(path, {}, (f"there is no file {path}",)) if named else ConfigFile()
    except OSError as error:
        return ConfigFile(path, {}, (f"{path} cannot be read: {error.strerror}",))
    except (ValueError, RecursionError) as error:
        return ConfigFile(path, {}, (f"{path} is no TOML{_where(error)}",))
    values, problems = {}, list(_open_to_others(path, found))
    for key, value in _flat(found):
        try:
            values[key] = read_value(_setting(key), value, path.parent)
        except UsageError as error:
            problems.append(str(error))
    return ConfigFile(path, values, tuple(problems))


def _where(error: Exception) -> str:
    """The parser's words may hold a secret; the line is all that is told of them."""
    line = _LINE.search(str(error))
    return f" (line {line[1]})" if line else ""


def _flat(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if name in _TABLES and name not in _KNOWN and isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _setting(key: str) -> Any:
    if key in _KNOWN:
        return _KNOWN[key]
    if key in _TABLES:
        raise UsageError(f"{key} is a table: [{key}]")
    raise UsageError(f"no setting is called {quoted(key, 60)}.{suggestion(key, _nearest(key))}")


def _nearest(key: str) -> list[str]:
    """The names that may have been meant: tables; the same name in another table; what that table has."""
    table, _, name = key.rpartition(".")
    if not table:
        return sorted(_TABLES)
    same = [known for known in _KNOWN if known.rpartition(".")[2] == name]
    return same or [known for known in _KNOWN if known.partition(".")[0] == table]


def _open_to_others(path: Path, found: Mapping[str, Any]) -> Iterator[str]:
    file, folder = path.stat(), path.parent.stat()
    if os.geteuid() and file.st_uid not in (0, os.geteuid()):
        yield f"{path} is another user's; take it over: chown"
    if file.st_mode & _OTHERS_WRITE:
        yield f"{path} may be written to by others: chmod 640 '{path}'"
    if folder.st_mode & _EVERYBODY_WRITES and not folder.st_mode & stat.S_ISVTX:
        yield f"everybody may put another file in the place of {path}: chmod 755 '{path.parent}'"
    secrets = sorted(key for key, _ in _flat(found) if key in _KNOWN and _KNOWN[key].secret)
    if secrets and file.st_mode & _OTHERS_READ:
        yield f"{path} holds {', '.join(secrets)}, and everybody may read it: chmod 640 '{path}'"
