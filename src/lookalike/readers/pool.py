"""Decode files in killable processes, one per core, with results in order.

A thread drives each process: it sends a path, waits no longer than the limits allow, and has a new child forked
when one dies or takes too long. A child may open the files of one item, or of a few small ones in a row. Memory
stays bounded: a file with many frames is passed on frame by frame, and only a few files are read ahead of the one
that is being consumed.
"""

from __future__ import annotations

import itertools
import json
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lookalike.errors import UnreadableImageError
from lookalike.machine import usable_processors
from lookalike.readers import named_as_volume
from lookalike.readers.events import Event, Finished, Frame, ReportRead, file_identity_of, frame_of_message
from lookalike.readers.geometry import series_part_of
from lookalike.readers.grouping import SliceFile
from lookalike.readers.limits import seconds_of_decoding, seconds_of_frame
from lookalike.readers.pairs import files_of
from lookalike.readers.process import Deadline, Process, seconds_of_reading
from lookalike.readers.zygote import NAME, SKIP
from lookalike.text import file_name, plain_text
from lookalike.types import Item, Preprocessing, Refusal, SetApart, VolumeRecipe

_AHEAD: Final = 8  # files that each process may read ahead
_TOGETHER: Final = 64  # small items in a row whose files a child may open
_FRAMES_AHEAD: Final = 64  # frames of one file that may be queued
_DETAIL: Final = 600  # characters
_SUSPECT: Final = ("decoder-crash", "out-of-memory", "not-readable")

Known = Callable[[str], bool]
_Events = queue.Queue[Event | Exception]  # an exception is raised where the events are consumed


@dataclass(frozen=True, slots=True)
class _Admitted:
    """The files that a child may open. alone: they are those of one item."""

    files: tuple[str, ...]
    alone: bool

    @property
    def heavy(self) -> bool:
        """Whether the libraries of volumes are needed, by the names of the files."""
        return any(named_as_volume(Path(file)) for file in self.files)

    @property
    def small(self) -> bool:
        return len(self.files) == 1 and not self.heavy


@dataclass(frozen=True, slots=True)
class _Task:
    """A process's task: to read the files of one item. together: what is admitted for this and its neighbours."""

    name: str
    files: tuple[str, ...]
    events: _Events
    whole: bool
    reports: bool
    beside: tuple[str, ...]
    own: _Admitted
    together: _Admitted


