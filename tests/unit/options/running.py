"""Options of the service, keys, encoders and what runs by itself."""

from __future__ import annotations

from typing import Final

from options.row import GALLERY, JSON, LISTED, SEED, Command, Shown, Told

RUNNING: Final[dict[str, Command]] = {
    "serve": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": Told("--gallery {other}", "path", "{other}"),
            "--config": Shown("--config", "elsewhere", "test_configuration.py::test_a_service_has_what_the_file_says"),
            "--host": Told("--host 192.0.2.7", "host", "192.0.2.7"),
            "--port": Told("--port 7", "port", 7),
            "--no-browser": Told("--no-browser", "browser", False),
            "--import": Told("--import new={folder}", "new", "{folder}"),
            "--allow-host": Told("--allow-host look.example", "hosts", "look.example"),
            "--tls-cert": Told("--tls-cert /c.pem", "tls_cert", "/c.pem"),
            "--tls-key": Told("--tls-key /k.pem", "tls_key", "/k.pem"),
            "--behind-proxy": Told("--behind-proxy", "behind_proxy", True),
            "--max-upload-mb": Told("--max-upload-mb 7", "max_upload", 7 << 20),
            "--oidc-issuer": Told("--oidc-issuer https://i.example", "issuer", "https://i.example"),
            "--oidc-client": Told("--oidc-issuer https://i.example --oidc-client look", "client_id", "look"),
            "--oidc-claim": Told("--oidc-issuer https://i.example --oidc-claim groups", "claim", "groups"),
            "--oidc-audience": Told("--oidc-issuer https://i.example --oidc-audience api", "audience", "api"),
            "--oidc-ca": Told("--oidc-issuer https://i.example --oidc-ca {table}", "ca", "{table}"),
            "--oidc-check-seconds": Told("--oidc-issuer https://i --oidc-check-seconds 7", "check_seconds", 7.0),
            "--grant": Told("--grant doctors=contributor", "value", "doctors"),
            "--trusted-proxy": Told("--trusted-proxy 10.0.0.7", "trusted_proxies", "10.0.0.7/32"),
            "--proxy-user-header": Told("--proxy-user-header X-User", "user_header", "X-User"),
            "--proxy-groups-header": Told("--proxy-groups-header X-Groups", "groups_header", "X-Groups"),
            "--public-url": Told("--public-url https://look.example", "public_url", "https://look.example"),
            "--session-hours": Told("--session-hours 2", "session_seconds", 7200.0),
            "--audit-log": Told("--audit-log {folder}", "audit_log", "{folder}"),
            "--log-format": Told("--log-format json", "log_format", "json"),
            "--log-level": Told("--log-level error", "log_level", "error"),
            "--workers": Told("--workers 7", "workers", 7),
            "--processes": Told("--processes 3", "processes", 3),
            "--json": JSON,
        },
        answer=True,
    ),
    "mcp": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--where": Shown("", "elsewhere", "test_mcp.py::test_only_a_part_is_there_and_labels_need_leave"),
            "--may-label": Shown("", "elsewhere", "test_mcp.py::test_only_a_part_is_there_and_labels_need_leave"),
        },
    ),
    "config check": Command({"": ""}, {"--config": Told("--config /c.toml", "file", "/c.toml"), "--json": JSON}),
    "config show": Command(
        {"": ""}, {"--config": Told("--config /c.toml", "file", "/c.toml"), "--json": JSON, "--output": LISTED}
    ),
    "keys add": Command(
        {"": "someone --gallery {g}"},
        {
            "name": Told("", "name", "someone"),
            "--gallery": GALLERY,
            "--role": Told("--role admin", "role", "admin"),
            "--expires": Told("--expires 90d", "expires", "90d"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--json": JSON,
        },
    ),
    "keys list": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "keys remove": Command(
        {"": "gone --gallery {g}"}, {"name": Told("", "name", "gone"), "--gallery": GALLERY, "--json": JSON}
    ),
    "encoders list": Command({"": ""}, {"--json": JSON, "--output": LISTED}),
    "encoders pull": Command(
        {"": "dinov2-b --to {out}"},
        {
            "name": Told("", "name", "dinov2-b"),
            "--to": Told("--to {folder}", "to", "{folder}"),
            "--revision": Told("--revision v2", "revision", "v2"),
            "--json": JSON,
        },
        answer=True,
    ),
    "encoders verify": Command(
        {"": "lite0-last"},
        {
            "name": Told("", "name", "lite0-last"),
            "--all": Shown("--all", "elsewhere", "test_cli.py::test_encoders_verify_all"),
            "--json": JSON,
        },
    ),
    "encoders export": Command(
        {"": "dinov2-s --to {out}"},
        {
            "name": Told("", "name", "dinov2-s"),
            "--to": Told("--to {folder}", "to", "{folder}"),
            "--int8": Told("--int8", "int8", True),
            "--pictures": Told("--pictures {folder}", "pictures", "{folder}"),
            "--json": JSON,
        },
        answer=True,
    ),
    "encoders runtimes": Command(
        {"": "lite0"},
        {
            "name": Told("", "name", "lite0"),
            "--pictures": Told("--pictures {folder}", "pictures", "{folder}"),
            "--json": JSON,
        },
        answer=True,
    ),
    "demo": Command(
        {"": "--data {folder} --out {out}"},
        {
            "--data": Told("--data {more}", "data", "{more}"),
            "--label-column": Told("--label-column site", "label_columns", "site"),
            "--out": Told("--out {out}-else", "folder", "{out}-else"),
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "doctor": Command({"": ""}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
}
