"""A collection: the declaration of how its authors publish it, and the dataset found in one copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import REASONS, UsageError
from lookalike.pixels import from_array
from lookalike.sources.labels import LabelRow, LabelTable
from lookalike.sources.source import items_since
from lookalike.text import absolute, file_name, plain_text
from lookalike.types import Attribute, Image, Item

OfficialSplit: TypeAlias = Literal["train", "val", "test", ""]
Uncertain: TypeAlias = Literal["zeros", "ones", "drop"]
UNCERTAIN: Final = ("zeros", "ones", "drop")
_LENGTH: Final = 200  # characters kept of a label or an attribute


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """One picture of a collection: a file, or one array of a file that holds many.

    labels: the positive ones. uncertain: those the owners mark as neither positive nor negative. patient:
    the owners' identifier or "". attributes: DICOM keywords where one fits. pixels: (rows, columns) or
    (rows, columns, 3), or (depth, rows, columns) of a volume, ``solid``, where it is the ``row``-th of an array
    file, else None.
    """

    path: Path
    labels: tuple[str, ...] = ()
    split: OfficialSplit = ""
    patient: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    uncertain: tuple[str, ...] = ()
    pixels: NDArray[np.generic] | None = None
    row: int = 0
    solid: bool = False

    def image(self) -> Image:
        """The array as an Image. Raises UnreadableImageError."""
        array = np.empty(0) if self.pixels is None else self.pixels
        return Image(array[..., None]) if self.solid else from_array(array)


@dataclass(frozen=True, slots=True)
class Options:
    """How to read a copy. uncertain: what an uncertain label counts as; "drop" leaves its picture
    out. For a folder with a table: its name, its label columns, the patient's column, and the modality and
    anatomy that all pictures share. classes: of TotalSegmentator, "coarse" for structures without side, number and
    lobe, or a table that says which class each belongs to.
    """

    uncertain: Uncertain = "zeros"
    table: str = "labels.csv"
    labels: tuple[str, ...] = ()
    patient: str | None = None
    modality: str = ""
    anatomy: str = ""
    classes: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a collection's authors publish it.

    layout: what lies under the root. contains: the names that an encoder's ``trained_on`` may use for these
    pictures. read: every picture that the owners' tables name, present or not.
    """

    name: str
    title: str
    layout: str
    license: str
    citation: str
    homepage: str
    contains: tuple[str, ...]
    read: Callable[[Path, Options], Iterator[LabelledPicture]]


@dataclass(frozen=True)
class Dataset:
    """One copy of a collection, as a source. missing: pictures that the tables name but that are not there;
    dropped: pictures left out for an uncertain label. keys: how it was read, as ``key=value&...``.
    """

    name: str
    declaration: Declaration
    root: Path
    pictures: tuple[LabelledPicture, ...]
    contains: frozenset[str]
    missing: int = 0
    dropped: int = 0
    keys: str = ""

    @property
    def uri(self) -> str:
        """The URI that opens it again."""
        return f"{self.declaration.name}:{self.root}" + (f"?{self.keys}" if self.keys else "")

    def items(self, since: str | None = None) -> Iterator[Item]:
        """One item a picture, in the order of the owners' tables. Raises UsageError if a file of arrays is gone."""
        return items_since((self._item(picture) for picture in self.pictures), since)

    def fetch(self, item: Item) -> AbstractContextManager[Sequence[Path]]:
        """The file itself, which stays."""
        return nullcontext([Path(file) for file in item.files])

    def labels(self) -> LabelTable:
        """The pictures' labels, patients and attributes."""
        return LabelTable(self.root, {self._named(picture): label_row(picture) for picture in self.pictures})

    def _item(self, picture: LabelledPicture) -> Item:
        path = absolute(picture.path)
        name, files = file_name(path), (str(path),)
        if picture.pixels is None:
            return Item(name, files)
        return Item(f"{name}#{picture.row}", files, None, self._digest, picture.image, picture.row)

    @cached_property
    def _digest(self) -> str:
        """The SHA-256 of the file that holds the arrays."""
        path = self.pictures[0].path
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            raise UsageError(f"{path} cannot be read ({REASONS['not-readable']})") from None

    @cached_property
    def fingerprint(self) -> str:
        """A hash (16 hex digits) of what is known without opening a picture: names, sizes, dates, labels."""
        digest = hashlib.sha256()
        for picture in sorted(self.pictures, key=lambda picture: (str(picture.path), picture.row)):
            about = picture.path.stat()
            digest.update(
                json.dumps(
                    [
                        self._inside(picture.path),
                        picture.row,
                        about.st_size,
                        about.st_mtime_ns,
                        picture.labels,
                        picture.split,
                        picture.patient,
                        dict(picture.attributes),
                    ]
                ).encode()
            )
        return digest.hexdigest()[:16]

    def _named(self, picture: LabelledPicture) -> str:
        """A picture's name in the label table."""
        inside = self._inside(picture.path)
        return inside if picture.pixels is None else f"{inside}#{picture.row}"

    def _inside(self, path: Path) -> str:
        """The path below the root, so that a moved copy keeps its fingerprint."""
        if path == self.root:
            return path.name
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)


def label_row(picture: LabelledPicture) -> LabelRow:
    """A picture's row of the label table, with its split and uncertain labels among the attributes."""
    extra = {"split": picture.split, "uncertain": "|".join(picture.uncertain)}
    given = {**picture.attributes, **{name: value for name, value in extra.items() if value}}
    attributes = {name: plain_text(v, _LENGTH) if isinstance(v, str) else v for name, v in given.items()}
    return LabelRow(tuple(plain_text(label, _LENGTH) for label in picture.labels), picture.patient, attributes)
