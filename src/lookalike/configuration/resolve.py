"""Which of the ways to give a setting counts: option > environment > file > default."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lookalike.configuration.file import ConfigFile, read_config_file
from lookalike.configuration.setting import Setting, as_text, read_text, read_value
from lookalike.configuration.table import SETTINGS
from lookalike.errors import UsageError

Origin: TypeAlias = Literal["option", "environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A setting's value, and where it is from."""

    setting: Setting
    value: Any
    origin: Origin


def resolve(
    options: Mapping[str, Any], environment: Mapping[str, str], file: ConfigFile
) -> tuple[dict[str, Resolved], tuple[str, ...]]:
    """Every setting by its key, and what is wrong with variables and options, a line each; where something is wrong the
    next way to give it counts. options: by key, None or empty where none was given.
    """
    found, problems = {}, []
    for setting in SETTINGS:
        try:
            found[setting.key] = _resolved(setting, options.get(setting.key), environment, file)
        except UsageError as error:
            problems.append(str(error))
            found[setting.key] = _resolved(setting, None, {}, file)
    return found, tuple(problems)


def _resolved(setting: Setting, option: Any, environment: Mapping[str, str], file: ConfigFile) -> Resolved:
    if option not in (None, (), ""):
        return Resolved(setting, read_value(setting, option), "option")
    if (text := environment.get(setting.variable, "")).strip():
        return Resolved(setting, _of_variable(setting, text), "environment")
    if setting.key in file.values:
        return Resolved(setting, file.values[setting.key], "file")
    return Resolved(setting, setting.otherwise, "default")


def _of_variable(setting: Setting, text: str) -> Any:
    try:
        return read_text(setting, text)
    except UsageError as error:
        raise UsageError(f"{setting.variable}: {error}") from None


def fill_environment(file: ConfigFile, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables of what the file says to every command, where they are not set: commands, and processes that
    they start, read these settings there.
    """
    for setting in SETTINGS:
        if setting.everywhere and setting.key in file.values and not environment.get(setting.variable, "").strip():
            environment[setting.variable] = as_text(setting, file.values[setting.key])


def heed_config() -> None:
    """Let this process, and those that it starts, heed what the file says to every command. Raises UsageError."""
    file = read_config_file()
    check_config(file)
    fill_environment(file)


def check_config(file: ConfigFile, problems: tuple[str, ...] = ()) -> None:
    """Raise UsageError for the first thing that is wrong, and say how many more there are."""
    wrong = (*file.problems, *problems)
    if wrong:
        more = f" ({len(wrong) - 1} more)" if len(wrong) > 1 else ""
        of_file = f" --config {file.path}" if file.path else ""
        raise UsageError(f"{wrong[0]}{more}; see: lookalike config check{of_file}")


def setting_value(key: str, environment: Mapping[str, str] = os.environ) -> Any:
    """One setting that is heeded everywhere, by its variable or its default. Raises UsageError."""
    setting = next(each for each in SETTINGS if each.key == key)
    return _resolved(setting, None, environment, ConfigFile()).value
