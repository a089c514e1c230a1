"""The items that a listing of objects makes: what has to be read together is one item, everything else by itself.

Slices of a series are told by their headers, which a listing does not have. So the DICOM files of a folder are one item
where they are few enough to lie on this machine together, which is how series are stored; of more each is an item. A
header and its data are told by their names.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lookalike.sources.kinds import kind_beside, kind_of_folder, kind_of_hidden
from lookalike.sources.s3.address import BucketAddress
from lookalike.types import Item

MOST_FILES: Final = 4096
"""DICOM files of a folder that are read together."""
_DICOM: Final = ("", ".dcm", ".dicom", ".ima")
_HEADERS: Final = (".hdr", ".mhd", ".nhdr")
_DATA: Final = (".img", ".raw", ".zraw", ".bin")
_LONGEST: Final = 255  # bytes of a file's name
_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it is listed. size: bytes. version: its entity tag, or the time of its last change where it has
    none; tag: the first of them, to ask for this version by, or "".
    """

    key: str
    size: int
    version: str
    tag: str

    @property
    def folder(self) -> str:
        """The part of its key before the last slash; "" for none."""
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The part of its key after the last slash."""
        return self.key.rpartition("/")[2]

    @property
    def file_name(self) -> str:
        """What its copy on this machine is called: its name where a file can be called so."""
        if len(self.name.encode()) <= _LONGEST and "\0" not in self.name:
            return self.name
        suffix = Path(self.name).suffix[:16]
        return f"{hashlib.sha256(self.key.encode()).hexdigest()[:_DIGITS]}{suffix if suffix.isascii() else ''}"


@dataclass(slots=True)
class Grouping:
    """Makes items of objects. bytes_together: of the files of one item. loose: how many DICOM files were listed that
    are read by themselves since there are too many in their folder.
    """

    address: BucketAddress
    bytes_together: int
    loose: int = 0
    objects: dict[str, tuple[StoredObject, ...]] = field(default_factory=dict)

    def items(self, listed: Iterable[StoredObject]) -> Iterator[Item]:
        """One item an object or a group of them, by name. ``objects`` says afterwards what each is."""
        keys: set[str] = set()
        singles: list[StoredObject] = []
        groups: dict[tuple[str, str], list[StoredObject]] = defaultdict(list)
        for each in listed:
            keys.add(each.key)
            if self._kind(each) or (group := _group_of(each)) is None:
                singles.append(each)
            else:
                groups[each.folder, group].append(each)
        found = [self._item(each.key, [each]) for each in singles]
        for (folder, group), members in groups.items():
            found += self._items_of(folder, group, members, keys)
        yield from sorted(found, key=lambda item: item.name)

    def _items_of(self, folder: str, group: str, members: list[StoredObject], keys: set[str]) -> Iterator[Item]:
        if group:  # a header and its data
            headers = [each for each in members if _suffix(each) in _HEADERS]
            together, key = len(members) == 2 and len(headers) == 1, headers[0].key if headers else ""
            members = sorted(members, key=lambda each: each not in headers)
        else:
            few = len(members) <= MOST_FILES and sum(each.size for each in members) <= self.bytes_together
            together, key = len(members) > 1 and few and folder not in keys, folder
            self.loose += 0 if few else len(members)
        if together:
            yield self._item(key, members)
        else:
            yield from (self._item(each.key, [each]) for each in members)

    def _item(self, key: str, members: Sequence[StoredObject]) -> Item:
        name, size = self.address.name_of(key), sum(each.size for each in members)
        if len(members) == 1 and (kind := self._kind(members[0])):
            return Item(name, size=size, apart=kind)
        self.objects[name] = tuple(members)
        if len(members) == 1:
            return Item(name, size=size, version=members[0].version)
        told = "\n".join(f"{each.key}\0{each.version}\0{each.size}" for each in members)
        version = hashlib.sha256(told.encode()).hexdigest()
        return Item(name, size=size, instances=tuple(each.file_name for each in members), version=version)

    def _kind(self, each: StoredObject) -> str:
        """The kind of what is told by its name to be no image; "" for any other, and for the one that was asked for."""
        if each.key == self.address.prefix:
            return ""
        *folders, name = each.key[len(self.address.prefix) :].strip("/").split("/")
        hidden = (kind_of_folder(part) or kind_of_hidden(part, True) for part in folders)
        return next(filter(None, hidden), "") or kind_of_hidden(name, False) or kind_beside(Path(name))


def _suffix(each: StoredObject) -> str:
    """The suffix of its name, in lower case, without that of its compression."""
    path = Path(each.name.lower())
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _group_of(each: StoredObject) -> str | None:
    """What an object of a folder is read together with: "" for its DICOM files, the common name for a header and its
    data; None where it is read by itself.
    """
    suffix = _suffix(each)
    if suffix in (*_HEADERS, *_DATA):
        name = each.name[:-3] if each.name.lower().endswith(".gz") else each.name
        return name[: len(name) - len(suffix)] or None
    return "" if suffix in _DICOM or suffix[1:].isdigit() else None
