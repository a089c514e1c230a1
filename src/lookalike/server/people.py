"""Settings of who may sign in and what for: an identity provider (OpenID Connect), a proxy that signs in, sessions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lookalike.errors import UsageError
from lookalike.roles import ROLES, Grant, Role
from lookalike.verbs.keys import check_part

_GRANT: Final = re.compile(r"(?P<value>.+?)=(?P<role>[a-z]+)(?:@(?P<gallery>[^:@]+))?(?::(?P<where>.+))?")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ClaimGrant:
    """What those may do whose claim, or proxy's header, has a value."""

    value: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An identity provider. claim: that holds the values of grants, with dots into it (``realm_access.roles``).
    audience: of access tokens that programs send; "" where none is taken. ca: a PEM file of its certificate authority.
    check_seconds: after which a token is asked about again.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    claim: str = "roles"
    audience: str = ""
    scope: str = "openid profile"
    ca: Path | None = None
    check_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    """grants: by the value of a claim. trusted_proxies: addresses whose headers are believed, and no others'.
    user_header, groups_header: with which such a proxy names who has signed in there. public_url: of the page, as
    browsers have it; "" for what they send. session_seconds, idle_seconds: how long a session lasts, used and unused.
    """

    grants: tuple[ClaimGrant, ...] = ()
    oidc: OidcSettings | None = None
    trusted_proxies: tuple[str, ...] = ()
    user_header: str = ""
    groups_header: str = ""
    public_url: str = ""
    session_seconds: float = 8 * 3600.0
    idle_seconds: float = 1800.0

    @property
    def known_elsewhere(self) -> bool:
        """Whether somebody else than the keys says who a caller is."""
        return self.oidc is not None or bool(self.user_header)

    def grants_of(self, values: Iterable[str]) -> tuple[Grant, ...]:
        """What those may do, in any gallery, who have these values: all that any of them grants."""
        had = set(values)
        return tuple(each.grant for each in self.grants if each.value in had)


def people_from(
    grants: Sequence[str] = (),
    proxies: Sequence[str] = (),
    *,
    oidc_issuer: str | None = None,
    oidc_client: str | None = None,
    oidc_secret: str = "",
    oidc_claim: str | None = None,
    oidc_audience: str | None = None,
    oidc_ca: Path | None = None,
    oidc_check_seconds: float | None = None,
    proxy_user_header: str | None = None,
    proxy_groups_header: str | None = None,
    public_url: str | None = None,
    session_hours: float | None = None,
) -> PeopleSettings:
    """The settings that options say. Raises UsageError."""
    told = {"claim": oidc_claim, "audience": oidc_audience, "ca": oidc_ca, "check_seconds": oidc_check_seconds}
    given = {name: value for name, value in told.items() if value is not None}
    oidc = OidcSettings(oidc_issuer, oidc_client or "", oidc_secret, **given) if oidc_issuer else None  # type: ignore[arg-type]
    return PeopleSettings(
        grants_from(grants),
        oidc,
        networks_from(proxies),
        proxy_user_header or "",
        proxy_groups_header or "",
        public_url or "",
        **({} if session_hours is None else {"session_seconds": 3600 * session_hours}),
    )


def grants_from(given: Sequence[str]) -> tuple[ClaimGrant, ...]:
    """``VALUE=ROLE[@GALLERY][:FILTER]``, ... as grants. Raises UsageError."""
    return tuple(map(_grant, given))


def _grant(text: str) -> ClaimGrant:
    found = _GRANT.fullmatch(text.strip())
    if found is None or found["role"] not in ROLES:
        raise UsageError(
            f"a grant is VALUE=ROLE, VALUE=ROLE:FILTER or VALUE=ROLE@GALLERY:FILTER, with one of the roles "
            f"{', '.join(ROLES)}; got {text!r}"
        )
    role: Role = found["role"]
    where = (found["where"] or "").strip()
    check_part(where)
    return ClaimGrant(found["value"].strip(), Grant(role, where, found["gallery"] or ""))


def networks_from(given: Sequence[str]) -> tuple[str, ...]:
    """Addresses and networks (10.0.0.5, 10.0.0.0/24, ::1) as networks. Raises UsageError."""
    try:
        return tuple(str(ip_network(text.strip())) for text in given)
    except ValueError:
        raise UsageError(
            f"a trusted proxy is an address or a network such as 10.0.0.5; got {', '.join(given)}"
        ) from None


def is_trusted(address: str, networks: Sequence[str]) -> bool:
    """Whether a connection from an address is a trusted proxy's."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in map(ip_network, networks) if network.version == found.version)


def check_people(settings: PeopleSettings) -> None:
    """Raise UsageError for settings by which nobody could sign in, or anybody could."""
    oidc = settings.oidc
    if oidc is not None and not oidc.client_id:
        raise UsageError("an identity provider needs the name that it knows this service by: --oidc-client ID")
    for name, url in (("--oidc-issuer", oidc.issuer if oidc else ""), ("--public-url", settings.public_url)):
        if url and not is_safe_url(url):
            raise UsageError(f"{name} is an address with https, or http on this machine; got {url!r}")
    if settings.user_header and not settings.trusted_proxies:
        raise UsageError(
            "a header that names who has signed in is believed from a proxy alone: name its address, --trusted-proxy "
            "ADDRESS"
        )
    if settings.known_elsewhere and not settings.grants:
        raise UsageError("say who may do what: --grant VALUE=ROLE, by the values of the claim or of the groups' header")


def is_safe_url(url: str) -> bool:
    """Whether what goes there can be read by nobody on the way."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))
