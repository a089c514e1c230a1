"""How far a verb has come, told to whoever started it: a bar on a terminal, a job of the server."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias, TypeVar

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how much is done, of how much. Never called: nobody can tell, the work is one step of a library."""

_Each = TypeVar("_Each")
_FOLLOWER: Final[ContextVar[Progress | None]] = ContextVar("follower", default=None)


@contextmanager
def followed_by(progress: Progress | None) -> Iterator[None]:
    """Within, loops over ``tracked`` items report to ``progress``; to nobody if it is None."""
    before = _FOLLOWER.set(progress)
    try:
        yield
    finally:
        _FOLLOWER.reset(before)


def tracked(items: Sequence[_Each]) -> Iterator[_Each]:
    """The items one after the other, each reported when the next is asked for.

    Loops within a tracked loop are silent: only the outermost knows how much there is in all. A loop of one item
    knows nothing, and leaves it to those within.
    """
    progress = _FOLLOWER.get()
    if progress is None or len(items) < 2:
        yield from items
        return
    _FOLLOWER.set(None)
    try:
        for done, item in enumerate(items):
            progress(done, len(items))
            yield item
        progress(len(items), len(items))
    finally:
        _FOLLOWER.set(progress)


def bar(unit: str = "done") -> Progress:
    """A bar for ``progress=``: in a notebook a widget, where ipywidgets is installed, else a line of text.

    unit: of what is counted.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a notebook has no widgets
        from tqdm.auto import tqdm
    drawn: Any = None

    def progress(done: int, total: int) -> None:
        nonlocal drawn
        if drawn is None or total != drawn.total or done < drawn.n:  # another loop of the verb
            drawn = tqdm(total=total, unit=f" {unit}")
        drawn.update(done - drawn.n)
        if done >= total:
            drawn.close()

    return progress
