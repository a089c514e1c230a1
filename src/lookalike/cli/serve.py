"""lookalike serve"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lookalike.cli.output import gallery_option, json_option


@click.command("serve")
@gallery_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Others need keys, and TLS or a proxy.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.option("--import", "imports", multiple=True, metavar="NAME=DIR", help="A folder that may be indexed from.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Another name of this service.")
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="PEM", help="The certificate for TLS,")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="PEM", help="and its key.")
@click.option("--behind-proxy", is_flag=True, help="Another program ends TLS and sets X-Forwarded-For.")
@click.option("--max-upload-mb", default=256, show_default=True, type=click.IntRange(1, 65536))
@click.option("--oidc-issuer", metavar="URL", help="People sign in at this identity provider (OpenID Connect),")
@click.option(
    "--oidc-client", metavar="ID", help="which knows this service by this name; secret: LOOKALIKE_OIDC_SECRET."
)
@click.option("--oidc-claim", metavar="NAME", help="The claim that grants go by [default: roles].")
@click.option("--oidc-audience", metavar="NAME", help="Of access tokens that programs may send.")
@click.option("--oidc-ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="PEM")
@click.option("--oidc-check-seconds", type=click.FloatRange(0, 3600), help="Ask again whether a token counts [30].")
@click.option("--grant", "grants", multiple=True, metavar="VALUE=ROLE[:FILTER]", help="What those with VALUE may do.")
@click.option("--trusted-proxy", "proxies", multiple=True, metavar="ADDRESS", help="Its headers are believed,")
@click.option("--proxy-user-header", metavar="NAME", help="which name who has signed in at it,")
@click.option("--proxy-groups-header", metavar="NAME", help="and the values that grants go by.")
@click.option("--public-url", metavar="URL", help="Of the page, as browsers have it.")
@click.option("--session-hours", type=click.FloatRange(0, 168, min_open=True), help="A session lasts so long [8].")
@click.option("--audit-log", metavar="DIR|off", help="Where it is kept who did what.")
@json_option
def command(
    gallery: str,
    host: str,
    port: int,
    no_browser: bool,
    imports: tuple[str, ...],
    hosts: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
    max_upload_mb: int,
    grants: tuple[str, ...],
    proxies: tuple[str, ...],
    audit_log: str | None,
    as_json: bool,
    **people: Any,
) -> None:
    """Open a gallery in the browser, and answer over HTTP (/api/v1). Ends with Ctrl-C.

    Without keys (lookalike keys) only this machine may ask.

    \b
    Example:
      lookalike serve --gallery chest
      lookalike serve --gallery chest --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --import new=/data/new
      lookalike serve --gallery chest --oidc-issuer https://login.example.org/realms/r --oidc-client lookalike \\
        --grant radiology=contributor --grant 'students=reader:site=teaching'
    """
    from lookalike.errors import MissingExtraError

    try:
        from lookalike.server.serve import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lookalike"):
            raise
        raise MissingExtraError("lookalike serve", "server") from None
    from lookalike.server.people import people_from
    from lookalike.server.settings import ServerSettings, import_folders

    settings = ServerSettings(
        host,
        port,
        import_folders(imports),
        hosts,
        tls_cert,
        tls_key,
        behind_proxy,
        max_upload=max_upload_mb << 20,
        max_uploads=8 * max_upload_mb << 20,
        people=people_from(grants, proxies, **people),
        audit_log=audit_log,
    )

    def say(address: str) -> None:
        click.echo(json.dumps({"address": address}) if as_json else f"Serving {address}  (Ctrl-C ends)")

    serve(gallery, settings, browser=not no_browser, say=say)
