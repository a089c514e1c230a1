"""Published vectors as a source: ``vectors:FILE[?key=value&...]``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import numpy as np

from lookalike import encoders
from lookalike.encoders.families.imported import imported_name, is_imported
from lookalike.errors import LookalikeError, ManifestMismatchError, UsageError
from lookalike.plugins import suggestion
from lookalike.sources.labels import LabelTable
from lookalike.sources.source import Source, items_since
from lookalike.sources.vector_files.reader import Told, VectorFile
from lookalike.sources.vector_files.told import SLICE, SLICES, labels_in, labels_told, plain_ids, read_ids
from lookalike.sources.vector_files.worker import FINDERS
from lookalike.text import absolute, quoted
from lookalike.types import EncoderSpec, GivenVectors, Item

_SCHEME: Final = "vectors"
_IDS_BESIDE: Final = "metadata.json"


@dataclass(frozen=True, slots=True)
class VectorKeys:
    """How to read a file of vectors. vectors, id: the array or column of vectors, and that of ids, where they have
    other than the usual names. ids: a file with an id for each vector. table: of labels, patients, splits and further
    attributes by id. labels: its label columns, separated by commas, ``*`` for all of 0 and 1. patient: its column of
    patients. encoder: which encoder made the vectors.
    """

    vectors: str = ""
    id: str = ""
    ids: str = ""
    table: str = ""
    labels: str = ""
    patient: str = ""
    encoder: str = ""


@dataclass(frozen=True, slots=True)
class _Group:
    """The vectors of one item, by their numbers in the file."""

    name: str
    rows: tuple[int, ...]
    views: tuple[int, ...] = (0,)
    depth: int = 1


class VectorSource:
    """An open file of vectors. dim: numbers of each. stated: what the file says of the encoder, {} if nothing."""

    def __init__(self, path: Path, keys: VectorKeys, uri: str) -> None:
        self.uri, self.path, self._keys = uri, path, keys
        self._file = VectorFile(path, keys.vectors, keys.id)
        self.dim = self._file.dim
        self.stated = _stated(self._file.encoder)

    @property
    def encoder_name(self) -> str:
        """The name of an encoder that stands for whatever made the vectors, and embeds nothing."""
        return imported_name(
            self.made_by or (self.path.parent.name if self.path.stem in ("faiss", "") else self.path.stem), self.dim
        )

    @property
    def made_by(self) -> str:
        """The encoder that made the vectors, as whoever opened the file says, else the file; "" if neither does."""
        return self._keys.encoder or self.stated.get("name", "")

    @property
    def known_encoder(self) -> EncoderSpec | None:
        """The encoder of that name, where it is on this machine and nothing in the file says that it was another one:
        with it pictures and texts can ask. Raises UsageError where its vectors have another length.
        """
        found = _here(self.made_by)
        stated = {} if self._keys.encoder else self.stated
        if found is None or any(found.identity.get(key, value) != value for key, value in stated.items()):
            return None
        if found.dim != self.dim:
            raise UsageError(
                f"{self.path.name} holds vectors of {self.dim} numbers, and {found.name}, which is said to have made "
                f"them, makes {found.dim}; if another encoder did, name it: vectors:FILE?encoder=NAME"
            )
        return found

    @property
    def is_named(self) -> bool:
        """Whether the file, or whoever opened it, says which encoder made the vectors."""
        return bool(self._keys.encoder or self.stated)

    def items(self, since: str | None = None) -> Iterator[Item]:
        """One item a picture, or a volume where a column says which slice each vector is of; in the file's order."""
        return items_since((self._item(group) for group in self._groups), since)

    def fetch(self, item: Item) -> AbstractContextManager[Sequence[Path]]:
        """The file itself, which stays."""
        return nullcontext([Path(file) for file in item.files])

    def labels(self) -> LabelTable:
        """What the table, or without one the file, tells of the vectors. Raises UsageError."""
        labels = tuple(name for name in self._keys.labels.split(",") if name)
        patient = self._keys.patient or None
        if self._keys.table:
            return labels_in(self._beside(self._keys.table), labels, patient)
        names = [""] * self._file.count
        for group in self._groups:
            for row in group.rows:
                names[row] = group.name
        return labels_told(self._told, names, self.path, labels, patient)

    @cached_property
    def _told(self) -> Told:
        return self._file.told()

    @cached_property
    def _digest(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def _groups(self) -> tuple[_Group, ...]:
        ids = self._ids()
        if SLICE not in self._told.columns:
            return tuple(_Group(name, (row,)) for row, name in enumerate(plain_ids(ids)))
        return tuple(_volumes(ids, self._told.columns))

    def _ids(self) -> Sequence[str]:
        beside = self.path.with_name(_IDS_BESIDE)
        if self._keys.ids:
            return read_ids(self._beside(self._keys.ids), self._file.count)
        if self._told.ids:
            return list(self._told.ids)
        if beside.is_file():
            return read_ids(beside, self._file.count)
        return [f"{self.path.name}#{row}" for row in range(self._file.count)]

    def _beside(self, name: str) -> Path:
        """A file that a key names: below the vectors' folder, or by its path."""
        inside = self.path.parent / name
        return inside if inside.is_file() else absolute(name)

    def _item(self, group: _Group) -> Item:
        def vectors() -> GivenVectors:
            rows = np.stack([self._file.row(row) for row in group.rows])
            return GivenVectors(rows, group.views, group.depth)

        return Item(group.name, (str(self.path),), digest=self._digest, vectors=vectors)


def _volumes(ids: Sequence[str], columns: Mapping[str, Sequence[str]]) -> Iterator[_Group]:
    """The vectors of one id as the slices of a volume. Raises UsageError for a slice that is no number."""
    found: dict[str, dict[int, int]] = {}
    depths: dict[str, int] = {}
    for row, (name, text) in enumerate(zip(ids, columns[SLICE], strict=True)):
        depth = columns[SLICES][row] if SLICES in columns else "0"
        if not (text.isdigit() and depth.isdigit()):
            raise UsageError(f"the columns {SLICE} and {SLICES} hold numbers from 0, got {quoted(text or depth, 40)!r}")
        found.setdefault(name, {})[int(text)] = row
        depths[name] = max(depths.get(name, 0), int(depth), int(text) + 1)
    for name, given in zip(plain_ids(found), found, strict=True):
        views = sorted(found[given])
        yield _Group(name, tuple(found[given][view] for view in views), tuple(views), depths[given])


def _stated(text: str) -> dict[str, str]:
    """An encoder's identity, as JSON, or its name alone."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = {"name": text} if text else {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def vectors_in(file: str | os.PathLike[str] | VectorSource) -> VectorSource:
    """Open a file of vectors, with keys or without, whether the scheme stands before it or not; an open one is returned
    as it is. Raises as ``open_vectors``.
    """
    if isinstance(file, VectorSource):
        return file
    return open_vectors(f"{_SCHEME}:{os.fspath(file).removeprefix(f'{_SCHEME}:')}")


def open_vectors(uri: str) -> VectorSource:
    """Open ``vectors:FILE[?key=value&...]`` (``VectorKeys``). Raises UsageError, MissingExtraError."""
    place, _, query = uri.removeprefix(f"{_SCHEME}:").partition("?")
    path, keys = absolute(place), dict(parse_qsl(query))
    known = [each.name for each in fields(VectorKeys)]
    for key in keys:
        if key not in known:
            raise UsageError(f"a source of vectors has no key {key!r}.{suggestion(key, known)}")
    if path.suffix.lower() not in FINDERS:
        raise UsageError(f"vectors are read from {', '.join(FINDERS)}; got {path.name}")
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    return VectorSource(path, VectorKeys(**keys), f"{_SCHEME}:{path}" + (f"?{query}" if query else ""))


def _here(name: str) -> EncoderSpec | None:
    """A declared encoder whose weights are on this machine."""
    if not name or is_imported(name) or not encoders.is_declared(name):
        return None
    try:
        return encoders.present(name)
    except LookalikeError:
        return None


def encoder_of_vectors(sources: Sequence[Source]) -> str | None:
    """The encoder of a new gallery of these sources: the one that made the vectors, where it is known and here, else
    one that embeds nothing; None if none of them is of vectors. Raises UsageError where two of them were made by
    different ones.
    """
    given = [source for source in sources if isinstance(source, VectorSource)]
    names = sorted({source.encoder_name if (k := source.known_encoder) is None else k.name for source in given})
    if len(names) > 1:
        raise UsageError(
            f"vectors of {' and '.join(names)} cannot be compared; index them into galleries of their own, or if one "
            "encoder made them, say so of each: vectors:FILE?encoder=NAME"
        )
    return names[0] if names else None


def check_ids(sources: Sequence[Source]) -> None:
    """Raise UsageError where two files of vectors give one id to something: the second would not be seen."""
    whose: dict[str, VectorSource] = {}
    for source in [source for source in sources if isinstance(source, VectorSource)]:
        for item in source.items():
            if (first := whose.setdefault(item.name, source)) is not source:
                raise UsageError(
                    f"{quoted(item.name, 80)} is in {first.path.name} and in {source.path.name}; index the files one "
                    "after the other if these are two, or into galleries of their own"
                )


def check_vectors(source: Source, spec: EncoderSpec) -> str:
    """Whether a source's vectors may stand in a gallery: a note to say, or "". Raises UsageError for another length,
    ManifestMismatchError where another encoder is said to have made them.
    """
    if not isinstance(source, VectorSource):
        return ""
    name, ours = source.path.name, spec.identity
    if source.dim != spec.dim:
        raise UsageError(f"{name} holds vectors of {source.dim} numbers; the encoder {spec.name} makes {spec.dim}")
    stated = {"name": source.encoder_name} if is_imported(spec.name) and source.is_named else source.stated
    differ = [key for key, value in stated.items() if ours.get(key, value) != value]
    if differ:
        raise ManifestMismatchError(
            f"{name} says that its vectors were made by another encoder than {spec.name} ({', '.join(differ)} differ); "
            "vectors of the two cannot be compared: index it into a gallery of its own"
        )
    if is_imported(spec.name) and not is_imported(source.made_by) and encoders.is_declared(source.made_by):
        return (
            f"{source.made_by}, which is said to have made the vectors of {name}, is not on this machine as it was: "
            "records can be asked with, new pictures and texts cannot (lookalike encoders list)"
        )
    if is_imported(spec.name) or stated.keys() >= ours.keys():
        return ""
    return f"{name} does not say which encoder made its vectors: that it was {spec.name} is your word alone"
