"""lookalike keys"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from lookalike.cli.noting import note_command
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
@click.option("--expires", metavar="DAYS|DATE", help="90d, or 2027-01-31: it counts to the end of that day (UTC).")
@click.option("--where", default="", metavar="FILTER", help="Only these records are there for who has the key.")
@json_option
def _add(name: str, gallery: str, role: Role, expires: str | None, where: str, as_json: bool) -> None:
    """Make a key and print it, once.

    \b
    Example:
      lookalike keys add workstation --role contributor --expires 90d --gallery chest
      lookalike keys add students --where 'site=teaching' --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.keys import add_key

    with open_gallery(gallery) as opened:
        made = add_key(opened, name, role=role, expires=expires, where=where)
        note_command("change-keys", opened, key=name, change="added", role=role)
    if as_json:
        click.echo(json.dumps(asdict(made)))
    else:
        click.echo(f"{made.key}\nKeep it: only its hash is stored, so it is not shown again.")


@command.command("list")
@gallery_option
@json_option
def _list(gallery: str, as_json: bool) -> None:
    """Names and roles, until when they count, and when they were used last.

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

    def at(seconds: float | None, never: str) -> str:
        return never if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")

    rows = [[k.name, k.role, at(k.created, ""), at(k.expires, "-"), at(k.used, "-"), k.where or "all"] for k in keys]
    print_table([["name", "role", "made (UTC)", "expires", "last used", "records"], *rows])


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
        note_command("change-keys", opened, key=name, change="removed")
        left = list_keys(opened)
    click.echo(json.dumps({"removed": name}) if as_json else f"The key {name!r} opens nothing any more.")
    if not left and not as_json:
        click.echo("It was the last one: a service that runs stays closed, one that is started from now on is open.")
