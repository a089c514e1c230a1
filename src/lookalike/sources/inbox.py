"""What was received by C-STORE as a source, ``inbox:FOLDER``: an item for every series that seems complete.

An item is named by the pseudonyms of its series and objects: where more of a series comes later, it is another item.
Reading removes nothing; who has indexed an item removes its files (``receive``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.receiving.folder import ARRIVED, READING, WaitingSeries, waiting_series
from lookalike.sources.labels import LabelTable
from lookalike.sources.source import items_since
from lookalike.sources.stable_series import is_stable
from lookalike.text import absolute
from lookalike.types import Item

INBOX_SCHEME: Final = "inbox:"
STABLE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class InboxSource:
    """An inbox. wait: seconds without a new object after which a series is complete. listed: the only series that it
    gives, so that they can be removed; None for those that are complete when they are listed.
    """

    folder: Path
    wait: float = STABLE_SECONDS
    listed: tuple[WaitingSeries, ...] | None = None

    @property
    def uri(self) -> str:
        """The folder, after the scheme."""
        return f"{INBOX_SCHEME}{self.folder}"

    def series(self) -> tuple[WaitingSeries, ...]:
        """The series that are complete."""
        if self.listed is not None:
            return self.listed
        now = time.time()
        return tuple(each for each in waiting_series(self.folder) if is_stable(each.arrived, now, self.wait))

    def items(self, since: str | None = None) -> Iterator[Item]:
        """An item for each of them, by name."""
        return items_since((Item(item_name(each)) for each in self.series()), since)

    @contextmanager
    def fetch(self, item: Item) -> Iterator[Sequence[Path]]:
        """Links to the item's files in a folder that nothing is received into. Raises OSError."""
        found = self._found(item.name)
        place = Path(tempfile.mkdtemp(dir=self.folder / READING))
        try:
            for file in found.files:
                _link(file, place / file.name)
            yield [place / file.name for file in found.files]
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _found(self, item: str) -> WaitingSeries:
        name = item.removeprefix(INBOX_SCHEME).rpartition("-")[0]
        some = waiting_series(self.folder, name) if self.listed is None else self.listed
        found = next((each for each in some if each.name == name), None)
        if found is None or item_name(found) != item:
            raise FileNotFoundError(item)
        return found

    def labels(self) -> LabelTable | None:
        """None: labels come from elsewhere."""
        return None


def item_name(series: WaitingSeries) -> str:
    """The permanent name of a series in the state that it is in."""
    names = "".join(file.name for file in series.files)
    return f"{INBOX_SCHEME}{series.name}-{hashlib.sha256(names.encode()).hexdigest()[:16]}"


def open_inbox(uri: str) -> InboxSource:
    """Open ``inbox:FOLDER``. Raises UsageError if no inbox is there."""
    folder = absolute(uri.removeprefix(INBOX_SCHEME))
    if not (folder / ARRIVED).is_dir():
        raise UsageError(f"no inbox at {folder}; one is made by: lookalike receive --gallery G")
    return InboxSource(folder)


def _link(file: Path, place: Path) -> None:
    try:
        os.link(file, place)
    except OSError:  # a file system without hard links
        shutil.copyfile(file, place)
