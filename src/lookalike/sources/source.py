"""The interface of a source, and opening one by a path, or by a URI whose scheme a plug-in declares."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias, cast, runtime_checkable

from lookalike.errors import UsageError
from lookalike.plugins import load_plugin, plugin_names, suggestion
from lookalike.sources.labels import LabelTable
from lookalike.text import absolute
from lookalike.types import Item

Pseudonym: TypeAlias = Callable[[str, str], str]
"""("series" or "instance", its UID) -> the name that a gallery knows it by."""

GROUP: Final = "lookalike.sources"
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):(?s:.*)")


@runtime_checkable
class Source(Protocol):
    """A source of images. Listing is cheap and resumable; bytes are fetched only for new items.

    Declared as an entry point of the group ``lookalike.sources``: the scheme of its URIs -> a function that takes
    such a URI and returns the source, or raises UsageError where it cannot be used.

    An item's name is permanent: a source never gives other bytes under the same name and, where its items have one, the
    same ``version``. Local files are the exception: they name their ``files`` in the listing and may change, and their
    bytes are checked each time. The files of one volume must come from one item, unless they are local.
    """

    @property
    def uri(self) -> str:
        """The source's URI: ``source_of(uri)`` opens it again."""
        ...

    def items(self, since: str | None = None) -> Iterator[Item]:
        """Every item, in a stable order, without opening one. since: the last item's name in an earlier listing; only
        the items after it are listed, or all of them if it is no longer there.
        """
        ...

    def fetch(self, item: Item) -> AbstractContextManager[Sequence[Path]]:
        """The item's files, each with its own name, readable within the context; copies are gone afterwards. At most
        ``fetching.FETCHED_AT_ONCE`` items are held at the same time, or ``SMALL_AT_ONCE`` small ones, and so many that
        come while these are read. Of an item of several ``instances`` each file is called as its instance, and those
        that cannot be had may lack. Raises OSError or UnreadableImageError.
        """
        ...

    def labels(self) -> LabelTable | None:
        """The source's own labels for its items, by their names; None if it has none."""
        ...


@runtime_checkable
class NamedByGallery(Source, Protocol):
    """A source whose own names would give people away: a gallery names its items, and its records keep these names."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of its lists, once they were read: a sentence each."""
        ...

    def named_by(self, pseudonym: Pseudonym, *, reports: bool) -> Source:
        """The source with its items named by pseudonyms. reports: whether structured reports are wanted, too."""
        ...


@dataclass(frozen=True, slots=True)
class Selected:
    """Some items of a source."""

    source: Source
    selected: Sequence[Item]

    @property
    def uri(self) -> str:
        """That of the source."""
        return self.source.uri

    def items(self, since: str | None = None) -> Iterator[Item]:
        """These items."""
        return items_since(iter(self.selected), since)

    def fetch(self, item: Item) -> AbstractContextManager[Sequence[Path]]:
        """As the source does."""
        return self.source.fetch(item)

    def stop(self) -> None:
        """As the source does, if it can."""
        getattr(self.source, "stop", lambda: None)()

    def labels(self) -> LabelTable | None:
        """Those of the source."""
        return self.source.labels()


def source_of(source: str | os.PathLike[str] | Source) -> Source:
    """Open the source that a path or a URI names; an open source is returned as it is.

    Raises UsageError: no such file or folder, no plug-in for the scheme, or the plug-in's refusal.
    """
    if isinstance(source, Source):
        return source
    text = os.fspath(source)
    path = absolute(text)
    uri = _SCHEME.fullmatch(text) if isinstance(source, str) else None
    if uri is None or os.path.exists(path):  # noqa: PTH110 - False for any impossible name
        return cast(Source, load_plugin(GROUP, "file")(str(path)))
    scheme = uri[1]
    if scheme not in plugin_names(GROUP):
        raise UsageError(
            f"no such file or folder: {path}, and no source is called {scheme!r}."
            f"{suggestion(scheme, plugin_names(GROUP))}"
        )
    return cast(Source, load_plugin(GROUP, scheme)(text))


def items_since(items: Iterator[Item], since: str | None) -> Iterator[Item]:
    """The items after the one of that name; all of them if none has it."""
    if since is None:
        yield from items
        return
    passed: list[Item] = []
    for item in items:
        passed.append(item)
        if item.name == since:
            yield from items
            return
    yield from passed
