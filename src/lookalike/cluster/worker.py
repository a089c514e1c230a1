"""What runs on a node: decoding processes, confined as ever, and the encoder, loaded once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from lookalike import encoders
from lookalike.cluster.chunks import SentChunk, SentFile, seen_here
from lookalike.errors import LookalikeError
from lookalike.readers.burned_in import check_reader_of_text
from lookalike.readers.events import Event, Finished, Frame
from lookalike.readers.grouping import SliceFile
from lookalike.readers.pool import Known, ReaderPool
from lookalike.scratch import Scratch
from lookalike.sources.encoded_volumes import encode_frames, frames_at_once
from lookalike.text import file_name
from lookalike.types import Item, VolumeRecipe

_ENCODED: Final = np.empty(0, np.uint8)  # in the place of an input that is needed no longer


@dataclass(frozen=True, slots=True)
class Embedding:
    """What every worker is told. encoder: its name; identity: by what its vectors are compared (``EncoderSpec``).
    version: of this package.
    """

    encoder: str
    identity: Mapping[str, str]
    volumes: VolumeRecipe
    patches: bool
    version: str = field(default_factory=lambda: version("lookalike"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What need not be decoded, and of what is to be told who it is, as ``ReaderPool.read`` takes it."""

    known: Known | None
    name: Known | None


@dataclass(frozen=True, slots=True)
class Begun:
    """refused: why a worker cannot take anything, or ""."""

    refused: str


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """What was read of a chunk, its frames encoded. None: the worker does not see its files as the driver does."""

    events: list[Event] | None


class Worker:
    """The actor of a node. processes: how many decode. Nothing is loaded before ``begin``, which says what fails."""

    AT_ONCE: Final = 2
    """Chunks that it has in hand: one is decoded while another one is encoded."""

    def __init__(self, embedding: Embedding, processes: int) -> None:
        self._embedding, self._processes = embedding, processes
        self._asked = Asked(None, None)
        self._encoding = threading.Lock()

    def begin(self) -> Begun:
        """Load the encoder and have the decoding processes."""
        return Begun(self._begin())

    def _begin(self) -> str:
        told = self._embedding
        if told.version != (here := version("lookalike")):
            return f"it has lookalike {here}, and this machine {told.version}"
        try:
            check_reader_of_text(told.volumes.burned_in)
            self._encoder = encoders.load(told.encoder)
        except LookalikeError as error:
            return str(error)
        if self._encoder.spec.identity != told.identity:
            return f"its encoder {told.encoder!r} is another one than the gallery's"
        self._pool = ReaderPool(self._encoder.spec.preprocessing, self._processes, told.volumes)
        return ""

    def know(self, asked: Asked) -> None:
        """What all chunks from now on are read by."""
        self._asked = asked

    def read(self, chunk: SentChunk, *, whole: bool, reports: bool) -> ReadChunk:
        """Read a chunk."""
        if not chunk.whole:
            return ReadChunk(self._read(chunk.items, whole, reports) if all(map(_is_seen, chunk.files)) else None)
        with _placed(chunk.files) as places:
            items = tuple(_moved(item, places) for item in chunk.items)
            events = self._read(items, whole, reports)
        paths = {each(place): each(path) for path, place in places.items() for each in (str, file_name)}
        return ReadChunk([_told_of(event, paths) for event in events])

    def _read(self, items: tuple[Item, ...], whole: bool, reports: bool) -> list[Event]:
        known, name = self._asked.known, self._asked.name
        events: list[Event] = []
        waiting: list[int] = []
        for event in self._pool.read(items, known, whole=whole, reports=reports, name=name):
            if isinstance(event, Frame):
                waiting.append(len(events))
            events.append(event)
            if len(waiting) >= frames_at_once(self._encoder.spec):
                self._encode(events, waiting)
        if waiting:
            self._encode(events, waiting)
        return events

    def _encode(self, events: list[Event], waiting: list[int]) -> None:
        """Encode the frames at these places, and let go of their pixels."""
        frames = [event for at in waiting if isinstance(event := events[at], Frame)]
        with self._encoding:
            encoded = list(encode_frames(self._encoder, frames, patches=self._embedding.patches))
        for at, (frame, vector, patches) in zip(waiting, encoded, strict=True):
            events[at] = replace(frame, input=_ENCODED, vector=vector, patches=patches)
        waiting.clear()


def _is_seen(file: SentFile) -> bool:
    """Whether a file is here what it is to the driver: of the same size, and changed at the same moment."""
    return seen_here(file.path) == file.seen and not (file.seen is None and os.path.lexists(file.path))


@contextmanager
def _placed(files: tuple[SentFile, ...]) -> Iterator[Mapping[str, str]]:
    """Where the bytes of files lie on this machine, by their paths on the driver's; each folder is one here, too."""
    with Scratch("sent") as scratch:
        folders: dict[str, Path] = {}
        places = {}
        for file in files:
            folder, name = os.path.split(file.path)
            there = folders.setdefault(folder, scratch.folder / str(len(folders)))
            there.mkdir(exist_ok=True)
            places[file.path] = str(there / name)
            if file.content is not None:
                (there / name).write_bytes(file.content)
            elif file.broken_link:
                (there / name).symlink_to("nothing")
        yield places


def _moved(item: Item, places: Mapping[str, str]) -> Item:
    """An item whose files lie at other places; what was named as a mask's images, and is not there, is none."""
    beside = tuple(places[file] for file in item.beside if file in places)
    return replace(item, files=tuple(places[file] for file in item.files), beside=beside)


def _told_of(event: Event, paths: Mapping[str, str]) -> Event:
    """An event of a file that was moved, as one of its place on the driver's machine."""
    if isinstance(event, Frame | Finished | SliceFile):
        return replace(event, file=paths.get(event.file, event.file))
    return event
