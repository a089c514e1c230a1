"""What proves to a PACS who asks: from the environment, or from a private file; never from a URI or a gallery.

``pacs.toml`` in the user's configuration (``ownership.config_folder``), mode 0600, has a table for each origin::

    ["https://pacs.example"]
    token = "..."                       # or user = "...", password = "..."
    authorities = "/etc/ssl/pacs.pem"   # who signed the server's certificate
    certificate = "/etc/lookalike/client.pem"
    key = "/etc/lookalike/client.key"

The environment comes first: LOOKALIKE_PACS_TOKEN, _USER, _PASSWORD, _AUTHORITIES, _CERTIFICATE, _KEY.
"""

from __future__ import annotations

import base64
import os
import ssl
import tomllib
from dataclasses import dataclass, field, fields
from typing import Final, Protocol

from lookalike.encoders.runtimes.addresses import is_this_machine
from lookalike.errors import GalleryError, UsageError
from lookalike.ownership import config_folder
from lookalike.private_files import check_closed, unusable_file

_VARIABLE: Final = "LOOKALIKE_PACS_"
_FILE: Final = "pacs.toml"


class WhereAsked(Protocol):
    """An address, as far as it matters for who asks there."""

    @property
    def scheme(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def origin(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PacsLogin:
    """token: for bearer authentication (RFC 6750). user, password: for basic (RFC 7617). authorities, certificate, key:
    PEM files for TLS; certificate and key are this client's own.
    """

    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    authorities: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The header that proves who asks, or none."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.user:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def context(self) -> ssl.SSLContext:
        """TLS that checks the server's certificate and name, and shows ours if there is one. Raises UsageError."""
        try:
            context = ssl.create_default_context(cafile=self.authorities or None)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key or None, password=_no_pass_phrase)
        except (OSError, ValueError):
            raise UsageError(
                "the certificates for the PACS cannot be used; _AUTHORITIES, _CERTIFICATE and _KEY name PEM files, "
                "the key without a pass phrase"
            ) from None
        return context


def login_for(address: WhereAsked) -> PacsLogin:
    """What the environment says, and the private file of what it does not. Raises UsageError, GalleryError."""
    names = [each.name for each in fields(PacsLogin)]
    told = {name: text for name in names if (text := os.environ.get(f"{_VARIABLE}{name.upper()}", ""))}
    login = PacsLogin(**{**_kept(address.origin, names), **told})
    if "\n" in (header := login.headers.get("Authorization", "")) or "\r" in header or not header.isascii():
        raise UsageError("the token or the name for the PACS has characters that no header has; set it again")
    if header and address.scheme == "http" and not is_this_machine(address.host):
        raise UsageError("a token or password is not sent over http to another machine; use dicomweb+https")
    return login


def _kept(origin: str, names: list[str]) -> dict[str, str]:
    """The table of an origin in the private file. Raises GalleryError where others may read that."""
    path = config_folder() / _FILE
    try:
        check_closed(path)
        table = tomllib.loads(path.read_text("utf-8")).get(origin, {})
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unusable_file(path, f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise GalleryError(f"{path} is no TOML; it has a table for each PACS: ['{origin}']") from None
    if not isinstance(table, dict) or not all(isinstance(table[name], str) and name in names for name in table):
        raise GalleryError(f"{path}: the table of a PACS has texts called {', '.join(names)}, and nothing else")
    return dict(table)


def _no_pass_phrase() -> str:
    """OpenSSL would ask for one on the terminal."""
    return ""
