"""The workers of a cluster: one for each node, or for each of its GPUs, started wherever one lacks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from lookalike.cluster.chunks import Chunk, sent
from lookalike.cluster.connection import ClusterConnection, Node
from lookalike.cluster.worker import Asked, Embedding, Worker
from lookalike.errors import ClusterError, ClusterGoneError
from lookalike.job_steps import log_step, log_warning
from lookalike.readers.events import Event
from lookalike.readers.pool import Known
from lookalike.text import one_line

_IN_FLIGHT: Final = Worker.AT_ONCE + 1  # chunks that a worker has or is sent, so that it never waits for the next one
_LOOKED_EVERY: Final = 2.0  # seconds between looks at which nodes there are
_WITHOUT: Final = 120.0  # seconds without any worker that has begun, after which nothing more is expected
_STARTS: Final = 3  # workers of one place that may end before they have begun
_WAITED: Final = 0.5  # seconds at a time
_GONE: Final = 3  # times that the cluster may go in a row before it has given anything

_Place = tuple[Node, int]  # a node, and the number of its GPU


@dataclass(eq=False)
class _Started:
    """One worker. begun: whether it has loaded what it needs. has: its chunks, by what their results are known by.
    sends: whether it is sent the bytes of files, which it does not see.
    """

    place: _Place
    actor: Any
    begun: bool = False
    sends: bool = False
    has: dict[Any, Chunk] = field(default_factory=dict)

    @property
    def is_reserved(self) -> bool:
        """Whether it has a chunk that is to have it alone."""
        return any(chunk.alone for chunk in self.has.values())


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What became of a chunk. events: None where its worker has ended, or does not see the files."""

    chunk: Chunk
    events: list[Event] | None


