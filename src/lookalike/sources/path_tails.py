"""Which paths of a table and which files are the same: those with the longest common tail of folders and name.

The two lists may come from different machines: the folders above the common tail differ, a name may lack its extension,
and case, slash and Unicode form (NFC, NFD) count only where nothing else decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_DEEPEST: Final = 64  # parts that are compared
_EXTENSION: Final = re.compile(r"(?<=.)\.[a-z][a-z0-9]{1,4}$")
_INNER: Final = re.compile(r"(?<=.)\.(nii|seq|img|hdr|mnc)$")  # x.nii.gz, x.seq.nrrd
_PACKED: Final = (".gz", ".bz2", ".zst", ".nrrd")

Alike: TypeAlias = Callable[[Sequence[int]], bool]
"""Whether rows, given by their numbers, say the same."""
_Numbers: TypeAlias = list[int]


@dataclass(frozen=True, slots=True)
class _Path:
    """raw: the parts as written. parts: without case and Unicode form, the last one without any extension. name: the
    last one with its extension.
    """

    raw: tuple[str, ...]
    parts: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Rows and files, by their numbers, with equally long common tails."""

    rows: tuple[int, ...]
    files: tuple[int, ...]


@dataclass(slots=True)
class Meeting:
    """rows_of: the numbers of a file's rows, by the file's number. partial: (row, file) whose folders differ above the
    common tail. ambiguous: what was matched with nothing because several are as good.
    """

    rows_of: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    partial: list[tuple[int, int]] = field(default_factory=list)
    ambiguous: list[Ambiguity] = field(default_factory=list)


def meet(rows: Sequence[str], files: Sequence[str], alike: Alike) -> Meeting:
    """Match the paths of a table's rows with those of files.

    The longest common tail wins; of equally long ones the name with the same extension, then the one spelt the same.
    Several rows meet one file if they are ``alike``; one row meets several files if they are one name with several
    extensions in one folder. Beside better pairs, folders that contradict each other meet nothing.
    """
    matching = _Matching([_path(row) for row in rows], [_path(file) for file in files], alike)
    by_row, by_file = _by_part(matching.rows, range(len(rows)), 1), _by_part(matching.files, range(len(files)), 1)
    for stem in sorted(by_row.keys() & by_file.keys()):
        matching.settle(by_row[stem], by_file[stem], 1)
    return matching.found


def stem_of(path: str) -> str:
    """What the paths that may meet have in common: the name without folders, extension, case and Unicode form."""
    return _path(path).parts[-1]


def _path(text: str) -> _Path:
    raw = tuple(part for part in text.replace("\\", "/").split("/") if part not in ("", "."))
    if ".." in raw:
        raw = raw[len(raw) - raw[::-1].index("..") :]
    raw = raw[-_DEEPEST:] or ("",)
    folded = [_folded(part) for part in raw]
    return _Path(raw, (*folded[:-1], _shorter(folded[-1])[-1]), folded[-1])


def _folded(part: str) -> str:
    return part.lower() if part.isascii() else unicodedata.normalize("NFC", part).casefold()


def _shorter(name: str) -> list[str]:
    """The name, then without its extension, then without both of a compound one."""
    names = [name]
    if found := _EXTENSION.search(name):
        names.append(name[: found.start()])
        if name.endswith(_PACKED) and (inner := _INNER.search(names[-1])):
            names.append(names[-1][: inner.start()])
    return names


def _by_part(paths: Sequence[_Path], chosen: Iterable[int], depth: int) -> dict[str, _Numbers]:
    """Numbers of paths by their part at a depth counted from the end; shorter paths are left out."""
    found: dict[str, _Numbers] = defaultdict(list)
    for number in chosen:
        if len(paths[number].parts) >= depth:
            found[paths[number].parts[-depth]].append(number)
    return found


def _by_name(paths: Sequence[_Path], chosen: Iterable[int]) -> dict[str, _Numbers]:
    found: dict[str, _Numbers] = defaultdict(list)
    for number in chosen:
        found[paths[number].name].append(number)
    return found


def _by_spelling(paths: Sequence[_Path], chosen: Iterable[int], depth: int) -> dict[tuple[str, ...], _Numbers]:
    found: dict[tuple[str, ...], _Numbers] = defaultdict(list)
    for number in chosen:
        found[paths[number].raw[-depth:]].append(number)
    return found