_Tasks = queue.SimpleQueue[_Task | None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is known, and of which of it is to be told who it is, by SHA-256."""

    known: Known | None
    name: Known | None

    def answer(self, sha256: str) -> bytes:
        """What a process is told of content; b"" where it does not ask."""
        if self.known is None:
            return b""
        if not self.known(sha256):
            return b"go"
        return NAME if self.name is not None and self.name(sha256) else SKIP


class ReaderPool:
    """Decoding processes that live as long as the pool is open; a context manager.

    recipe: how pictures are prepared; volumes: how volumes are sliced.
    """

    def __init__(self, recipe: Preprocessing, workers: int | None = None, volumes: VolumeRecipe | None = None) -> None:
        self.recipe, self.volumes = recipe, volumes or VolumeRecipe()
        self._recipe, self._volumes = recipe.to_json(), asdict(self.volumes)
        self._ahead = _AHEAD if recipe.volume is None else 1  # whole volumes are large
        self._workers = workers or usable_processors()
        self._idle: queue.SimpleQueue[Process] = queue.SimpleQueue()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the processes."""
        self._closed.set()
        while not self._idle.empty():
            self._idle.get().kill()

    def read(
        self,
        items: Iterable[Path | str | Item],
        known: Known | None = None,
        *,
        whole: bool = False,
        reports: bool = False,
        name: Known | None = None,
    ) -> Iterator[Event]:
        """The events of each file or item, in order: its frames and Finished, or a Refusal.

        known: called with the SHA-256 of a file's bytes; True skips decoding; None: nothing is skipped, which
        saves a round trip a file. name: called with the SHA-256 of known content; True has its Finished say who it is.
        A file that breaks after some good frames gives these frames and a Refusal.
        A volume gives its slices, as views of one frame.
        whole: a file that holds slices of a series is not read but gives a SliceFile, be it known or not; the items
        made of all of them are to be read once they are known (as ``sources.reading`` does). What is no image gives a
        SetApart. reports: one that is a report gives its words before that.
        """
        tasks: _Tasks = queue.SimpleQueue()
        pending: deque[_Events] = deque()
        stop = threading.Event()
        asked = _Asked(known, name)
        threads = [
            threading.Thread(target=self._serve, args=(tasks, asked, stop), daemon=True) for _ in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        try:
            for task in _tasks(items, whole, reports):
                tasks.put(task)
                pending.append(task.events)
                if len(pending) >= self._ahead * self._workers:
                    yield from _drain(pending.popleft())
            while pending:
                yield from _drain(pending.popleft())
        finally:
            stop.set()
            for _ in threads:
                tasks.put(None)
            for thread in threads:
                thread.join()

    def _serve(self, tasks: _Tasks, known: _Asked, stop: threading.Event) -> None:
        process: Process | None = None
        while (task := tasks.get()) is not None and not stop.is_set():
            sink = _Sink(task.events, stop)
            try:
                process = self._read_one(process or self._take(), task, sink, known)
            except Exception as error:  # no process can be started: the consumer must learn of it
                process = None
                sink.put(error)
        if process is not None:
            self._give_back(process)

    def _take(self) -> Process:
        """An idle process, or a new one: a single file needs only one process, however many cores there are."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return Process()

    def _give_back(self, process: Process) -> None:
        if self._closed.is_set():
            process.kill()
        else:
            process.stop()
            self._idle.put(process)

    def _read_one(self, process: Process, task: _Task, sink: _Sink, known: _Asked) -> Process:
        """Read one file; returns the process to go on with."""
        if process.admitted != task.together:
            process = _admitting(process, task.together)
        reason, detail = self._attempt(process, task, sink, known)
        if reason in _SUSPECT and process.served > 1 and not sink.passed:
            # An earlier file may have damaged this child, or this one may be another since it was admitted: try a new
            # child before blaming the file.
            process = _admitting(process, task.own)
            reason, detail = self._attempt(process, task, sink, known)
        if reason is not None:
            sink.put(Refusal(task.name, reason, detail))
        if reason in ("decoder-crash", "timeout", "stopped"):
            process.stop()
        return process

    def _attempt(self, process: Process, task: _Task, sink: _Sink, known: _Asked) -> tuple[str | None, str]:
        """A reason code, or None if all went well; and a detail."""
        try:
            return self._exchange(process, task, sink, known), ""
        except UnreadableImageError as error:
            return error.reason, plain_text(error.detail, _DETAIL)
        except Exception:  # a broken decoder may have sent anything
            return "decoder-crash", ""

    def _exchange(self, process: Process, task: _Task, sink: _Sink, known: _Asked) -> str | None:
        """The exchange of messages for one file. Returns a reason code, or None if all went well; raises
        UnreadableImageError with the process's reason."""
        burned_in = self.volumes.burned_in
        seconds = seconds_of_decoding(len(task.files), burned_in)
        reading = sum(map(seconds_of_reading, task.files))
        deadline = Deadline(seconds, reading)
        send, name, file, sha256 = process.send, task.name, file_name(task.files[0]), ""
        process.served += 1
        request = {
            "files": task.files,
            "beside": task.beside,
            "admitted": task.own.files,
            "whole": task.whole,
            "reports": task.reports,
            "ask": known.known is not None,
            "recipe": self._recipe,
            "volumes": self._volumes,
            "seconds": seconds,
            "reading": reading,
        }
        send(json.dumps(request).encode())
        while (message := process.receive(deadline)) is not None:
            head = message.index(b"\n")
            header = json.loads(message[:head])
            if header["kind"] == "digest":
                sha256 = header["sha256"]
                deadline = Deadline(seconds)
                answer = known.answer(sha256)
                if answer:
                    send(answer)
                if answer == SKIP:
                    return None if sink.put(Finished(name, sha256, known=True, file=file)) else "stopped"
            elif header["kind"] in ("frame", "report"):
                waited = time.monotonic()
                if not sink.put(_part(name, file, sha256, header, memoryview(message)[head + 1 :])):
                    return "stopped"
                deadline.prolong(seconds_of_frame(burned_in), time.monotonic() - waited)
            elif header["kind"] == "refused":
                raise UnreadableImageError(header["reason"], str(header.get("detail", "")))
            else:
                return None if sink.put(_end(task, file, sha256, header)) else "stopped"
        return "timeout"


def _end(task: _Task, file: str, sha256: str, header: dict[str, Any]) -> Event:
    """What a message brings with which a file ends."""
    if header["kind"] == "slice":
        part = series_part_of(header["part"])
        return SliceFile(task.name, task.files[0], header["sha256"], header["size"], part)
    if header["kind"] == "apart":
        return SetApart(task.name, plain_text(header["what"]))
    if header["kind"] == "named":
        said = file_identity_of(header["named"])
        return Finished(task.name, sha256, known=True, file=file, named=said)
    return Finished(task.name, sha256, file=file)


def _part(name: str, file: str, sha256: str, header: dict[str, Any], data: memoryview) -> Frame | ReportRead:
    """What a message brings of a file that goes on."""
    if header["kind"] == "report":
        return ReportRead(name, str(header["study"]), str(header["text"]))
    return frame_of_message(name, file, sha256, header, data)


class _Sink:
    """A bounded queue that stops blocking once its consumer is gone."""

    def __init__(self, events: _Events, stop: threading.Event) -> None:
        self._events, self._stop = events, stop
        self.passed = False  # whether a frame has been passed on

    def put(self, event: Event | Exception) -> bool:
        while not self._stop.is_set():
            try:
                self._events.put(event, timeout=0.2)
            except queue.Full:
                continue
            self.passed = True
            return True
        return False


def _admitting(process: Process, admitted: _Admitted) -> Process:
    """The process with a new child; another process if this one has died."""
    try:
        process.admit(admitted.files, admitted, alone=admitted.alone, heavy=admitted.heavy)
    except OSError:
        process.kill()
        process = Process()
        process.admit(admitted.files, admitted, alone=admitted.alone, heavy=admitted.heavy)
    return process


def _tasks(items: Iterable[Path | str | Item], whole: bool, reports: bool) -> Iterator[_Task]:
    """The tasks of items in their order. Small ones are admitted together, since forking takes as long as reading."""
    made = (_task(item, whole, reports) for item in items)
    while some := list(itertools.islice(made, _TOGETHER)):
        files = tuple(task.files[0] for task in some if task.own.small)
        together = _Admitted(files, alone=len(files) == 1)
        yield from (replace(task, together=together) if task.own.small else task for task in some)


def _task(item: Path | str | Item, whole: bool, reports: bool) -> _Task:
    files = item.files if isinstance(item, Item) else tuple(map(str, files_of(Path(item))))
    name = item.name if isinstance(item, Item) else file_name(item)
    beside = item.beside if isinstance(item, Item) else ()
    own = _Admitted(files_to_open(Item(name, files, beside=beside)), alone=True)
    return _Task(name, files, queue.Queue(_FRAMES_AHEAD), whole, reports, beside, own, own)


def files_to_open(item: Item) -> tuple[str, ...]:
    """The files that a child may open to read an item: its own, and those that it may be the mask of."""
    return (*item.files, *(str(half) for file in item.beside for half in files_of(Path(file))))


def _drain(events: _Events) -> Iterator[Event]:
    while True:
        event = events.get()
        if isinstance(event, Exception):
            raise event
        yield event
        if not isinstance(event, Frame | ReportRead):
            return
