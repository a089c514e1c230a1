"""Where the audit log lies, the key of its chain, and the head: what its last line is, noted outside of it.

    FOLDER/audit-000000000001.jsonl    lines; a file is named by its first one
    CONFIG/audit/key                   64 hex digits; LOOKALIKE_AUDIT_KEY stands in for it
    CONFIG/audit/HEAD.head             of the log in one folder: the number and the code of its last line

FOLDER is given, else ``$LOOKALIKE_AUDIT_LOG``, else ``CONFIG/audit/log``. Who can write to FOLDER alone can neither
make lines nor cut the last ones off unseen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.atomic import write_atomically
from lookalike.audit_log.chain import Link
from lookalike.errors import UsageError
from lookalike.ownership import config_folder
from lookalike.private_files import changing_files, check_closed
from lookalike.secret_key import is_secret, read_secret
from lookalike.text import absolute

AUDIT_LOG: Final = "LOOKALIKE_AUDIT_LOG"
AUDIT_KEY: Final = "LOOKALIKE_AUDIT_KEY"
OFF: Final = "off"
_HEAD_BYTES: Final = 256  # of one block, so that it is written whole or not at all


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """folder: of the lines. head: the file that says how far they go. key: of the chain."""

    folder: Path
    head: Path
    key: bytes

    def noted_head(self) -> Link | None:
        """Where the chain ended when it was written to last; None where nothing, or nothing sound, is noted."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self.head.read_bytes())
            link = Link(int(found["n"]), str(found["mac"]))
            if hmac.compare_digest(str(found["seal"]), self._seal(link)):
                return link
        return None

    def note_head(self, link: Link) -> None:
        """Note where the chain ends. Raises OSError."""
        text = json.dumps({"n": link.n, "mac": link.mac, "seal": self._seal(link)}).ljust(_HEAD_BYTES - 1) + "\n"
        file = os.open(self.head, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.pwrite(file, text.encode(), 0)
        finally:
            os.close(file)

    def _seal(self, link: Link) -> str:
        return hmac.new(self.key, f"head {link}".encode(), hashlib.sha256).hexdigest()


def audit_place(folder: str | os.PathLike[str] | None = None) -> AuditPlace | None:
    """Where the log lies, its folder and key made where there are none; None where it is off.

    Raises UsageError for a key that is none, GalleryError where the configuration cannot be written to or is open to
    others.
    """
    given = os.fspath(folder) if folder is not None else os.environ.get(AUDIT_LOG, "")
    if given.strip().lower() == OFF:
        return None
    own = config_folder() / "audit"
    place = absolute(given) if given else own / "log"
    key = audit_key()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the audit log cannot be kept in {place} ({error.strerror}); name a folder that may be written to: "
            f"--audit-log FOLDER or {AUDIT_LOG}, or {OFF} to go without"
        ) from None
    digest = hashlib.sha256(os.path.realpath(place).encode("utf-8", "surrogateescape")).hexdigest()
    return AuditPlace(place, own / f"{digest[:16]}.head", key)


def audit_key() -> bytes:
    """The key that the log is chained by, and what is proved with it; made where there is none. Raises UsageError,
    GalleryError.
    """
    return bytes.fromhex(_given_key() or _kept_key(config_folder() / "audit"))


def _given_key() -> str:
    given = os.environ.get(AUDIT_KEY, "").strip().lower()
    if given and not is_secret(given):
        raise UsageError(f"{AUDIT_KEY} must be a key of 64 hex digits")
    return given


def _kept_key(folder: Path) -> str:
    path = folder / "key"
    if not path.exists():
        with changing_files(folder):
            if not path.exists():
                write_atomically(path, f"{secrets.token_hex(32)}\n".encode(), 0o600)
    check_closed(path)
    return read_secret(path)