class Workers:
    """A cluster's workers; a context manager that stops them. sent: how many files went over the network. gone: how
    often the cluster was gone and came back.
    """

    def __init__(self, connection: ClusterConnection, embedding: Embedding) -> None:
        self._cluster, self._embedding = connection, embedding
        self._started: dict[_Place, _Started] = {}
        self._beginning: dict[Any, _Started] = {}
        self._ended_early: dict[_Place, int] = {}
        self._refused: dict[Node, str] = {}
        self._told: tuple[Known | None, Known | None] = (None, None)
        self._asked: Any = None  # the same, as the cluster keeps it
        self._looked, self._worked = 0.0, time.monotonic()
        self.used: set[Node] = set()
        self.sent = self.gone = 0
        self._gone_in_a_row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in [*self._started.values()]:
            self._end(worker)

    @property
    def refused(self) -> Mapping[Node, str]:
        """The nodes on which no worker could begin, and why."""
        return self._refused

    @property
    def room(self) -> int:
        """How many chunks the workers can have."""
        return _IN_FLIGHT * max(1, sum(worker.begun for worker in self._started.values()))

    def begin_pass(self, known: Known | None, name: Known | None) -> None:
        """Tell all workers, those of later too, what ``Worker.know`` takes; each sees the files until it says not."""
        changed, self._told = (known, name) != self._told, (known, name)
        self._worked = time.monotonic()
        for worker in self._started.values():
            worker.sends = False
        if changed:
            self._tell_all()

    def begin_again(self, gone: ClusterGoneError) -> None:
        """Wait for a cluster that is gone, whose workers have ended: what these had is to be given again. Raises
        ClusterGoneError where it does not come back, or goes again and again.
        """
        self._gone_in_a_row += 1
        if self._gone_in_a_row > _GONE:
            raise gone
        log_warning("the cluster is gone: waiting for its head to be started again")
        self._cluster.connect_again(gone)
        log_step("the cluster is there again")
        for of_workers in (self._started, self._beginning, self._ended_early, self._refused):
            of_workers.clear()
        self.gone += 1
        self._looked, self._worked = 0.0, time.monotonic()
        self._tell_all()

    def _tell_all(self) -> None:
        try:
            self._asked = self._cluster.put(Asked(*self._told))
            for worker in self._started.values():
                if worker.begun:
                    self._tell(worker)
        except ClusterGoneError as gone:
            self.begin_again(gone)

    def give(self, chunk: Chunk, *, whole: bool, reports: bool) -> bool:
        """Give a chunk to the worker that has the fewest; whether one had room."""
        free = [worker for worker in self._started.values() if worker.begun and not worker.is_reserved]
        worker = min(free, key=lambda each: len(each.has), default=None)
        if worker is None or len(worker.has) >= (1 if chunk.alone else _IN_FLIGHT):
            return False
        what = sent(chunk, whole=worker.sends)
        self.sent += len(what.files) if what.whole else 0
        ref = self._cluster.ask(worker.actor, "read", what, whole=whole, reports=reports)
        worker.has[ref] = chunk
        return True

    def answers(self) -> Iterator[GivenBack]:
        """What has come back; waits for a moment where nothing has. Raises ClusterError."""
        self._look()
        having = {ref: worker for worker in self._started.values() for ref in worker.has}
        for ref in self._cluster.wait([*having, *self._beginning], _WAITED):
            if ref in self._beginning:
                self._begin(ref)
            elif ref in having[ref].has:  # its worker has not been given up since
                yield from self._taken(having[ref], ref)

    def _taken(self, worker: _Started, ref: Any) -> Iterator[GivenBack]:
        if (result := self._cluster.get(ref)) is None:
            self._end(worker)
            lost = [*worker.has.values()]
            worker.has.clear()
            for chunk in lost:
                chunk.lost += 1
                yield GivenBack(chunk, None)
            return
        self._gone_in_a_row = 0
        self.used.add(worker.place[0])
        worker.sends |= result.events is None
        yield GivenBack(worker.has.pop(ref), result.events)

    def _look(self) -> None:
        """Start a worker wherever one lacks. Raises ClusterError where there has been none for long."""
        now = time.monotonic()
        if any(worker.begun for worker in self._started.values()):
            self._worked = now
        if now - self._looked < _LOOKED_EVERY:
            return
        self._looked = now
        places = [(node, gpu) for node in self._cluster.nodes() for gpu in range(max(1, node.gpus))]
        open_places = [place for place in places if place[0] not in self._refused]
        for place in open_places:
            if place not in self._started:
                self._start(place)
        if now - self._worked > _WITHOUT or (places and not open_places):
            raise ClusterError(
                f"no node of {self._cluster.address} takes images ({self._why_none()}); what was stored stays, and the "
                "same command goes on from there"
            )

    def _why_none(self) -> str:
        said = [f"{node.address}: {why}" for node, why in self._refused.items()]
        return (
            "; ".join(said) or f"for {_WITHOUT:.0f} s none has had a worker: are they there, and their processors free?"
        )

    def _start(self, place: _Place) -> None:
        actor = self._cluster.actor(Worker, place[0], self._embedding)
        worker = self._started[place] = _Started(place, actor)
        self._beginning[self._cluster.ask(actor, "begin")] = worker

    def _begin(self, ref: Any) -> None:
        worker = self._beginning.pop(ref)
        begun = self._cluster.get(ref)
        if begun is not None and not begun.refused:
            worker.begun = True
            self._tell(worker)
            return
        self._end(worker)
        node = worker.place[0]
        if begun is not None:
            self._refused[node] = one_line(begun.refused)
            return
        self._ended_early[worker.place] = tried = self._ended_early.get(worker.place, 0) + 1
        if tried >= _STARTS:
            self._refused[node] = (
                f"a worker has ended {tried} times before it began: is this version of lookalike there?"
            )

    def _tell(self, worker: _Started) -> None:
        if self._asked is not None:  # its chunks, two of which it reads at once, must find it there
            self._cluster.get(self._cluster.ask(worker.actor, "know", self._asked))

    def _end(self, worker: _Started) -> None:
        self._started.pop(worker.place, None)
        self._beginning = {ref: each for ref, each in self._beginning.items() if each is not worker}
        with suppress(ClusterError):
            self._cluster.kill(worker.actor)
