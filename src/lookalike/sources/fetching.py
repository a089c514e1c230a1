"""Items of remote sources on this machine, some at a time. While some are read the next come, if they are small."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from lookalike.errors import UnreadableImageError
from lookalike.sources.source import Source
from lookalike.types import Item, Refusal

FETCHED_AT_ONCE: Final = 8
"""Items of a remote source whose files are on this machine at the same time, but for small ones."""
SMALL: Final = 4 << 20
"""Bytes of an item that is small; what is not known is not."""
SMALL_AT_ONCE: Final = 32
"""Small items that are fetched together: twice as many are here while some of them are read."""
_THREADS: Final = 16

_Held: TypeAlias = tuple[AbstractContextManager[Sequence[Path]], Sequence[Path]]
_Begun: TypeAlias = list[tuple[Source, Item, Future[_Held]]]
Fetched: TypeAlias = list[tuple[Item, Sequence[Path] | Refusal]]


@contextmanager
def fetching(items: Sequence[tuple[Source, Item]]) -> Iterator[Iterator[Fetched]]:
    """Gives the items some at a time, the files of each or why there are none; until the next ones are asked for these
    are there. Raises what a source does that does not work.
    """
    with ThreadPoolExecutor(_THREADS, "fetch") as threads:
        coming = _Coming(threads)
        try:
            with closing(coming.each(batches(items))) as each:
                yield each
        except KeyboardInterrupt:  # nobody waits for what is on its way
            _stop(source for source, _item in items)
            raise
        finally:
            coming.close()


class _Coming:
    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads, self._coming = threads, list[_Begun]()

    def each(self, some: Sequence[Sequence[tuple[Source, Item]]]) -> Generator[Fetched]:
        """The items of each batch."""
        for number, batch in enumerate(some):
            begun = self._coming.pop() if self._coming else self._begun(batch)
            with ExitStack() as held:
                found = _together(held, begun)
                if number + 1 < len(some) and all(_is_small(item) for _, item in some[number + 1]):
                    self._coming.append(self._begun(some[number + 1]))
                yield found

    def close(self) -> None:
        """Let go of what came and is not needed any more."""
        for _source, _item, future in (each for begun in self._coming for each in begun):
            future.cancel()
            with suppress(Exception):
                future.result()[0].__exit__(None, None, None)

    def _begun(self, batch: Sequence[tuple[Source, Item]]) -> _Begun:
        return [(source, item, self._threads.submit(_entered, source, item)) for source, item in batch]


def batches(items: Sequence[tuple[Source, Item]]) -> list[list[tuple[Source, Item]]]:
    """Items that are fetched together, in their order."""
    made: list[list[tuple[Source, Item]]] = []
    for each in items:
        most = SMALL_AT_ONCE if made and all(_is_small(item) for _, item in (*made[-1], each)) else FETCHED_AT_ONCE
        if not made or len(made[-1]) >= most:
            made.append([])
        made[-1].append(each)
    return made


def _is_small(item: Item) -> bool:
    return item.size is not None and item.size <= SMALL


def _together(held: ExitStack, begun: _Begun) -> Fetched:
    """The files of each item, or why there are none, for as long as ``held`` holds them."""
    found: Fetched = []
    failed: list[BaseException] = []
    for _source, item, future in begun:  # all of them, so that none is left behind when one fails
        try:
            context, files = future.result()
            held.push(context.__exit__)
            found.append((item, files))
        except (OSError, UnreadableImageError) as error:
            found.append((item, Refusal(item.name, getattr(error, "reason", "not-readable"))))
        except (Exception, KeyboardInterrupt) as error:
            failed.append(error)
            if isinstance(error, KeyboardInterrupt):
                _stop(source for source, _item, _future in begun)
    if failed:
        raise failed[0]
    return found


def _stop(sources: Iterable[Source]) -> None:
    for source in {id(source): source for source in sources}.values():
        getattr(source, "stop", lambda: None)()


def _entered(source: Source, item: Item) -> _Held:
    """An item's files, and the context that holds them: a source may refuse when it is asked, or on entering."""
    context = source.fetch(item)
    return context, context.__enter__()
