"""The settings that an administrator starts the service with."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lookalike.configuration.setting import GalleryPlace
from lookalike.errors import UsageError
from lookalike.schedules import check_schedule
from lookalike.server.logs import LogFormat, LogLevel
from lookalike.server.people import PeopleSettings, check_people

PORT: Final = 8765
WAITING_CONNECTIONS: Final = 512
"""Connections that wait to be taken."""
MAX_UPLOAD: Final = 256 << 20
SCHEDULED: Final = ("pull", "backup", "remind")
"""Kinds of jobs that are queued by schedules."""
_TOKEN: Final = 16  # characters at least
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """imports: folders that jobs may index, by the name that callers use. behind_proxy: a reverse proxy terminates TLS
    and names the client in X-Forwarded-For. hosts: names that the Host header may have, besides the machine's own.
    max_upload, max_uploads: bytes of one upload, and of all that are kept. people: who may sign in. audit_log: the
    folder of the audit log, "off" for none; None: where the environment or the configuration says. galleries: that are
    served, the first one at the addresses that name none. waits: for galleries that are not there yet, where there is
    but one. workers: jobs of a gallery that are done at a time. schedules: when a job of a kind is queued, by kind.
    backups: the folder for backups. processes: that answer. writer: of one of several, the socket of that which does
    what it cannot; None for that one, and where there is but one. metrics_token, metrics_token_file: what opens
    /metrics alone.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    imports: Mapping[str, Path] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    max_upload: int = MAX_UPLOAD
    max_uploads: int = 8 * MAX_UPLOAD
    people: PeopleSettings = field(default_factory=PeopleSettings)
    audit_log: str | None = None
    galleries: tuple[GalleryPlace, ...] = ()
    waits: bool = False
    workers: int = 1
    schedules: Mapping[str, str] = field(default_factory=dict)
    backups: Path | None = None
    processes: int = 1
    writer: Path | None = None
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"
    metrics_token: str = field(default="", repr=False)
    metrics_token_file: Path | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def alone(self) -> bool:
        """Whether only this machine can reach the service, and nobody signs in: then keys are not required."""
        return self.loopback and not self.behind_proxy and not self.people.known_elsewhere

    @property
    def reached(self) -> bool:
        """Whether others than this machine can reach the service."""
        return self.behind_proxy or not self.loopback

    @property
    def where(self) -> str:
        """From where it is reached, for a message."""
        return "behind a proxy" if self.behind_proxy else f"on {self.host}, which others can reach,"

    @property
    def secure(self) -> bool:
        """Whether browsers reach the page by https."""
        return bool(self.tls_cert) or self.behind_proxy or self.people.public_url.startswith("https://")

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self.tls_cert else "http"

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names that the Host header may have, in lower case and without the port."""
        own = {socket.gethostname(), socket.getfqdn()} if not self.loopback else set()
        public = {urlsplit(self.people.public_url).hostname or ""} - {""}
        return frozenset(name.lower() for name in {*_LOOPBACK, self.host, *self.hosts, *own, *public})


def check_settings(settings: ServerSettings) -> None:
    """Raise UsageError for settings that nothing can be served with, such as a network without TLS."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise UsageError("TLS needs both a certificate and its key: --tls-cert CERT.pem --tls-key KEY.pem")
    check_people(settings.people)
    _check_schedules(settings)
    if settings.reached and not settings.tls_cert and not settings.behind_proxy:
        raise UsageError(
            f"serving {settings.where} needs TLS: give --tls-cert and --tls-key, or --behind-proxy if another program "
            "ends TLS in front of this one"
        )


def _check_schedules(settings: ServerSettings) -> None:
    for when in settings.schedules.values():
        check_schedule(when)
    if "backup" in settings.schedules and settings.backups is None:
        raise UsageError("schedules.backup needs a folder for the backups: backup.folder")


def scraper_token(settings: ServerSettings) -> str:
    """The token that opens /metrics alone, given or in a file; "" for none. Raises UsageError."""
    token, file = settings.metrics_token, settings.metrics_token_file
    if not token and file is not None:
        try:
            token = file.read_text("utf-8").strip() or "-"
        except (OSError, ValueError):
            raise UsageError(f"metrics.token_file: no text can be read from {file}") from None
    if token and len(token) < _TOKEN:
        raise UsageError(f"the metrics' token has less than {_TOKEN} characters; make one: openssl rand -hex 32")
    return token


def check_named_files(settings: ServerSettings) -> None:
    """Raise UsageError for a file or a folder that is not there."""
    authority = settings.people.oidc.ca if settings.people.oidc else None
    for path in (settings.tls_cert, settings.tls_key, authority):
        if path is not None and not path.is_file():
            raise UsageError(f"no such file: {path}; name the PEM files of the certificate and of its key")
    if settings.backups is not None and not settings.backups.is_dir():
        raise UsageError(f"backup.folder: there is no folder {settings.backups}")
    for name, folder in settings.imports.items():
        if not folder.is_dir():
            raise UsageError(f"an import folder is given as NAME=FOLDER, of a folder that is there; {name} is {folder}")


def check_closed_to_strangers(settings: ServerSettings, *, keys: bool) -> None:
    """Raise UsageError if a gallery would be open to a network. keys: whether it has any."""
    if settings.reached and not keys and not settings.people.known_elsewhere:
        raise UsageError(
            f"serving {settings.where} needs keys; make one: lookalike keys add NAME --role admin --gallery G"
        )
