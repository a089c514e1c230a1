"""lookalike audit"""

from __future__ import annotations

import click

from lookalike.cli.output import gallery_option, json_option, print_json, progress_bar, seed_option


@click.command("audit")
@gallery_option
@click.option("--label", "label_field", default="label", show_default=True, help="What is to be told apart.")
@click.option("--against", metavar="FIELD", help="One field: site, scanner, view, sex; all recorded without.")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@seed_option
@json_option
def command(gallery: str, label_field: str, against: str | None, space: str, seed: int, as_json: bool) -> None:
    """Do the vectors follow the finding, or where and how the picture was taken?

    \b
    Example:
      lookalike audit --gallery chest
      lookalike audit --gallery chest --against site
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.audit import audit

    with open_gallery(gallery) as opened, progress_bar("fields", "audit") as progress:
        result = audit(opened, label_field, against, space=space, seed=seed, progress=progress)
    if as_json:
        print_json(result)
    else:
        click.echo(str(result))
