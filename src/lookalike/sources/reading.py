"""Read the items of sources in one pass: new ones are fetched and read, files that are slices as volumes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.pixels import fitted, from_array, picture, thumbnail
from lookalike.readers.events import Event, Finished, Frame
from lookalike.readers.grouping import SliceFile
from lookalike.readers.pairs import files_of, may_be_half
from lookalike.readers.pool import Known, ReaderPool
from lookalike.readers.prepared import prepared_views
from lookalike.slices import cut, volume_input
from lookalike.sources.as_read import ItemsRead, events_of
from lookalike.sources.fetching import fetching
from lookalike.sources.files import REPEATED, FileSource
from lookalike.sources.kinds import kind_beside
from lookalike.sources.masks import ImagesBeside, is_mask
from lookalike.sources.published_vectors import frames_of_vectors
from lookalike.sources.source import Source
from lookalike.sources.volumes import PartsOfSeries, SeriesInParts, slice_copies, volume_items
from lookalike.store.fetched import FetchedFile
from lookalike.text import file_name
from lookalike.types import Displayed, EncoderSpec, Image, Item, Preprocessing, Refusal, SetApart, VolumeRecipe

DATA: Final = "data of a header"
"""The kind of a file that another file is the header of."""

_PICTURES: Final = 20  # read of a folder before it is said to be no series


_TAKEN_BY_NONE: Final = ("not-an-image", "empty-file", "archive", "other-format")


class Readers(Protocol):
    """What reads the files of items: decoding processes of this machine (``ReaderPool``), or of others (``cluster``).
    recipe: how pictures are prepared; volumes: how volumes are sliced.
    """

    recipe: Preprocessing
    volumes: VolumeRecipe

    def read(
        self,
        items: Iterable[Item],
        known: Known | None = None,
        *,
        whole: bool = False,
        reports: bool = False,
        name: Known | None = None,
    ) -> Iterator[Event]:
        """As ``ReaderPool.read``; frames may bear the vectors that were made of them."""
        ...


class KnownItems(Protocol):
    """The items that need not be read again."""

    @property
    def files(self) -> set[str]:
        """The SHA-256 of the bytes of files and series."""
        ...

    @property
    def unnamed(self) -> set[str]:
        """The SHA-256 of known content that is to be told by its files who it is."""
        ...

    def part(self, sha256: str, frame: int) -> bool:
        """Whether one picture of a file of arrays is known."""
        ...

    def item(self, item: Item) -> Sequence[tuple[str, str]]:
        """(source, SHA-256) of everything made from an item; none if it must be fetched. The SHA-256 is "" where what
        it consists of is there by another way.
        """
        ...

    def refusals(self, item: Item) -> Sequence[Refusal]:
        """Why an item was refused in an earlier run, if fetching it again would bring nothing new."""
        ...

    def as_read(self, item: Item) -> Sequence[FetchedFile]:
        """What was read of an item in this version; none if it must be fetched."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """The contents of sources: every item once, with its source. apart: what is told to be no image without reading."""

    items: tuple[tuple[Source, Item], ...]
    apart: tuple[SetApart, ...]

    @property
    def files(self) -> int:
        """How many files there are; the arrays of one count once."""
        return len({item.files[:1] or item.name for _source, item in self.items})

    def real_files(self) -> Iterator[tuple[str, ...]]:
        """The local files of each item, by their real paths."""
        folders: dict[str, str] = {}
        for _source, item in self.items:
            yield tuple(_real_path(file, folders) for file in item.files)


@dataclass(frozen=True, slots=True)
class BatchRead:
    """A batch of fetched items has been read completely: its items may count as known from now on. files: what was read
    of those that have a version.
    """

    files: tuple[FetchedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumesFound:
    """The volumes that slices make, before their frames."""

    items: tuple[Item, ...]


ReadEvent: TypeAlias = Event | BatchRead | VolumesFound | SeriesInParts


def list_items(sources: Iterable[Source], owned: Callable[[Path], bool] = lambda _path: False) -> Listing:
    """Every item, and apart what its name or the walk tells to be none; a file that is reached by two ways is one item.
    owned: whether a file is to be skipped silently.
    """
    found: dict[str, tuple[Source, Item]] = {}
    kept: dict[str, tuple[Source, Item]] = {}
    apart: list[SetApart] = []
    for source in sources:
        for item in source.items():
            if not (item.files and owned(Path(item.files[0]))):
                found.setdefault(item.name, (source, item))
    folders: dict[str, str] = {}
    pairs = dict(_pairs(item for _source, item in found.values()))
    data = {files[1] for files in pairs.values()}
    for source, each in found.values():
        item = _whole(each, pairs, data, found.keys())
        kind = item.apart or ("mask" if item.vectors is None and is_mask(Path(item.name)) else "")
        if not kind and kept.setdefault(_real_name(item, folders), (source, item))[1] is not item:
            kind = REPEATED
        if kind:
            apart.append(SetApart(item.name, kind))
    return Listing(tuple(kept.values()), tuple(apart))


def _pairs(items: Iterable[Item]) -> Iterator[tuple[str, tuple[str, str]]]:
    """The header and the data of each item that is one of them."""
    for item in items:
        single = len(item.files) == 1 and not item.in_array and not item.apart
        if single and may_be_half(path := Path(item.files[0])) and len(files := files_of(path)) == 2:
            yield item.name, (str(files[0]), str(files[1]))


def _whole(item: Item, pairs: Mapping[str, tuple[str, str]], data: Set[str], listed: Set[str]) -> Item:
    """A header as an item of two files; its data set apart, or that item where they alone are named."""
    files = pairs.get(item.name)
    if item.files[:1] and item.files[0] in data and (files is None or file_name(files[0]) in listed):
        return replace(item, apart=DATA)
    return item if files is None else Item(file_name(files[0]), files)


def _real_name(item: Item, folders: dict[str, str]) -> str:
    """The name of an item, of a local file its path without links. folders: the real paths that are known."""
    if item.in_array or len(item.files) != 1:
        return item.name
    return _real_path(item.files[0], folders)


def _real_path(file: str, folders: dict[str, str]) -> str:
    folder, name = os.path.split(file)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    path = os.path.join(folders[folder], name)  # noqa: PTH118 - called for every file
    return os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114


def read_items(
    readers: Readers, items: Sequence[tuple[Source, Item]], known: KnownItems | None = None, *, reports: bool = False
) -> Iterator[ReadEvent]:
    """The events of every item: its frames and Finished, a Refusal, a SetApart, or a SliceFile; once all slices are
    known, the frames of their volumes. A remote item is fetched only if it is new, a few at a time, each batch with a
    BatchRead at its end; its slices make a volume with those of the same item alone, whichever items are fetched with
    it, and SeriesInParts tells of those that did not come together. reports: what is a report in words gives them, too.
    """
    here = [item for _source, item in items if item.files and not item.in_array]
    yield from _by_kind(_read_files(readers, here, known, reports))
    for _source, item in items:
        if item.image is not None:
            yield from _read_array(readers, item, known)
        elif item.vectors is not None:
            yield from frames_of_vectors(item, known.files if known is not None else ())
    yield from _read_fetched(readers, [each for each in items if not each[1].files], known, reports)


def _read_files(
    readers: Readers,
    items: Iterable[Item],
    known: KnownItems | None,
    reports: bool,
    apart: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Event | VolumesFound]:
    """apart: the names of what slices are read with, by their files; all others are read together."""
    is_known = known.files.__contains__ if known is not None and known.files else None
    name = None if known is None else known.unnamed.__contains__
    together: dict[str, list[SliceFile]] = defaultdict(list)
    images = ImagesBeside()
    placed = (replace(item, beside=images.of(Path(item.files[0]))) for item in items)
    for event in readers.read(placed, is_known, whole=True, reports=reports, name=name):
        if isinstance(event, SliceFile):
            together[apart.get(event.file, "")].append(event)
        yield event
    volumes = [item for slices in together.values() for item in volume_items(slices)]
    yield VolumesFound(tuple(volumes))
    yield from readers.read(volumes, is_known, name=name)
    for copy in (copy for slices in together.values() for copy in slice_copies(slices)):
        yield Finished(copy.source, copy.sha256, known=True, file=copy.file)


def _by_kind(events: Iterable[Event | VolumesFound]) -> Iterator[Event | VolumesFound]:
    """What no reader takes, but usually lies beside images, is set apart; everything else as it is."""
    for event in events:
        taken_by_none = isinstance(event, Refusal) and event.reason in _TAKEN_BY_NONE
        if isinstance(event, Refusal) and taken_by_none and (kind := kind_beside(Path(event.source))):
            yield SetApart(event.source, kind)
        else:
            yield event


def _read_array(readers: Readers, item: Item, known: KnownItems | None) -> Iterator[Event]:
    """Prepare a picture that is already decoded, in this process."""
    file = item.files[0]
    if known is not None and known.part(item.digest, item.frame):
        yield Finished(item.name, item.digest, known=True, file=file, part=True)
        return
    try:
        yield from list(_array_frames(readers, item))
    except UnreadableImageError as error:
        yield Refusal(item.name, error.reason, error.detail)
    else:
        yield Finished(item.name, item.digest, file=file, part=True)


def _array_frames(readers: Readers, item: Item) -> Iterator[Frame]:
    if item.image is None:
        return
    for view in prepared_views(item.image(), readers.recipe, readers.volumes):
        yield Frame(
            source=item.name,
            sha256=item.digest,
            frame=item.frame,
            frames=1,
            input=view.input,
            thumbnail=view.thumbnail,
            patient="",
            attributes={},
            shown=view.shown,
            view=view.view,
            depth=view.depth,
            file=item.files[0],
            part=True,
            plane=view.plane,
        )


def _read_fetched(
    readers: Readers, items: Sequence[tuple[Source, Item]], known: KnownItems | None, reports: bool
) -> Iterator[ReadEvent]:
    new: list[tuple[Source, Item]] = []
    for source, item in items:
        before = [] if known is None else [*_read_before(item, known, reports)]
        yield from before
        if not before:
            new.append((source, item))
    parts = PartsOfSeries()
    with fetching(new) as coming:
        for some in coming:
            read = ItemsRead(item for item, _found in some)
            files: list[Item] = []
            item_of: dict[str, str] = {}
            lacking: list[Refusal] = []
            for item, found in some:
                if isinstance(found, Refusal):
                    yield found
                else:
                    files += _fetched(item, found)
                    item_of |= dict.fromkeys(map(str, found), item.name)
                    lacking += _not_sent(item, found)
            for event in _by_kind(_read_files(readers, files, known, reports, item_of)):
                read.take(event)
                parts.take(event, item_of)
                yield replace(event, fetched=True) if isinstance(event, Finished) else event
            for refusal in lacking:
                read.take(refusal)
            yield BatchRead(read.whole())
            yield from lacking  # after what was sent is stored, so that the item is known to lack something
    if parts.found:
        yield parts.found


def _read_before(item: Item, known: KnownItems, reports: bool) -> Iterable[Event]:
    """What is told of an item that need not be fetched; nothing of one that must be."""
    if item.version:
        events = [*events_of(known.as_read(item))]
        return [] if reports and any(isinstance(each, SetApart) for each in events) else events
    there = [(item.name, item.digest)] if item.digest and item.digest in known.files else known.item(item)
    return [Finished(name, sha256, known=True, file=item.name) for name, sha256 in there] or known.refusals(item)


def _fetched(item: Item, files: Sequence[Path]) -> list[Item]:
    """The item itself if it has one file, or a header and its data; otherwise an item for each file, named below it."""
    is_one = len(files) == 1 and len(item.instances) < 2
    if is_one or (len(files) == 2 and {*files} == {*files_of(files[0])}):
        return [Item(item.name, tuple(map(str, files_of(files[0]))))]
    return [Item(f"{item.name}/{file.name}", (str(file),)) for file in files]


def _not_sent(item: Item, files: Sequence[Path]) -> list[Refusal]:
    """The instances of an item that did not come: the others are read without them, as those of a folder are."""
    if len(item.instances) < 2:
        return []
    sent = {file.name for file in files}
    return [Refusal(f"{item.name}/{each}", "not-fetched") for each in item.instances if each not in sent]


def series_in(readers: ReaderPool, folder: Path, may_open: Callable[[str], bool] = lambda _file: True) -> Item:
    """What a folder asks with: the one volume made by the slices in it, or the one picture or volume that can be read
    there, whatever tables and notes lie beside. may_open: whether a file there may be read.

    Raises UnreadableImageError: "not-one-series" if there are several or none, or the reason of the one file that
    cannot be read.
    """
    files = [item for item in FileSource(folder).items() if item.files and not item.apart and may_open(item.files[0])]
    slices: list[SliceFile] = []
    pictures: dict[str, Item] = {}
    for event in readers.read(files, whole=True):
        if isinstance(event, SliceFile):
            slices.append(event)
        elif isinstance(event, Frame):
            pictures[event.source] = Item(event.source, (event.file,))
        elif isinstance(event, Refusal) and len(files) == 1:
            raise UnreadableImageError(event.reason, event.detail)
        if len(pictures) > _PICTURES and not slices:
            break  # whatever follows: a folder of pictures may hold thousands
    items = volume_items(slices)
    volumes = [item for item in items if len(item.files) > 1]
    found = volumes or [*items, *pictures.values()]
    if len(found) == 1:
        return found[0]
    raise UnreadableImageError("not-one-series", _counted(len(found), "series" if volumes else "pictures"))


def _counted(number: int, what: str) -> str:
    if number == 0:
        return "no file of an image"
    return f"{'more than ' * (number > _PICTURES)}{min(number, _PICTURES)} {what}; ask with one of them"


def frame_of_array(pixels: NDArray[np.generic], spec: EncoderSpec) -> Frame:
    """An array (rows, columns[, 3]) as a picture, or as a volume for an encoder of volumes, without a patient.

    Raises UnreadableImageError.
    """
    recipe = spec.preprocessing
    if spec.ndim == 3:
        volume = Image(pixels[..., None] if pixels.ndim == 3 else pixels)
        _, _, shown = next(cut(volume, VolumeRecipe(slices="middle:1")))
        ready: NDArray[Any] = volume_input(volume, recipe)
        seen = Displayed(shown.height, shown.width)
    else:
        shown = picture(from_array(pixels), recipe.percentiles)
        ready, seen = fitted(shown, recipe)
    return Frame("array", "", 0, 1, ready, thumbnail(shown), "", {}, seen)
