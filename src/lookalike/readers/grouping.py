"""Which files make one volume, or the volumes of one series: the rule for galleries, queries and display alike.

Files belong together by series, size, spacing and direction (``stacks.alike``), whatever their names and folders. A
copy counts once: a file that holds the same instance at the same place as another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import UnreadableImageError
from lookalike.readers.geometry import SeriesPart
from lookalike.readers.stacks import alike, is_volume, slices_of_files, stacks_of


@dataclass(frozen=True, slots=True)
class SliceFile:
    """A file that holds one slice or more of a series. source: the name of its item; size: bytes."""

    source: str
    file: str
    sha256: str
    size: int
    part: SeriesPart


@dataclass(frozen=True, slots=True)
class VolumeFiles:
    """The files of one volume, or of several at the same places, in the order given. copies: further files of the same
    slices. whole: whether they are to be read as volumes; else each is read by itself.
    """

    files: tuple[SliceFile, ...]
    copies: tuple[SliceFile, ...]
    whole: bool


def volume_files(files: Iterable[SliceFile]) -> Iterator[VolumeFiles]:
    """The files of any number of series, group by group. Whichever of several copies is kept depends on what there is,
    never on the order or on what was read before.
    """
    series: dict[str, list[SliceFile]] = {}
    for file in files:
        series.setdefault(file.part.series, []).append(file)
    for parts in series.values():
        for group in alike([file.part.slices[0] for file in parts]):
            yield from _by_folder(_without_copies([parts[i] for i in group]))


def _without_copies(files: Sequence[SliceFile]) -> VolumeFiles:
    folders: dict[Path, list[SliceFile]] = {}
    for file in files:
        folders.setdefault(Path(file.file).parent, []).append(file)
    # The folder that holds the most of the series is the series; others hold copies.
    rank = {
        folder: (-len({_content(file) for file in some}), -sum(file.size for file in some), str(folder))
        for folder, some in folders.items()
    }
    kept: dict[object, SliceFile] = {}
    for file in sorted(files, key=lambda file: (rank[Path(file.file).parent], file.file)):
        kept.setdefault(_content(file), file)
    names = {file.file for file in kept.values()}
    chosen = tuple(file for file in files if file.file in names)
    if not _is_whole(chosen):  # each file is a picture of its own, also one instance in several encodings
        return VolumeFiles(tuple(files), (), whole=False)
    return VolumeFiles(chosen, tuple(file for file in files if file.file not in names), whole=True)


def _content(file: SliceFile) -> object:
    """Equal for copies: the instance where it has a name, else the bytes, and the places."""
    return file.part.instance or file.sha256 or file.file, _places(file)


def _places(file: SliceFile) -> tuple[object, ...]:
    return tuple((each.position, each.number) for each in file.part.slices)


def _by_folder(group: VolumeFiles) -> list[VolumeFiles]:
    """A series that was stored twice, under other identifiers, is one in each folder; else the group as it is. Volumes
    of one series, which a folder each may hold too, differ in the numbers of their slices.
    """
    folders: dict[Path, list[SliceFile]] = {}
    for file in group.files:
        folders.setdefault(Path(file.file).parent, []).append(file)
    distinct = {_places(file) for file in group.files}
    if len(distinct) == len(group.files) or not all(_is_sound(files) for files in folders.values()):
        return [group]
    first, *others = (VolumeFiles(tuple(files), (), whole=True) for files in folders.values())
    return [VolumeFiles(first.files, group.copies, whole=True), *others]


def _is_whole(files: Sequence[SliceFile]) -> bool:
    """Whether files are a volume, be it a spoiled one. Without a series of their own they must be a sound one, since
    files of one folder may be anything.
    """
    named = all(file.part.named for file in files)
    return is_volume([file.part for file in files]) and (named or _is_sound(files))


def _is_sound(files: Sequence[SliceFile]) -> bool:
    parts = [file.part for file in files]
    try:
        return is_volume(parts) and bool(stacks_of(slices_of_files(parts)))
    except UnreadableImageError:
        return False
