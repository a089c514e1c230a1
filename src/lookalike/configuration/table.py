"""The settings: data, and the table of them for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lookalike.configuration.setting import Setting

SETTINGS: Final = (
    Setting(
        key="config",
        kind="file",
        about="This file, lookalike.toml; without it the one in the folder of keys, if there is one",
        variable="LOOKALIKE_CONFIG_FILE",
        in_file=False,
        everywhere=True,
    ),
    Setting(
        key="galleries",
        kind="galleries",
        about="The galleries that are served: FOLDER or NAME=FOLDER (repeat); in the file a table each, "
        "[galleries.NAME] with path, title and roots (folders whose files it may open)",
        variable="LOOKALIKE_GALLERY",
        flag="--gallery",
        metavar="[NAME=]G",
    ),
    Setting(
        key="imports",
        kind="folders",
        about="Folders that callers may index from, by the name that they use; in the file a table, [imports]",
        variable="LOOKALIKE_IMPORTS",
        flag="--import",
        metavar="NAME=DIR",
    ),
    # Where the service is reached
    Setting(
        key="server.host",
        kind="text",
        about="The address to listen at; others than this machine need keys, and TLS or a proxy",
        variable="LOOKALIKE_HOST",
        flag="--host",
        default="127.0.0.1",
    ),
    Setting(
        key="server.port",
        kind="whole",
        about="The port; 0: any free one",
        variable="LOOKALIKE_PORT",
        flag="--port",
        default=8765,
        least=0,
        most=65535,
    ),
    Setting(
        key="server.allow_hosts",
        kind="texts",
        about="Further names of this service, as callers write them",
        variable="LOOKALIKE_ALLOW_HOSTS",
        flag="--allow-host",
        metavar="NAME",
    ),
    Setting(
        key="server.public_url",
        kind="text",
        about="The address of the page, as browsers have it",
        variable="LOOKALIKE_PUBLIC_URL",
        flag="--public-url",
        metavar="URL",
    ),
    Setting(
        key="server.tls_cert",
        kind="file",
        about="The certificate for TLS,",
        variable="LOOKALIKE_TLS_CERT",
        flag="--tls-cert",
        metavar="PEM",
    ),
    Setting(
        key="server.tls_key",
        kind="file",
        about="and its key",
        variable="LOOKALIKE_TLS_KEY",
        flag="--tls-key",
        metavar="PEM",
        private=True,
    ),
    Setting(
        key="server.behind_proxy",
        kind="switch",
        about="Another program ends TLS and sets X-Forwarded-For",
        variable="LOOKALIKE_BEHIND_PROXY",
        flag="--behind-proxy",
    ),
    # Limits
    Setting(
        key="limits.max_upload_mb",
        kind="whole",
        about="Megabytes of one upload; all that are kept have eight times that",
        variable="LOOKALIKE_MAX_UPLOAD_MB",
        flag="--max-upload-mb",
        default=256,
        least=1,
        most=65536,
    ),
    Setting(
        key="limits.workers",
        kind="whole",
        about="Jobs of a gallery that are done at a time, of which one may write",
        variable="LOOKALIKE_WORKERS",
        flag="--workers",
        default=1,
        least=1,
        most=64,
    ),
    # What is done again and again
    Setting(
        key="schedules.pull",
        kind="text",
        about="When pacs.sources are pulled from: every day at HH:MM, or every N hours",
        variable="LOOKALIKE_SCHEDULE_PULL",
    ),
    Setting(
        key="schedules.backup",
        kind="text",
        about="When a backup is made, likewise",
        variable="LOOKALIKE_SCHEDULE_BACKUP",
    ),
    Setting(
        key="schedules.remind",
        kind="text",
        about="When it is looked how many records came since adapters and encoders were trained, likewise",
        variable="LOOKALIKE_SCHEDULE_REMIND",
    ),
    Setting(
        key="backup.folder",
        kind="folder",
        about="Where backups go that are made by the clock, or over HTTP",
        variable="LOOKALIKE_BACKUP_FOLDER",
        everywhere=True,
    ),
    Setting(
        key="store.url",
        kind="text",
        about="The PostgreSQL where new galleries keep their records, postgresql://USER@HOST/DATABASE; without it in a "
        "file in their folder",
        variable="LOOKALIKE_STORE",
        metavar="URL",
        everywhere=True,
    ),
    Setting(
        key="store.password",
        kind="text",
        about="and the password for it, where it is in neither ~/.pgpass nor PGPASSWORD",
        variable="LOOKALIKE_STORE_PASSWORD",
        secret=True,
        everywhere=True,
    ),
    # Who may ask
    Setting(
        key="access.keys",
        kind="folder",
        about="The folder of keys, secrets and the audit log, outside of every gallery; without it "
        "$XDG_CONFIG_HOME/lookalike, or ~/.config/lookalike",
        variable="LOOKALIKE_CONFIG",
        everywhere=True,
        there=False,
    ),
    Setting(
        key="access.secret",
        kind="text",
        about="The key that patients are grouped by, of every gallery (64 hex digits), instead of those in that folder",
        variable="LOOKALIKE_KEY",
        secret=True,
        everywhere=True,
    ),
    Setting(
        key="access.grants",
        kind="texts",
        about="What those may do whose claim or group has a value",
        variable="LOOKALIKE_GRANTS",
        flag="--grant",
        metavar="VALUE=ROLE[@GALLERY][:FILTER]",
    ),
    Setting(
        key="access.trusted_proxies",
        kind="texts",
        about="Addresses of proxies whose headers are believed,",
        variable="LOOKALIKE_TRUSTED_PROXIES",
        flag="--trusted-proxy",
        metavar="ADDRESS",
    ),
    Setting(
        key="access.proxy_user_header",
        kind="text",
        about="which name in this header who has signed in there,",
        variable="LOOKALIKE_PROXY_USER_HEADER",
        flag="--proxy-user-header",
        metavar="NAME",
    ),
    Setting(
        key="access.proxy_groups_header",
        kind="text",
        about="and in this one the values that grants go by",
        variable="LOOKALIKE_PROXY_GROUPS_HEADER",
        flag="--proxy-groups-header",
        metavar="NAME",
    ),
    Setting(
        key="access.session_hours",
        kind="number",
        about="Hours that somebody stays signed in at most",
        variable="LOOKALIKE_SESSION_HOURS",
        flag="--session-hours",
        default=8.0,
        least=0.001,
        most=168,
    ),
    Setting(
        key="oidc.issuer",
        kind="text",
        about="The identity provider where people sign in (OpenID Connect),",
        variable="LOOKALIKE_OIDC_ISSUER",
        flag="--oidc-issuer",
        metavar="URL",
    ),
    Setting(
        key="oidc.client",
        kind="text",
        about="which knows this service by this name,",
        variable="LOOKALIKE_OIDC_CLIENT",
        flag="--oidc-client",
        metavar="ID",
    ),
    Setting(key="oidc.secret", kind="text", about="and by this secret", variable="LOOKALIKE_OIDC_SECRET", secret=True),
    Setting(
        key="oidc.claim",
        kind="text",
        about="The claim that holds the values of grants, with dots into objects",
        variable="LOOKALIKE_OIDC_CLAIM",
        flag="--oidc-claim",
        metavar="NAME",
        default="roles",
    ),
    Setting(
        key="oidc.audience",
        kind="text",
        about="Of access tokens that programs may send; without it none is taken",
        variable="LOOKALIKE_OIDC_AUDIENCE",
        flag="--oidc-audience",
        metavar="NAME",
    ),
    Setting(
        key="oidc.ca",
        kind="file",
        about="The certificate authority of the provider",
        variable="LOOKALIKE_OIDC_CA",
        flag="--oidc-ca",
        metavar="PEM",
    ),
    Setting(
        key="oidc.check_seconds",
        kind="number",
        about="Seconds after which the provider is asked again whether a token counts",
        variable="LOOKALIKE_OIDC_CHECK_SECONDS",
        flag="--oidc-check-seconds",
        default=30.0,
        least=0,
        most=3600,
    ),
    # What is written down
    Setting(
        key="audit_log.folder",
        kind="folder",
        about='Where it is kept who did what, "off" for nowhere; without it in the folder of keys',
        variable="LOOKALIKE_AUDIT_LOG",
        flag="--audit-log",
        metavar="DIR|off",
        among=("off",),
        there=False,
        everywhere=True,
    ),
    Setting(
        key="audit_log.key",
        kind="text",
        about="The key that its lines are chained by (64 hex digits), instead of the one in the folder of keys",
        variable="LOOKALIKE_AUDIT_KEY",
        secret=True,
        everywhere=True,
    ),
    Setting(
        key="log.format",
        kind="text",
        about="How the service's log is written",
        variable="LOOKALIKE_LOG_FORMAT",
        flag="--log-format",
        default="text",
        among=("text", "json"),
    ),
    Setting(
        key="log.level",
        kind="text",
        about="From which level on: debug, info (a line a request), warning, error",
        variable="LOOKALIKE_LOG_LEVEL",
        flag="--log-level",
        default="info",
        among=("info", "warning", "error", "debug"),
    ),
    Setting(
        key="metrics.token",
        kind="text",
        about="What a scraper gives as its bearer token for /metrics, and for nothing else (16 characters at least),",
        variable="LOOKALIKE_METRICS_TOKEN",
        secret=True,
    ),
    Setting(
        key="metrics.token_file",
        kind="file",
        about="or the file that holds it",
        variable="LOOKALIKE_METRICS_TOKEN_FILE",
        private=True,
    ),
    Setting(
        key="log.debug",
        kind="switch",
        about="A command that meets a bug prints where, for a report",
        variable="LOOKALIKE_DEBUG",
        everywhere=True,
    ),
    # The index engine
    Setting(
        key="engine.address",
        kind="text",
        about="The index engine of new galleries: milvus://HOST:PORT; without it their indexes are their own",
        variable="LOOKALIKE_ENGINE",
        metavar="milvus://HOST:PORT",
        everywhere=True,
    ),
    Setting(
        key="engine.token",
        kind="text",
        about="What it is shown: NAME:PASSWORD or an API key",
        variable="LOOKALIKE_ENGINE_TOKEN",
        secret=True,
        everywhere=True,
    ),
    Setting(
        key="engine.fallback",
        kind="switch",
        about="While it gives no answer, answer from an index of the gallery's own, and say so",
        variable="LOOKALIKE_ENGINE_FALLBACK",
        everywhere=True,
    ),
    # The PACS
    Setting(
        key="pacs.sources",
        kind="texts",
        about="What `lookalike pull` brings where it is told nothing else: dicomweb+https://...",
        variable="LOOKALIKE_PACS_SOURCES",
        metavar="URI",
        everywhere=True,
    ),
    Setting(
        key="pacs.viewer",
        kind="text",
        about="The address of a viewer that takes OHIF's parameters, which hits of linked galleries lead to",
        variable="LOOKALIKE_VIEWER",
        metavar="URL",
        everywhere=True,
    ),
    Setting(
        key="pacs.dicomweb",
        kind="text",
        about="The address of the PACS's DICOMweb service, for links",
        variable="LOOKALIKE_DICOMWEB",
        metavar="URL",
        everywhere=True,
    ),
    Setting(
        key="pacs.send_to",
        kind="texts",
        about="Where callers of the service may have answers filed, by the names that they use",
        variable="LOOKALIKE_SEND_TO",
        metavar="NAME=WHERE",
        everywhere=True,
    ),
    Setting(
        key="pacs.token",
        kind="text",
        about="What proves to a PACS who asks: a bearer token;",
        variable="LOOKALIKE_PACS_TOKEN",
        secret=True,
        everywhere=True,
    ),
    Setting(key="pacs.user", kind="text", about="or a name", variable="LOOKALIKE_PACS_USER", everywhere=True),
    Setting(
        key="pacs.password",
        kind="text",
        about="and a password",
        variable="LOOKALIKE_PACS_PASSWORD",
        secret=True,
        everywhere=True,
    ),
    Setting(
        key="pacs.authorities",
        kind="file",
        about="Who signed the certificate of the PACS,",
        variable="LOOKALIKE_PACS_AUTHORITIES",
        metavar="PEM",
        everywhere=True,
    ),
    Setting(
        key="pacs.certificate",
        kind="file",
        about="the certificate that it is shown,",
        variable="LOOKALIKE_PACS_CERTIFICATE",
        metavar="PEM",
        everywhere=True,
    ),
    Setting(
        key="pacs.key",
        kind="file",
        about="and its key",
        variable="LOOKALIKE_PACS_KEY",
        metavar="PEM",
        private=True,
        everywhere=True,
    ),
    # Encoders and other models
    Setting(
        key="encoders.models",
        kind="folder",
        about="The folder of weights; tuned encoders are kept there, too",
        variable="LOOKALIKE_MODELS",
        everywhere=True,
    ),
    Setting(
        key="encoders.device",
        kind="text",
        about="What encoders run on",
        variable="LOOKALIKE_DEVICE",
        default="auto",
        everywhere=True,
    ),
    Setting(
        key="encoders.endpoint",
        kind="text",
        about="The address of a hosted encoder: pictures leave this machine for it",
        variable="LOOKALIKE_ENDPOINT",
        metavar="URL",
        everywhere=True,
    ),
    Setting(
        key="encoders.endpoint_key",
        kind="text",
        about="and its key",
        variable="LOOKALIKE_ENDPOINT_KEY",
        secret=True,
        everywhere=True,
    ),
    Setting(
        key="draft.endpoint",
        kind="text",
        about="The chat model that `lookalike draft` asks,",
        variable="LOOKALIKE_DRAFT_ENDPOINT",
        metavar="URL",
        everywhere=True,
    ),
    Setting(
        key="draft.model",
        kind="text",
        about="by this name of its server,",
        variable="LOOKALIKE_DRAFT_MODEL",
        everywhere=True,
    ),
    Setting(
        key="draft.key", kind="text", about="and its key", variable="LOOKALIKE_DRAFT_KEY", secret=True, everywhere=True
    ),
)

_KINDS: Final = {
    "whole": "whole number",
    "switch": "true or false",
    "texts": "list of texts",
    "folders": "table of folders",
    "galleries": "tables",
}


def settings_table() -> Iterator[str]:
    """The lines of the table in Markdown."""
    yield "| in the file | variable | `lookalike serve` | is | default | |"
    yield "|---|---|---|---|---|---|"
    for each in SETTINGS:
        kind = f"{_KINDS.get(each.kind, each.kind)}{', secret' if each.secret else ''}"
        cells = [_code(each.key if each.in_file else ""), _code(each.variable), _code(each.flag), kind]
        cells += [_code(_shown_default(each.otherwise)), each.about.replace("|", "\\|").rstrip(",;")]
        yield f"| {' | '.join(cells)} |"


def _shown_default(value: Any) -> str:
    if value is None or value in ("", (), {}, False):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _code(text: str | Path) -> str:
    return f"`{text}`" if str(text) else ""
