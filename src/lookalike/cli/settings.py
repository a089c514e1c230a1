"""Options that are settings: made from their declaration (``lookalike.configuration``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click

from lookalike.configuration.resolve import setting_value
from lookalike.configuration.setting import Setting
from lookalike.configuration.table import SETTINGS

_F = TypeVar("_F", bound=Callable[..., Any])
_SHORT: Final = {"--gallery": ("-g",)}
config_option = click.option("--config", metavar="FILE", help="lookalike.toml [default: in the folder of keys].")


def setting_options(function: _F) -> _F:
    """Every setting that ``lookalike serve`` has an option for, as a decorator."""
    for setting in reversed([each for each in SETTINGS if each.flag]):
        function = _option(setting)(function)
    return function


def given_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """What such options say, by the settings' keys."""
    return {each.key: options[_name(each)] for each in SETTINGS if each.flag}


def setting_default(key: str) -> Callable[[], Any]:
    """The default of another command's option: what a variable or the file says of a setting that is heeded
    everywhere, else the setting's own.
    """
    return lambda: setting_value(key)


def _option(setting: Setting) -> Callable[[_F], _F]:
    shown = setting.about if setting.default is None else f"{setting.about}  [default: {setting.default}]"
    return click.option(
        setting.flag,
        *_SHORT.get(setting.flag, ()),
        _name(setting),
        type=_type(setting),
        is_flag=setting.kind == "switch",
        default=None,
        multiple=setting.many,
        metavar=setting.metavar or None,
        help=shown,
    )


def _name(setting: Setting) -> str:
    return setting.key.replace(".", "_")


def _type(setting: Setting) -> Any:
    if setting.kind == "whole":
        return click.IntRange(int(setting.least or 0), None if setting.most is None else int(setting.most))
    if setting.kind == "number":
        return click.FloatRange(setting.least, setting.most)
    return bool if setting.kind == "switch" else str
