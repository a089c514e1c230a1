"""lookalike serve"""

from __future__ import annotations

import json
from pathlib import Path

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
    as_json: bool,
) -> None:
    """Open a gallery in the browser, and answer over HTTP (/api/v1). Ends with Ctrl-C.

    Without keys (lookalike keys) only this machine may ask.

    \b
    Example:
      lookalike serve --gallery chest
      lookalike serve --gallery chest --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --import new=/data/new
    """
    from lookalike.errors import MissingExtraError

    try:
        from lookalike.server.serve import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lookalike"):
            raise
        raise MissingExtraError("lookalike serve", "server") from None
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
    )

    def say(address: str) -> None:
        click.echo(json.dumps({"address": address}) if as_json else f"Serving {address}  (Ctrl-C ends)")

    serve(gallery, settings, browser=not no_browser, say=say)
