"""The connection to an engine. Whatever goes wrong in it is an EngineError of one line."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

from lookalike.configuration.resolve import setting_value
from lookalike.errors import EngineError, MissingExtraError
from lookalike.indexes.milvus.address import EngineAddress

_CONNECTING: Final = 10.0  # seconds
_ANSWERING: Final = 30.0
_NOTE: Final = "lookalike.made_of"  # the property of a collection that says what it was made of

_OPEN: dict[tuple[EngineAddress, str], Any] = {}
_LOCK: Final = threading.Lock()


class EngineConnection:
    """The calls that are needed of Milvus's client, which connects again by itself."""

    def __init__(self, address: EngineAddress) -> None:
        self.address = address

    def call(self, name: str, *given: Any, seconds: float = _ANSWERING, **options: Any) -> Any:
        """A method of the client. Raises EngineError, MissingExtraError."""
        client = self._client()
        try:
            return getattr(client, name)(*given, timeout=seconds, **options)
        except Exception as error:  # its own, gRPC's, and plain ones
            raise self._failed(error) from None

    def note(self, collection: str) -> Mapping[str, Any] | None:
        """What a collection was made of; None where there is no such collection, or nothing is said of it."""
        if not self.call("has_collection", collection):
            return None
        stored = self.call("describe_collection", collection).get("properties", {}).get(_NOTE)
        try:
            found = json.loads(stored or "null")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def put_note(self, collection: str, made_of: Mapping[str, Any]) -> None:
        """Say what a collection was made of."""
        self.call("alter_collection_properties", collection, {_NOTE: json.dumps(dict(made_of), sort_keys=True)})

    def _client(self) -> Any:
        try:
            from pymilvus import MilvusClient
        except ImportError:
            raise MissingExtraError(f"the index engine {self.address.text}", "milvus") from None
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it prints what is raised
        token = setting_value("engine.token") or ""
        with _LOCK:
            if (self.address, token) not in _OPEN:
                where = {"uri": self.address.uri, "db_name": self.address.database}
                try:
                    _OPEN[self.address, token] = MilvusClient(**where, token=token, timeout=_CONNECTING)
                except Exception as error:
                    raise self._failed(error) from None
            return _OPEN[self.address, token]

    def _failed(self, error: Exception) -> EngineError:
        code = getattr(error, "code", None)
        said = f"code {code}" if isinstance(code, int) else type(error).__name__
        return EngineError(
            f"the index engine {self.address.text} gave no answer that can be used ({said}); start it, or see to its "
            "token (LOOKALIKE_ENGINE_TOKEN); LOOKALIKE_ENGINE_FALLBACK=1 answers from an index of the gallery's own "
            "meanwhile"
        )
