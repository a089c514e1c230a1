"""Who may send, how much and how slowly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from lookalike.errors import UsageError
from lookalike.text import quoted

MOST_PDU: Final = 1 << 17  # bytes of a PDU's variable field that are offered to peers; dcmtk sends no more
MOST_FIRST_PDU: Final = 1 << 16  # of an A-ASSOCIATE-RQ: 128 contexts with ten transfer syntaxes take 36 kB
MOST_COMMAND: Final = 1 << 14  # of a command set
WAITING_PEERS: Final = 256  # connections whose first PDU is not there yet
REFUSALS: Final[dict[str, str]] = {
    "address": "the peer's address is not allowed (--allow)",
    "calling-aet": "the peer's AE title is not allowed from its address (--allow)",
    "called-aet": "the peer called another AE title than this one's (--aet)",
    "no-context": "nothing was proposed that is stored here",
    "busy": "too many associations at once, or too many connections that say nothing",
    "late": "no association request came in time",
    "idle": "the association was silent for too long (--idle)",
    "slow": "a message came too slowly",
    "not-dicom": "what came is no PDU, or one that is too long",
    "protocol": "PDUs or messages that do not fit together",
    "aborted": "the peer aborted, or was gone, in the middle of a message",
    "tls": "no TLS connection came about, or none with a certificate that is trusted",
    "no-room": "the inbox or the disk is full (--quota-gb); the peer was told A700",
    "too-large": "an object above the limit (--max-object-mb); the peer was told A700",
    "not-storable": "a store request without a usable instance UID, or of another class than was agreed",
    "no-memory": "the receiver's memory limit was reached",
}
"""Why a connection or an object was refused, as it is counted."""

_TITLE: Final = re.compile(r"[ -\[\]-~]{1,16}")  # PS3.5 6.2, AE: no backslash, no control characters
_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. first: for the association request, with TLS's handshake. idle: of silence between messages. grace: by
    which a message may come later than at ``rate`` bytes a second, and of silence within one.
    """

    first: float = 5.0
    idle: float = 8.0
    grace: float = 8.0
    rate: int = 4096


@dataclass(frozen=True, slots=True)
class AllowedPeer:
    """A peer: its network, and its AE title, "" for any."""

    network: str
    title: str = ""

    def holds(self, address: str) -> bool:
        """Whether an address lies in the network."""
        return _unmapped(address) in ip_network(self.network)


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """aet: the AE title that peers must call. allow: peers that may send; empty: any of this machine. tls_ca: whose
    certificates peers must have. associations: at the same time, half of them from one address. most_object: bytes of
    an object. quota: bytes that may wait in the inbox.
    """

    aet: str = "LOOKALIKE"
    allow: tuple[AllowedPeer, ...] = ()
    tls_cert: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    associations: int = 64
    most_object: int = 1 << 30
    quota: int = 20 << 30
    deadlines: Deadlines = field(default_factory=Deadlines)

    def __post_init__(self) -> None:
        check_title(self.aet)
        if bool(self.tls_cert) != bool(self.tls_key) or (self.tls_ca and not self.tls_cert):
            raise UsageError("TLS takes a certificate and its key: --tls-cert and --tls-key; --tls-ca goes with them")

    @property
    def peers(self) -> tuple[AllowedPeer, ...]:
        """Who may send."""
        return self.allow or tuple(map(AllowedPeer, _LOOPBACK))

    def admits(self, address: str, title: str | None = None) -> bool:
        """Whether a peer may connect from an address; with a title, whether it may associate by that."""
        return any(each.holds(address) and title in (None, each.title or title) for each in self.peers)


def settings_of(fields: dict[str, object]) -> ReceiverSettings:
    """The inverse of ``dataclasses.asdict``, also after a round trip through JSON."""
    given: dict[str, object] = dict(fields)
    given["allow"] = tuple(AllowedPeer(**each) for each in fields["allow"])  # type: ignore[attr-defined]
    given["deadlines"] = Deadlines(**fields["deadlines"])  # type: ignore[arg-type]
    return ReceiverSettings(**given)  # type: ignore[arg-type]


def allowed_peers(texts: Iterable[str]) -> tuple[AllowedPeer, ...]:
    """The peers that texts name: an address or a network, with an AE title before an ``@`` or without.

    Raises UsageError.
    """
    return tuple(map(_allowed, texts))


def check_title(title: str) -> None:
    """Raise UsageError unless a text is an AE title."""
    if not _TITLE.fullmatch(title) or not title.strip():
        raise UsageError(f"an AE title has 1 to 16 characters and no backslash, got {quoted(title)!r}")


def is_loopback(address: str) -> bool:
    """Whether an address is of this machine alone. Raises UsageError for what is no address."""
    try:
        return _unmapped(address).is_loopback
    except ValueError:
        raise UsageError(f"{quoted(address)!r} is no address; give one of this machine, or 0.0.0.0 for all") from None


def _allowed(text: str) -> AllowedPeer:
    title, at, network = text.rpartition("@")
    if at:
        check_title(title)
    return AllowedPeer(str(_network(network, text)), title.strip())


def _network(text: str, given: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise UsageError(
            f"{quoted(given)!r} names no peer; give an address or a network, with an AE title before it if only that "
            "may send: 10.1.2.3, 10.1.2.0/24, MODALITY1@10.1.2.3"
        ) from None


def _unmapped(address: str) -> IPv4Address | IPv6Address:
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
