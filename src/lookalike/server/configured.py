"""The settings of the server, of what options, environment and ``lookalike.toml`` say; and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lookalike.configuration.file import FILE_VARIABLE, read_config_file
from lookalike.configuration.resolve import Origin, Resolved, check_config, fill_environment, resolve
from lookalike.configuration.setting import GalleryPlace, Setting
from lookalike.errors import UsageError
from lookalike.pacs_links import destinations, pacs_addresses
from lookalike.server.people import people_from
from lookalike.server.settings import SCHEDULED, ServerSettings, check_settings

_OTHERS_WRITE: Final = 0o002
_OTHERS_READ: Final = 0o004
_SET: Final = "***"


@dataclass(frozen=True, slots=True)
class SettingShown:
    """key: the setting. value: "***" for a secret that is set. origin: option, environment, file or default."""

    key: str
    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class ConfigCheck:
    """file: that was read, "" for none. problems: a line each, none where all is well. settings: what a service would
    run with.
    """

    file: str
    problems: tuple[str, ...]
    settings: tuple[SettingShown, ...]


def configure(options: Mapping[str, Any], file: str | os.PathLike[str] | None = None) -> ServerSettings:
    """The server's settings, of options by key, of the environment and of the file. What the file says to all commands
    is said to this process and those that it starts.

    Raises UsageError.
    """
    read = read_config_file(file)
    if file:
        os.environ[FILE_VARIABLE] = str(read.path)
    found, problems = resolve(options, os.environ, read)
    check_config(read, problems)
    fill_environment(read)
    return server_settings(found)


def server_settings(found: Mapping[str, Resolved]) -> ServerSettings:
    """The server's settings, of every setting's value. Raises UsageError."""
    value = {key: each.value for key, each in found.items()}
    oidc = {f"oidc_{name}": value[f"oidc.{name}"] for name in ("client", "secret", "claim", "audience", "ca")}
    people = people_from(
        value["access.grants"],
        value["access.trusted_proxies"],
        oidc_issuer=value["oidc.issuer"],
        **oidc,
        oidc_check_seconds=value["oidc.check_seconds"],
        proxy_user_header=value["access.proxy_user_header"],
        proxy_groups_header=value["access.proxy_groups_header"],
        public_url=value["server.public_url"],
        session_hours=value["access.session_hours"],
    )
    schedules = {kind: when for kind in SCHEDULED if (when := value[f"schedules.{kind}"])}
    return ServerSettings(
        value["server.host"],
        value["server.port"],
        value["imports"],
        value["server.allow_hosts"],
        value["server.tls_cert"],
        value["server.tls_key"],
        value["server.behind_proxy"],
        max_upload=value["limits.max_upload_mb"] << 20,
        max_uploads=8 * value["limits.max_upload_mb"] << 20,
        people=people,
        audit_log=None if value["audit_log.folder"] is None else str(value["audit_log.folder"]),
        galleries=value["galleries"],
        workers=value["limits.workers"],
        processes=value["server.processes"],
        schedules=schedules,
        backups=value["backup.folder"],
        log_format=value["log.format"],
        log_level=value["log.level"],
        metrics_token=value["metrics.token"],
        metrics_token_file=value["metrics.token_file"],
        waits=found["galleries"].origin in ("environment", "file"),
    )


def config_check(file: str | os.PathLike[str] | None = None) -> ConfigCheck:
    """What is wrong with a configuration, and what a service would run with. file: else the one that
    ``LOOKALIKE_CONFIG_FILE`` names, or ``lookalike.toml`` in the folder of keys. Changes nothing, and never raises.
    """
    read = read_config_file(file)
    found, problems = resolve({}, os.environ, read)
    problems = (*read.problems, *problems, *_of_paths(found), *_of_the_service(found))
    shown = tuple(map(_shown, found.values()))
    return ConfigCheck(str(read.path or ""), tuple(dict.fromkeys(problems)), shown)


def _shown(each: Resolved) -> SettingShown:
    value = _SET if each.setting.secret and each.value else _plain(each.value)
    return SettingShown(each.setting.key, value, each.origin)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, GalleryPlace):
        return {name: _plain(getattr(value, name)) for name in ("name", "path", "title", "roots")}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _of_the_service(found: Mapping[str, Resolved]) -> Iterator[str]:
    """What keeps a service from starting, whatever its galleries hold, or from making one."""
    from lookalike.gallery import check_addresses

    try:
        check_settings(server_settings(found))
    except UsageError as error:
        yield str(error)
    try:
        check_addresses(found["store.url"].value, found["engine.address"].value)
    except UsageError as error:
        yield str(error)
    try:
        pacs_addresses({found[key].setting.variable: found[key].value for key in ("pacs.viewer", "pacs.dicomweb")})
        destinations({found["pacs.send_to"].setting.variable: "\n".join(found["pacs.send_to"].value)})
    except UsageError as error:
        yield str(error)


def _of_paths(found: Mapping[str, Resolved]) -> Iterator[str]:
    for each in found.values():
        if isinstance(each.value, Path):
            yield from _of_path(each.setting.key, each.value, each.setting)
    for name, folder in found["imports"].value.items():
        yield from _of_path(f"imports.{name}", folder)
    for place in found["galleries"].value:
        key = f"galleries.{place.name}"
        if place.path.exists():
            yield from _of_path(key, place.path)
        else:
            yield f"{key}: no gallery is at {place.path}; make one: lookalike index FOLDER --gallery '{place.path}'"
        for root in place.roots:
            yield from _of_path(f"{key}.roots", root)


def _of_path(key: str, path: Path, setting: Setting | None = None) -> Iterator[str]:
    """What is wrong with a file or folder; a folder, unless the setting says otherwise."""
    folder = setting is None or setting.kind == "folder"
    if not (path.is_dir() if folder else path.is_file()):
        if setting is None or setting.there:
            yield f"{key}: there is no {'folder' if folder else 'file'} {path}"
        return
    mode = path.stat().st_mode
    if mode & _OTHERS_WRITE:
        yield f"{key}: everybody may write to {path}; chmod o-w '{path}'"
    if setting is not None and setting.private and mode & _OTHERS_READ:
        yield f"{key}: everybody may read {path}; chmod 640 '{path}'"
