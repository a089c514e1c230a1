"""Ask a lookalike service over HTTP with Python's own library alone: for programs that bring their own Python."""

from __future__ import annotations

import hashlib
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_API = "/api/v1"
_PATIENCE = 300.0  # seconds: a volume takes some to be encoded


class ServiceError(Exception):
    """The service gave no answer, or said why not."""


@dataclass(frozen=True)
class Service:
    """url: of the service, or of one of its galleries. key: of ``lookalike keys add``, "" where it asks for none."""

    url: str
    key: str = ""

    def about(self) -> dict[str, Any]:
        """The gallery: name, number of records, encoder."""
        return self._ask("/gallery")

    def search(
        self, files: Sequence[str | Path] = (), *, text: str = "", k: int = 12, where: str = ""
    ) -> list[dict[str, Any]]:
        """The k records most like a picture, or a volume of several files, a text, or both. Each hit has ``id``,
        ``score`` (cosine), ``percentile``, ``labels``, ``source`` (the file's name) and what is known beside.
        """
        query: dict[str, Any] = {"text": text} if text else {}
        if files:
            upload = self._upload(files)
            query["volume" if upload["kind"] == "volume" else "image"] = upload["id"]
        body = {"query": query, "k": k, **({"where": where} if where else {})}
        hits: list[dict[str, Any]] = self._ask("/search", json.dumps(body).encode(), "application/json")["hits"]
        return hits

    def labels(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """The labels of those records that the gallery holds, by their ids."""
        found = {}
        for each in ids:
            try:
                found[each] = list(self._ask(f"/records/{urllib.parse.quote(each)}")["labels"])
            except NoRecordError:
                continue
        return found

    def _upload(self, files: Sequence[str | Path]) -> dict[str, Any]:
        end = secrets.token_hex(16)
        parts = [part for number, file in enumerate(files) for part in _part(Path(file), number, end)]
        found: dict[str, Any] = self._ask(
            "/uploads", b"".join([*parts, f"--{end}--\r\n".encode()]), f"multipart/form-data; boundary={end}"
        )
        return found

    def _ask(self, path: str, body: bytes | None = None, kind: str = "") -> Any:
        request = urllib.request.Request(self.url.rstrip("/") + _API + path, body)
        if not request.full_url.startswith(("http://", "https://")):
            raise ServiceError(f"the address of a service begins with http:// or https://, got {self.url!r}")
        for name, value in {"Content-Type": kind, "Authorization": self.key and f"Bearer {self.key}"}.items():
            if value:
                request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise (NoRecordError if error.code == 404 else ServiceError)(_told(error)) from None
        except OSError as error:
            raise ServiceError(f"no service answers at {self.url}: {getattr(error, 'reason', error)}") from None


class NoRecordError(ServiceError):
    """The service has no such record."""


def _told(error: urllib.error.HTTPError) -> str:
    """What the service says in its problem document, or the status alone."""
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the service answered with status {error.code}"


def _part(file: Path, number: int, end: str) -> list[bytes]:
    """One file of a multipart body, under a name that tells nothing but its kind."""
    name = f"{number:05}{''.join(file.suffixes[-2:])}".replace('"', "")
    head = f'--{end}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    return [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), file.read_bytes(), b"\r\n"]


def record_id(file: str | Path, frame: int = 0) -> str:
    """The id that the picture of a file has in every gallery: of its content alone."""
    sha256 = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return hashlib.sha256(f"{sha256}:{frame}".encode()).hexdigest()[:16]


def votes(hits: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of the hits that bear each label, the most frequent first."""
    counts = Counter(label for hit in hits for label in hit["labels"])
    return {label: count / len(hits) for label, count in counts.most_common()}
