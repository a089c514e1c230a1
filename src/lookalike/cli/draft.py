"""lookalike draft"""

from __future__ import annotations

import click

from lookalike.cli.output import filled_gallery, gallery_option, json_option, print_json, print_notes, print_table


@click.command("draft")
@click.argument("query", required=False)
@gallery_option
@click.option("--id", "identity", metavar="ID", help="A record of the gallery instead of a file.")
@click.option("--endpoint", metavar="URL", help="Of a server that speaks OpenAI's protocol.")
@click.option("--model", metavar="NAME", help="As that server calls it.")
@click.option("-k", default=5, show_default=True, help="How many neighbours' reports are sent at most.")
@click.option("--where", metavar="FILTER", help="Only records for which this holds, e.g. 'Modality=CR'.")
@click.option("--space", default="base", show_default=True, help="Where neighbours are looked for.")
@click.option("--send-picture", is_flag=True, help="Send the picture too.")
@json_option
def command(
    query: str | None,
    gallery: str,
    identity: str | None,
    endpoint: str | None,
    model: str | None,
    k: int,
    where: str | None,
    space: str,
    send_picture: bool,
    as_json: bool,
) -> None:
    """Let a language model draft a report after those of a picture's neighbours. For research alone.

    Nothing is sent unless an endpoint is named, here or in LOOKALIKE_DRAFT_ENDPOINT (LOOKALIKE_DRAFT_MODEL,
    LOOKALIKE_DRAFT_KEY). Reports are patients' data, and leave this machine then: no ids, labels or pictures do.

    \b
    Example:
      lookalike draft query.dcm --gallery chest --endpoint http://localhost:8000/v1 --model llama
    """
    from lookalike.verbs.draft import draft

    with filled_gallery(gallery) as opened:
        result = draft(
            opened,
            query,
            id=identity,
            endpoint=endpoint,
            model=model,
            k=k,
            where=where,
            space=space,
            send_picture=send_picture,
        )
    if as_json:
        print_json(result)
        return
    print_notes(result.research)
    click.echo()
    print_notes(*(result.text.splitlines() or ["The model wrote nothing."]))
    click.echo()
    what = "reports and the picture" if result.picture else "reports, no picture,"
    print_notes(f"{len(result.sent)} {what} were sent to {result.model} at {result.endpoint}:")
    print_table([["cosine", "id"], *([f"{each.score:.4f}", each.id] for each in result.sent)])
    print_notes(*result.notes)
