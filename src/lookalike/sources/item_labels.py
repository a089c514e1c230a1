"""The label rows of the items of a run, matched when the run starts, and what met what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Final

from lookalike.readers.events import Finished, Frame
from lookalike.sources.kinds import kind_beside
from lookalike.sources.labels import LabelRow, LabelTable, together
from lookalike.sources.reading import Listing
from lookalike.sources.tables import names_files
from lookalike.text import file_name
from lookalike.types import Item

_NAMED: Final = 3  # rows and files without the other that are named
_LOOKED_AT: Final = 20  # tables beside the images whose header is read
_TABLES: Final = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A file, or a path as a label table writes it."""

    source: str


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """How a label table and the images met. rows, images: how many there are; rows_met, images_met: how many of them
    met at least one of the others. rows_left, images_left: the first three that did not. by_end: rows that met an image
    by the end of its path alone, its other folders differ.
    """

    rows: int
    rows_met: int
    images: int
    images_met: int
    rows_left: tuple[NamedSource, ...]
    images_left: tuple[NamedSource, ...]
    by_end: int


class ItemLabels:
    """The label rows of items: from the given table, or else from the table of each item's source.

    Raises UsageError where a table is ambiguous.
    """

    def __init__(self, given: LabelTable | None, listing: Listing) -> None:
        self._of: dict[str, _Matched] = {}
        self._volumes: dict[str, Sequence[str]] = {}
        self._seen: dict[str, bool] = {}  # whether an image has met a row
        by_table: dict[int, tuple[LabelTable, list[Item]]] = {}
        sources = {id(source): source for source, _item in listing.items}
        own = {key: source.labels() for key, source in sources.items()} if given is None else {}
        for source, item in listing.items:
            if (table := own.get(id(source)) if given is None else given) is not None:
                by_table.setdefault(id(table), (table, []))[1].append(item)
        if given is not None:
            by_table.setdefault(id(given), (given, []))
        self._tables = [_Matched(table, items) for table, items in by_table.values()]
        for matched in self._tables:
            self._of |= dict.fromkeys(matched.names, matched)

    def note_volumes(self, items: Iterable[Item]) -> None:
        """Learn which files are the slices of a volume: a row may name its folder or any of them."""
        self._volumes |= {item.name: item.files for item in items if len(item.files) > 1}

    def row(self, event: Frame | Finished) -> LabelRow | None:
        """The row of a file, or of a series by its folder or its files."""
        matched = self._of.get(event.source) or self._of.get(event.file) or self._of_item(event.source)
        if matched is None:
            return None
        slices = self._volumes.get(event.source, ())
        row = matched.of_volume(event.source, slices) if slices else matched.of_file(event.source, event.file)
        self._seen[event.source] = self._seen.get(event.source, False) or row is not None
        return row

    def _of_item(self, source: str) -> _Matched | None:
        """The table of a file that was fetched with others, or of a volume named after its folder."""
        if source in self._volumes and (found := self._of.get(self._volumes[source][0])):
            return found
        return self._of.get(source.rpartition("/")[0]) or (self._tables[0] if len(self._tables) == 1 else None)

    @property
    def names_labels(self) -> bool:
        """Whether any row has a label: a table may hold only patients or attributes."""
        return any(matched.table.label_count for matched in self._tables)

    @property
    def names_studies(self) -> bool:
        """Whether any row has a patient, or the date of a study."""
        return any(row.patient or row.study_date for matched in self._tables for _path, row in matched.table.items())

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever asked should know of the tables."""
        return tuple(note for matched in self._tables for note in matched.table.notes)

    def match(self) -> LabelMatch | None:
        """What met what, after the run; None without a table."""
        if not self._tables:
            return None
        left = [text for matched in self._tables for text in matched.left()]
        rows = sum(len(matched.table) for matched in self._tables)
        images_left = [name for name, met in self._seen.items() if not met]
        return LabelMatch(
            rows=rows,
            rows_met=rows - len(left),
            images=len(self._seen),
            images_met=len(self._seen) - len(images_left),
            rows_left=_first(left),
            images_left=_first(images_left),
            by_end=sum(matched.by_end for matched in self._tables),
        )


def _first(names: Iterable[str]) -> tuple[NamedSource, ...]:
    return tuple(map(NamedSource, islice(names, _NAMED)))


@dataclass
class _Matched:
    """One table and the items that it may name. late: rows of what was fetched, which no listing named."""

    table: LabelTable
    items: Sequence[Item]
    late: dict[str, LabelRow | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        images = (item for item in self.items if item.in_array or not kind_beside(Path(item.name)))
        files = [name for item in images for name in _names(item)]
        folders = dict.fromkeys(str(Path(file).parent) for item in self.items for file in item.files[:1])
        self.names = frozenset(name for item in self.items for name in _names(item))
        self.files = self.table.match(files)
        self.folders = self.table.match(folders, without=self.files.used)
        self.used = set(self.files.used)
        self.by_end = len({text for text, _file in self.files.partial})

    def of_file(self, source: str, file: str) -> LabelRow | None:
        for name in (source, file):
            if (row := self.files.rows.get(name)) is not None:
                return row
        if file in self.names:
            return None
        # A file that was fetched lies in a folder of no meaning: it belongs below its item.
        return self.files.rows.get(source.rpartition("/")[0]) or self._late([source, f"{source}/{Path(file).name}"])

    def of_volume(self, source: str, slices: Sequence[str]) -> LabelRow | None:
        """The row that names a volume's folder; else its slices' rows as one."""
        folder = str(Path(slices[0]).parent)
        if (row := self._of_folder(folder)) is not None:
            return row
        rows = [row for name in slices if (row := self.files.rows.get(file_name(name))) is not None]
        if rows or file_name(slices[0]) in self.names:
            return reduce(together, rows) if rows else None
        return self.of_file(source, "") or self._late([f"{source}/{Path(name).name}" for name in slices])

    def _of_folder(self, folder: str) -> LabelRow | None:
        row = self.folders.rows.get(folder)
        if row is not None:
            self.used |= self.folders.used_for[folder]
        return row

    def _late(self, names: Sequence[str]) -> LabelRow | None:
        if names[0] not in self.late:
            found = self.table.match(names, without=frozenset(self.used))
            self.used |= found.used
            self.late[names[0]] = reduce(together, found.rows.values()) if found.rows else None
        return self.late[names[0]]

    def left(self) -> list[str]:
        """The paths in the table that met nothing."""
        return [text for text, _row in self.table.items() if text not in self.used]


def _names(item: Item) -> list[str]:
    return list(dict.fromkeys((item.name, *map(file_name, item.files[:1]))))


def tables_beside(listing: Listing) -> tuple[NamedSource, ...]:
    """Tables among the files that name files, as a label table does; only the first few are looked at."""
    tables = (item.files[0] for _source, item in listing.items if item.files and item.name.lower().endswith(_TABLES))
    return tuple(NamedSource(table) for table in islice(tables, _LOOKED_AT) if names_files(Path(table)))