@dataclass(slots=True)
class _Matching:
    """settled_rows, settled_files: the numbers of those that have been matched or found ambiguous."""

    rows: Sequence[_Path]
    files: Sequence[_Path]
    alike: Alike
    found: Meeting = field(default_factory=Meeting)
    settled_rows: set[int] = field(default_factory=set)
    settled_files: set[int] = field(default_factory=set)

    def settle(self, rows: _Numbers, files: _Numbers, depth: int) -> None:
        """Match rows and files that have their last ``depth`` parts in common, longer tails first."""
        if len(rows) > 1 or len(files) > 1:
            by_row, by_file = _by_part(self.rows, rows, depth + 1), _by_part(self.files, files, depth + 1)
            for part in sorted(by_row.keys() & by_file.keys()):
                self.settle(by_row[part], by_file[part], depth + 1)
        open_rows, open_files = self._open(rows, files)
        better = len(open_rows) < len(rows)
        if open_rows and open_files:
            self._by_extension(open_rows, open_files, depth, better)

    def _open(self, rows: Iterable[int], files: Iterable[int]) -> tuple[_Numbers, _Numbers]:
        return (
            [row for row in rows if row not in self.settled_rows],
            [file for file in files if file not in self.settled_files],
        )

    def _by_extension(self, rows: _Numbers, files: _Numbers, depth: int, better: bool) -> None:
        """Names with the same extension first, then those that one list writes without it."""
        by_row, by_file = _by_name(self.rows, rows), _by_name(self.files, files)
        for name in by_row.keys() & by_file.keys():
            self._by_spelling(by_row[name], by_file[name], depth, better)
        rows, files = self._open(rows, files)
        for some_rows, some_files in _without_extension(_by_name(self.rows, rows), _by_name(self.files, files)):
            self._decide(*self._open(some_rows, some_files), depth, better)

    def _by_spelling(self, rows: _Numbers, files: _Numbers, depth: int, better: bool) -> None:
        """Paths written with the same letters first: case tells some files apart."""
        if len(rows) > 1 or len(files) > 1:
            by_row, by_file = _by_spelling(self.rows, rows, depth), _by_spelling(self.files, files, depth)
            if len(by_row) > 1 or len(by_file) > 1:
                for spelling in by_row.keys() & by_file.keys():
                    self._decide(by_row[spelling], by_file[spelling], depth, better)
        self._decide(*self._open(rows, files), depth, better)

    def _decide(self, rows: _Numbers, files: _Numbers, depth: int, better: bool) -> None:
        """Match rows and files whose common tails are equally good, or note that they are ambiguous."""
        if better:
            rows, files = self._consistent(rows, files, depth)
        if not rows or not files:
            return
        self.settled_rows.update(rows)
        self.settled_files.update(files)
        agree = len(rows) == 1 or self.alike(rows)
        if agree and (len(rows) >= len(files) or self._one_name(files)):
            for file in files:
                self._match(rows, file)
        else:
            self.found.ambiguous.append(Ambiguity(tuple(rows), tuple(files)))

    def _consistent(self, rows: _Numbers, files: _Numbers, depth: int) -> tuple[_Numbers, _Numbers]:
        """Without the pairs that contradict each other above their last ``depth`` parts."""
        whole = [row for row in rows if len(self.rows[row].parts) == depth]
        return (whole, files) if whole else (rows, [file for file in files if len(self.files[file].parts) == depth])

    def _one_name(self, files: _Numbers) -> bool:
        """Whether files are one name in one folder, with several extensions."""
        names = {self.files[file].name for file in files}
        return len(names) == len(files) and len({self.files[file].parts for file in files}) == 1

    def _match(self, rows: _Numbers, file: int) -> None:
        self.found.rows_of[file] += rows
        there = self.files[file].parts
        for row in rows:
            parts = self.rows[row].parts
            shared = min(len(parts), len(there))
            if parts[-shared:] != there[-shared:]:
                self.found.partial.append((row, file))


def _without_extension(
    rows: Mapping[str, _Numbers], files: Mapping[str, _Numbers]
) -> Iterator[tuple[_Numbers, _Numbers]]:
    """Rows and files whose names differ by an extension that one of them lacks."""
    longer_rows, longer_files = _longer(rows), _longer(files)
    for name in rows:
        there = _partners(name, files, longer_files)
        here = {each for other in there for each in _partners(other, rows, longer_rows)}
        if there:
            yield [row for each in sorted(here) for row in rows[each]], [file for each in there for file in files[each]]


def _longer(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for shorter in _shorter(name)[1:]:
            found[shorter].append(name)
    return found


def _partners(name: str, names: Mapping[str, _Numbers], longer: Mapping[str, list[str]]) -> list[str]:
    return [*longer.get(name, ()), *(shorter for shorter in _shorter(name)[1:] if shorter in names)]
