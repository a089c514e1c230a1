"""lookalike serve"""

from __future__ import annotations

import json
from typing import Any, Final

import click

from lookalike.cli.output import json_option
from lookalike.cli.settings import config_option, given_settings, setting_options

_NEEDED: Final = ("fastapi", "hypercorn", "python_multipart", "prometheus_client")  # the extra `server`


@click.command("serve")
@setting_options
@config_option
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@json_option
def command(config: str | None, no_browser: bool, as_json: bool, **options: Any) -> None:
    """Open a gallery in the browser, and answer over HTTP (/api/v1). Ends with Ctrl-C.

    Without keys (lookalike keys) only this machine may ask. Every option may stand in lookalike.toml, too, or in the
    environment: lookalike config show.

    \b
    Example:
      lookalike serve --gallery chest
      lookalike serve --gallery chest --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --import new=/data/new
      lookalike serve --gallery chest --oidc-issuer https://login.example.org/realms/r --oidc-client lookalike \\
        --grant radiology=contributor --grant 'students=reader:site=teaching'
      lookalike serve --config /etc/lookalike/lookalike.toml
    """
    from importlib.util import find_spec

    from lookalike.errors import MissingExtraError

    if any(find_spec(name) is None for name in _NEEDED):
        raise MissingExtraError("lookalike serve", "server")
    from lookalike.server.configured import configure
    from lookalike.server.serve import serve

    def say(address: str) -> None:
        click.echo(json.dumps({"address": address}) if as_json else f"Serving {address}  (Ctrl-C ends)")

    serve(configure(given_settings(options), config), browser=not no_browser, say=say)
