"""Readers: plug-ins that turn the files of one item into Images, and the choice among them.

Their entry point group is ``lookalike.readers``. They run only inside the killable processes of ``pool``: native
decoders crash on hostile files. Folders, and which files belong together, are the business of ``sources``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from lookalike.errors import UnreadableImageError
from lookalike.plugins import load_plugins
from lookalike.readers.geometry import SeriesPart
from lookalike.readers.limits import check_pictures
from lookalike.readers.pairs import check_beside
from lookalike.readers.unread import why_unread
from lookalike.types import FileIdentity, Image

VOLUME_SUFFIXES: Final = (
    *(".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh"),
    *(".hdr", ".hdr.gz", ".img", ".img.gz", ".mnc", ".par", ".rec"),
)
"""Suffixes of files that hold a whole volume, including formats that no reader takes yet."""

_FIRST: Final = ("dicom", "itk", "nifti", "raster")


class Reader(Protocol):
    """Turns the files of one item into Images; opens nothing but those files."""

    def matches(self, file: Path) -> bool:
        """Whether this reader takes the file, by its bytes or name, without decoding pixels. May raise OSError."""
        ...

    def read(self, files: Sequence[Path]) -> Iterator[Image]:
        """One Image for each frame of ``files[0]``; only a ``SeriesReader`` or ``PairReader`` is given several.

        Raises UnreadableImageError with a reason code.
        """
        ...


@runtime_checkable
class SeriesReader(Reader, Protocol):
    """A reader of a format that keeps the slices of a volume, or several volumes of a series, in several files."""

    def series_of(self, file: Path) -> SeriesPart | None:
        """The slices that a file holds of a series, by its header only; None for a file that is no slice.

        Raises UnreadableImageError.
        """
        ...


@runtime_checkable
class PairReader(Reader, Protocol):
    """A reader of formats that keep a volume's header and its data in two files; it is given both, the header first."""

    def data_file(self, header: Path) -> str | None:
        """The name of the data file beside a header; "" if the header holds its data, None if nothing can be read.

        Raises UnreadableImageError for a header that names another place.
        """
        ...


@runtime_checkable
class SortingReader(Reader, Protocol):
    """A reader of a format that holds images, and also what is none: reports, plans, segmentations."""

    def kind_of(self, file: Path) -> str:
        """What the file is, if it is no image: "SEG", "SR", "mask"; "" for an image. Reads the header only."""
        ...


@runtime_checkable
class ReportReader(Reader, Protocol):
    """A reader of a format whose objects may be reports in words."""

    def report_in(self, file: Path) -> tuple[str, str] | None:
        """The study that a report is about, as the file names it, and its words; None for a file that is none.

        Raises UnreadableImageError.
        """
        ...


@runtime_checkable
class IdentityReader(Reader, Protocol):
    """A reader of a format whose files say who they are in a PACS."""

    def identity_in(self, files: Sequence[Path]) -> FileIdentity | None:
        """Who the files of one item are, by their headers only; None if they do not say it. Raises
        UnreadableImageError.
        """
        ...


@cache
def load_readers() -> dict[str, Reader]:
    """The readers by name, in the order of precedence: this package's, then those of others, whatever their names.

    To be called before a process is confined: it looks for them in every folder of the path of imports.
    """
    declared = load_plugins("lookalike.readers")
    return {name: declared[name]() for name in sorted(declared, key=lambda name: (_place(name), name))}


@cache
def _that_are(kind: Any) -> tuple[Any, ...]:
    """The readers of one protocol: to compare an object with a protocol takes as long as reading a small header."""
    return tuple(reader for reader in load_readers().values() if isinstance(reader, kind))


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def read(files: Sequence[Path]) -> Iterator[Image]:
    """The Images of one item's files, from the first reader that takes the first file. Raises UnreadableImageError.

    Call it only in a killable process, as ``pool.ReaderPool`` does.
    """
    file = files[0]
    try:
        if len(files) == 1 and file.stat().st_size == 0:
            raise UnreadableImageError("empty-file")
        reader = load_readers().get(format_of(file))
    except OSError:
        raise UnreadableImageError("not-readable") from None
    if reader is None:
        raise UnreadableImageError(*why_unread(file))
    if isinstance(reader, PairReader):
        _check_pair(reader, files)
    elif len(files) > 1 and not isinstance(reader, SeriesReader):
        raise UnreadableImageError("damaged-header")
    for number, image in enumerate(_images(reader, files), 1):
        check_pictures(max(number, image.frames))
        yield image


def _images(reader: Reader, files: Sequence[Path]) -> Iterator[Image]:
    """A reader's Images. Its library may raise anything for an element of a damaged header: that is named here."""
    try:
        yield from reader.read(files)
    except (UnreadableImageError, MemoryError, ImportError):
        raise
    except OSError:
        raise UnreadableImageError("not-readable") from None
    except Exception:
        raise UnreadableImageError("damaged-header") from None


def _check_pair(reader: PairReader, files: Sequence[Path]) -> None:
    """Raise UnreadableImageError unless the header's data are in itself or the other file: no other one is opened."""
    data = reader.data_file(files[0])
    for each in [*files[1:], *([files[0].with_name(Path(data).name)] if data else [])]:
        check_beside(files[0], each)
    if data is None or [data] * bool(data) != [file.name for file in files[1:]]:
        raise UnreadableImageError("incomplete-pair")


def format_of(file: Path) -> str:
    """The name of the reader that takes a file; "" if none does. Raises OSError."""
    return next((name for name, reader in load_readers().items() if reader.matches(file)), "")


def series_of(file: Path) -> SeriesPart | None:
    """``SeriesReader.series_of`` of a file; None if no such reader takes it. Raises OSError, UnreadableImageError."""
    reader: SeriesReader
    for reader in _that_are(SeriesReader):
        if reader.matches(file):
            return reader.series_of(file)
    return None


def kind_of_file(file: Path) -> str:
    """``SortingReader.kind_of`` of a file; "" if no such reader takes it. Raises OSError."""
    reader: SortingReader
    for reader in _that_are(SortingReader):
        if reader.matches(file):
            return reader.kind_of(file)
    return ""


def report_in(file: Path) -> tuple[str, str] | None:
    """``ReportReader.report_in`` of a file; None if no such reader takes it. Raises OSError, UnreadableImageError."""
    reader: ReportReader
    for reader in _that_are(ReportReader):
        if reader.matches(file):
            return reader.report_in(file)
    return None


def identity_in(files: Sequence[Path]) -> FileIdentity | None:
    """``IdentityReader.identity_in`` of an item's files; None if no such reader takes the first one. Raises as that."""
    reader: IdentityReader
    for reader in _that_are(IdentityReader):
        if reader.matches(files[0]):
            return reader.identity_in(files)
    return None


def named_as_volume(file: Path) -> bool:
    """Whether a file's name has the suffix of a format that holds a whole volume."""
    return file.name.lower().endswith(VOLUME_SUFFIXES)
