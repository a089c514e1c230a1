"""lookalike keys"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from lookalike.cli.output import gallery_option, json_option, print_json, print_table
from lookalike.roles import ROLES, Role


@click.group("keys")
def command() -> None:
    """Who may ask the service. As soon as there is a key, nobody may ask without one.

    \b
    Example:
      lookalike keys add workstation --role reader --gallery chest
      lookalike keys list --gallery chest
    """


@command.command("add")
@click.argument("name")
@gallery_option
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="reader",
    show_default=True,
    help="reader asks; contributor also labels, indexes and trains; admin also removes.",
)
@json_option
def _add(name: str, gallery: str, role: Role, as_json: bool) -> None:
    """Make a key and print it, once.

    \b
    Example:
      lookalike keys add workstation --role contributor --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.keys import add_key

    with open_gallery(gallery) as opened:
        made = add_key(opened, name, role=role)
    if as_json:
        click.echo(json.dumps(asdict(made)))
    else:
        click.echo(f"{made.key}\nKeep it: only its hash is stored, so it is not shown again.")


@command.command("list")
@gallery_option
@json_option
def _list(gallery: str, as_json: bool) -> None:
    """Names and roles.

    \b
    Example:
      lookalike keys list --gallery chest
    """
    from datetime import UTC, datetime

    from lookalike.gallery import open_gallery
    from lookalike.verbs.keys import list_keys

    with open_gallery(gallery) as opened:
        keys = list_keys(opened)
    if as_json:
        print_json(keys)
        return
    made = [datetime.fromtimestamp(key.created, UTC).strftime("%Y-%m-%d %H:%M") for key in keys]
    print_table([["name", "role", "made (UTC)"], *([k.name, k.role, at] for k, at in zip(keys, made, strict=True))])


@command.command("remove")
@click.argument("name")
@gallery_option
@json_option
def _remove(name: str, gallery: str, as_json: bool) -> None:
    """Make a key useless, at once.

    \b
    Example:
      lookalike keys remove workstation --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.keys import list_keys, remove_key

    with open_gallery(gallery) as opened:
        remove_key(opened, name)
        left = list_keys(opened)
    click.echo(json.dumps({"removed": name}) if as_json else f"The key {name!r} opens nothing any more.")
    if not left and not as_json:
        click.echo("It was the last one: a service that runs stays closed, one that is started from now on is open.")
