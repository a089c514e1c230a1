"""Items are read and encoded by the workers of a cluster; their events come in the items' order, each once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from lookalike.cluster.chunks import Chunk, chunks_of
from lookalike.cluster.connection import ClusterConnection
from lookalike.cluster.worker import Embedding
from lookalike.cluster.workers import Workers
from lookalike.errors import ClusterGoneError
from lookalike.readers.events import Event
from lookalike.readers.pool import Known
from lookalike.types import EncoderSpec, Item, Preprocessing, Refusal, VolumeRecipe

_AHEAD: Final = 2  # times what the workers can have: read and waiting for an earlier chunk, or not given yet
_TOGETHER: Final = 2  # workers that may end with a chunk before its items are tried one by one
_ALONE: Final = 2  # workers that may end with one item alone: nodes do end, but not twice with the same one


NO_AUTHENTICATION: Final = (
    "whoever reaches a Ray cluster can run programs on its nodes and see the pictures that they are given: keep it in "
    "a network of its own, with Ray's tokens (docs/ray.md)"
)


@contextmanager
def readers_on(address: str, spec: EncoderSpec, volumes: VolumeRecipe, *, patches: bool) -> Iterator[ClusterReaders]:
    """The readers of a cluster, with an encoder in each worker. patches: whether frames bear patches, too.

    Raises ClusterError, MissingExtraError, UsageError.
    """
    embedding = Embedding(spec.name, spec.identity, volumes, patches)
    with ClusterConnection(address) as connection, Workers(connection, embedding) as workers:
        yield ClusterReaders(workers, spec.preprocessing, volumes)


class ClusterReaders:
    """What a ``ReaderPool`` offers, with frames that bear their vectors."""

    def __init__(self, workers: Workers, recipe: Preprocessing, volumes: VolumeRecipe) -> None:
        self._workers, self.recipe, self.volumes = workers, recipe, volumes

    def read(
        self,
        items: Iterable[Item],
        known: Known | None = None,
        *,
        whole: bool = False,
        reports: bool = False,
        name: Known | None = None,
    ) -> Iterator[Event]:
        """As ``ReaderPool.read``. Raises ClusterError. An item with which workers end again and again is refused; where
        the cluster itself goes, what has not come back is given again once it is there.
        """
        self._workers.begin_pass(known, name)
        row = _Row(chunks_of(items))
        while row.fill(_AHEAD * self._workers.room):
            yield from row.take_first()
            try:
                self._give_and_take(row, whole=whole, reports=reports)
            except ClusterGoneError as gone:
                self._workers.begin_again(gone)
                row.give_again()

    def _give_and_take(self, row: _Row, *, whole: bool, reports: bool) -> None:
        for chunk in [*row.to_give]:
            if not self._workers.give(chunk, whole=whole, reports=reports):
                break
            row.to_give.remove(chunk)
        for answer in self._workers.answers():
            row.note(answer.chunk, answer.events)

    @property
    def notes(self) -> list[str]:
        """Where the images were encoded, and what kept others from it."""
        refused, sent, gone = self._workers.refused, self._workers.sent, self._workers.gone
        used = sorted({node.address for node in self._workers.used})  # its head started again, a node is another one
        notes = [f"encoded on {len(used)} node{'s' * (len(used) > 1)}: {', '.join(used)}"] if used else []
        notes += [f"the cluster was gone {gone} time{'s' * (gone > 1)}, and came back"] if gone else []
        notes += [f"{sent} files were sent to nodes that do not see them at their path"] if sent else []
        return notes + [f"the node {node.address} took no images: {why}" for node, why in refused.items()]


@dataclass
class _Row:
    """Chunks in their order, from the first that has not come back. to_give: those that nobody has."""

    coming: Iterator[Chunk]
    chunks: list[Chunk] = field(default_factory=list)
    to_give: deque[Chunk] = field(default_factory=deque)

    def fill(self, count: int) -> bool:
        """Have so many chunks; whether there are any left."""
        while len(self.chunks) < count and (chunk := next(self.coming, None)) is not None:
            self.chunks.append(chunk)
            self.to_give.append(chunk)
        return bool(self.chunks)

    def take_first(self) -> Iterator[Event]:
        """The events of the first chunks, as far as they have come back."""
        while self.chunks and (events := self.chunks[0].events) is not None:
            del self.chunks[0]
            yield from events

    def note(self, chunk: Chunk, events: list[Event] | None) -> None:
        """What came back of a chunk; None: it is to be given again."""
        if events is None and chunk.lost >= (_ALONE if chunk.alone else _TOGETHER):
            if not chunk.alone:
                self._one_by_one(chunk)
                return
            events = [Refusal(item.name, "decoder-crash") for item in chunk.items]
        chunk.events = events
        if events is None:
            self.to_give.appendleft(chunk)

    def give_again(self) -> None:
        """All that has not come back is to be given again."""
        self.to_give = deque(chunk for chunk in self.chunks if chunk.events is None)

    def _one_by_one(self, chunk: Chunk) -> None:
        alone = [Chunk((item,), alone=True) for item in chunk.items]
        at = self.chunks.index(chunk)
        self.chunks[at : at + 1] = alone
        self.to_give.extendleft(reversed(alone))
