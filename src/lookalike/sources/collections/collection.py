"""What a collection is: how its authors publish it, and the pictures found in one copy of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.sources.labels import LabelRow, LabelTable
from lookalike.text import plain_text
from lookalike.types import Attribute

Split: TypeAlias = Literal["train", "val", "test", ""]
Uncertain: TypeAlias = Literal["zeros", "ones", "drop"]
UNCERTAIN: Final = ("zeros", "ones", "drop")
_LENGTH: Final = 200  # characters that are kept of a label or an attribute


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One picture of a collection: a file, or one array of a file that holds many.

    labels: the positive ones. uncertain: those the owners mark as neither positive nor negative. patient:
    the owners' identifier or "". attributes: DICOM keywords where one fits. pixels: (rows, columns) or
    (rows, columns, 3), or (depth, rows, columns) of a volume, ``solid``, where it is the ``row``-th of an array
    file, else None.
    """

    path: Path
    labels: tuple[str, ...] = ()
    split: Split = ""
    patient: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    uncertain: tuple[str, ...] = ()
    pixels: NDArray[np.generic] | None = None
    row: int = 0
    solid: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """How a copy is to be read. uncertain: what an uncertain label counts as; "drop" leaves its picture
    out. For a folder with a table: its name, its label columns, the patient's column, and the modality and
    anatomy that all pictures share.
    """

    uncertain: Uncertain = "zeros"
    table: str = "labels.csv"
    labels: tuple[str, ...] = ()
    patient: str = "patient_id"
    modality: str = ""
    anatomy: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a collection's authors publish it.

    layout: what stands under the root. contains: the names under which an encoder's ``trained_on`` may
    speak of these pictures. read: every picture that the owners' tables name, there or not.
    """

    name: str
    title: str
    layout: str
    license: str
    citation: str
    homepage: str
    contains: tuple[str, ...]
    read: Callable[[Path, Options], Iterator[Item]]


@dataclass(frozen=True)
class Dataset:
    """One copy of a collection. missing: pictures that the tables name and that are not there;
    dropped: pictures left out for an uncertain label.
    """

    name: str
    declaration: Declaration
    root: Path
    items: tuple[Item, ...]
    contains: frozenset[str]
    missing: int = 0
    dropped: int = 0

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over what is known without opening a picture: names, sizes, dates, labels."""
        digest = hashlib.sha256()
        for item in sorted(self.items, key=lambda item: (str(item.path), item.row)):
            about = item.path.stat()
            digest.update(
                json.dumps(
                    [
                        self._named(item.path),
                        item.row,
                        about.st_size,
                        about.st_mtime_ns,
                        item.labels,
                        item.split,
                        item.patient,
                        dict(item.attributes),
                    ]
                ).encode()
            )
        return digest.hexdigest()[:16]

    def table(self) -> LabelTable:
        """The files' labels, patients and attributes as ``index`` takes them."""
        return LabelTable(self.root, {self._named(item.path): label_row(item) for item in self.items})

    def _named(self, path: Path) -> str:
        """The path under the root, so that a moved copy stays the same copy."""
        if path == self.root:
            return path.name
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)


def label_row(item: Item) -> LabelRow:
    """What an item says of its picture, its split and uncertain labels among the attributes."""
    extra = {"split": item.split, "uncertain": "|".join(item.uncertain)}
    given = {**item.attributes, **{name: value for name, value in extra.items() if value}}
    attributes = {name: plain_text(v, _LENGTH) if isinstance(v, str) else v for name, v in given.items()}
    return LabelRow(tuple(plain_text(label, _LENGTH) for label in item.labels), item.patient, attributes)
