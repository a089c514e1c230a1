"""lookalike keys"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.noting import note_command
from lookalike.cli.output import gallery_option, json_option, print_table
from lookalike.roles import ROLES, Role

_galleries_option = click.option(
    "--gallery",
    "-g",
    "galleries",
    required=True,
    multiple=True,
    type=click.Path(),
    metavar="G",
    envvar="LOOKALIKE_GALLERY",
    show_envvar=True,
    help="The gallery folder; repeat it for a key of several.",
)


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
@_galleries_option
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
def _add(name: str, galleries: tuple[str, ...], role: Role, expires: str | None, where: str, as_json: bool) -> None:
    """Make a key and print it, once. Of several galleries it opens each.

    \b
    Example:
      lookalike keys add workstation --role contributor --expires 90d --gallery chest
      lookalike keys add students --where 'site=teaching' --gallery chest
      lookalike keys add reading-room --gallery chest --gallery head
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.keys import add_key

    key = None
    with ExitStack() as stack:
        for opened in [stack.enter_context(open_gallery(gallery)) for gallery in galleries]:
            made = add_key(opened, name, role=role, expires=expires, where=where, key=key)
            note_command("change-keys", opened, key=name, change="added", role=role)
            key = made.key
    if as_json:
        click.echo(json.dumps(asdict(made)))
    else:
        click.echo(f"{made.key}\nKeep it: only its hash is stored, so it is not shown again.")


@command.command("list")
@gallery_option
@listing_option
def _list(gallery: str, output: str) -> None:
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
    if output != TABLE:
        print_listing(keys, keys, output)
        return

    def at(seconds: float | None, never: str) -> str:
        return never if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")

    rows = [[k.name, k.role, at(k.created, ""), at(k.expires, "-"), at(k.used, "-"), k.where or "all"] for k in keys]
    print_table([["name", "role", "made (UTC)", "expires", "last used", "records"], *rows])


@command.command("remove")
@click.argument("name")
@_galleries_option
@json_option
def _remove(name: str, galleries: tuple[str, ...], as_json: bool) -> None:
    """Make a key useless, at once.

    \b
    Example:
      lookalike keys remove workstation --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.keys import list_keys, remove_key

    with ExitStack() as stack:
        for opened in [stack.enter_context(open_gallery(gallery)) for gallery in galleries]:
            remove_key(opened, name)
            note_command("change-keys", opened, key=name, change="removed")
            left = list_keys(opened)
    click.echo(json.dumps({"removed": name}) if as_json else f"The key {name!r} opens nothing any more.")
    if not left and not as_json:
        click.echo("It was the last one: a service that runs stays closed, one that is started from now on is open.")
