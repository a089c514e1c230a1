"""The index engine that a gallery names: whether it is asked, and who answers while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from typing import Final

from lookalike.configuration.resolve import setting_value
from lookalike.errors import EngineError
from lookalike.indexes import FilteringIndex
from lookalike.indexes.milvus.address import EMBEDDED, engine_address
from lookalike.indexes.milvus.connection import EngineConnection
from lookalike.indexes.milvus.spaces import EngineSpaces
from lookalike.store import Store
from lookalike.store.facts import ENGINE

_AWAY: Final = 15.0  # seconds after which an engine that gave no answer is asked again, where another index may answer


class GalleryEngine:
    """store: of the gallery. filling: the turn of who fills the engine."""

    def __init__(self, store: Store, filling: Callable[[], AbstractContextManager[None]]) -> None:
        self._store, self._filling = store, filling
        self._spaces: EngineSpaces | None = None
        self._address: tuple[int, str] | None = None
        self._away_since: float | None = None

    @property
    def address(self) -> str:
        """The address of the index engine that answers; "" where the indexes are the gallery's own. A gallery of
        somebody else's asks no engine: whoever made it could name one of his own.
        """
        changes, held = self._store.changes(), self._address
        if held is None or held[0] != changes:
            self._address = held = changes, self.named if self._store.identity.owned else ""
        return held[1]

    @property
    def named(self) -> str:
        """The address that the gallery names, whether it is asked or not."""
        return self._store.noted(ENGINE)

    @property
    def is_away(self) -> bool:
        """Whether the gallery's own index answered last, in its place."""
        return self._away_since is not None

    @property
    def spaces(self) -> EngineSpaces | None:
        """The spaces in the engine; None where there is none."""
        return self._spaces_at(address) if (address := self.address) else None

    def spaces_or_refused(self) -> EngineSpaces:
        """The spaces in the engine. Raises UsageError where there is none."""
        return self._spaces_at(engine_address(self.address).text)

    def count(self, ids: Collection[str]) -> int | None:
        """How many vectors of some records it gives, in whichever space; None where there is no engine.

        Raises EngineError.
        """
        return None if (spaces := self.spaces) is None else spaces.count_of(ids)

    def leave(self, error: EngineError) -> None:
        """Let the gallery's own index answer for a while. Raises the error unless the configuration says so."""
        if not setting_value("engine.fallback"):
            raise error
        self._away_since = time.monotonic()

    def name(self, address: str) -> None:
        """Let another index engine answer from now on, or the gallery's own indexes (``EMBEDDED``).

        Raises UsageError.
        """
        named = "" if address == EMBEDDED else engine_address(address).text
        if self.named != named:
            if former := self.address:
                with suppress(EngineError):  # it may be gone
                    self._spaces_at(former).keep_only(())
            self._store.note(ENGINE, named)

    def index(self, of: Callable[[EngineSpaces], FilteringIndex]) -> FilteringIndex | None:
        """An index of its spaces; None where the gallery's own is to answer. Raises EngineError as ``leave``."""
        if not (address := self.address):
            self._away_since = None
            return None
        since = self._away_since
        if since is not None and time.monotonic() - since < _AWAY and setting_value("engine.fallback"):
            return None
        try:
            found = of(self._spaces_at(address))
        except EngineError as error:
            self.leave(error)
            return None
        self._away_since = None
        return found

    def _spaces_at(self, address: str) -> EngineSpaces:
        if self._spaces is None or self._spaces.connection.address.text != address:
            connection = EngineConnection(engine_address(address))
            self._spaces = EngineSpaces(connection, self._store, self._filling)
        return self._spaces
