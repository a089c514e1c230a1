"""lookalike config: check, show"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import counted, json_option, print_json, print_notes, print_table
from lookalike.cli.settings import config_option

if TYPE_CHECKING:
    from lookalike.server.configured import ConfigCheck


@click.group("config")
def command() -> None:
    """lookalike.toml: one file for a service, its galleries and its PACS.

    \b
    Example:
      lookalike config check --config /etc/lookalike/lookalike.toml
      lookalike config show --json
    """


@command.command("check")
@config_option
@json_option
def _check(config: str | None, as_json: bool) -> None:
    """What is wrong with the configuration, a line each, and what a service would run with. Exit code 1 if anything is.

    \b
    Example:
      lookalike config check --config lookalike.toml
    """
    from lookalike.server.configured import config_check

    done = config_check(config)
    if as_json:
        print_json(done)
    else:
        print_notes(_verdict(done), *(f"- {problem}" for problem in done.problems))
        _print_settings(done, every=False)
    if done.problems:
        sys.exit(1)


@command.command("show")
@config_option
@listing_option
def _show(config: str | None, output: str) -> None:
    """Every setting, its value and where that is from. Secrets are not shown.

    \b
    Example:
      lookalike config show --config lookalike.toml --json
    """
    from lookalike.server.configured import config_check

    done = config_check(config)
    if output != TABLE:
        print_listing(done, done.settings, output)
    else:
        _print_settings(done, every=True)


def _verdict(done: ConfigCheck) -> str:
    told = done.file or "No lookalike.toml"
    return f"{told}: {counted(len(done.problems), 'problem') if done.problems else 'nothing is wrong'}."


def _print_settings(done: ConfigCheck, *, every: bool) -> None:
    """every: those too for which nothing was given."""
    shown = [each for each in done.settings if every or each.origin != "default"]
    print_table(
        [["setting", "value", "from"], *([each.key, _text(each.value), each.origin] for each in shown)]
        if shown
        else [["every setting has its default"]]
    )


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(f"{each['name']}={each['path']}" if isinstance(each, dict) else str(each) for each in value)
    return "-" if value in (None, "") else str(value)
