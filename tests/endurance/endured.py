"""An operation on a gallery that is disturbed: what it is compared with, and what it may leave."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import PIL.Image
from forks import STRACE, Outcome, calls_in, work
from operations import State, copied

from conftest import texture, write_pictures


@dataclass
class Subject:
    """root: of the pictures and galleries. before: every state that an operation may find; after: that it brings.
    took: how long it does so undisturbed, in seconds on this machine as it is now.
    """

    root: Path
    before: dict[str, State | None] = field(default_factory=dict)
    after: dict[str, State | None] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    calls: dict[str, Counter[str]] = field(default_factory=dict)
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def folder(self) -> Path:
        return self.root / "g"

    def work(self, task: str, *arguments: object, **disturbed: Any) -> Outcome:
        """A task (``operations.TASKS``) in a process of its own."""
        return work(task, *arguments, **disturbed)

    def start(self, name: str) -> None:
        """The gallery as it was before everything."""
        copied(self.root / ("none" if name == "create" else "sound"), self.folder)

    def truth(self, name: str) -> None:
        """What an undisturbed run does."""
        if name not in self.after:
            self.start(name)
            self.before[name] = right(self.work("look", self.folder))
            began = time.monotonic()
            self.undisturbed(name)
            self.took[name] = time.monotonic() - began
            self.after[name] = right(self.work("look", self.folder))

    def undisturbed(self, name: str) -> None:
        """Do an operation, and note what can be disturbed of it."""
        log = self.root / "strace.log"
        right(work("operate", name, self.folder, self.root, log=log if STRACE else None))
        self.calls[name] = calls_in(log) if STRACE else Counter()

    def endure(self, name: str, kind: str, what: str, disturbed: Callable[[], Outcome]) -> None:
        """An operation that is disturbed, what it leaves, and the same operation again. kind: of the disturbance."""
        self.truth(name)
        self.start(name)
        outcome = disturbed()
        where = f"{name}, {what}: {outcome}"
        assert outcome.how != "unnamed", where
        left = right(self.work("look", self.folder), where)
        before, after = self.before[name], self.after[name]
        if outcome.how == "done":
            assert left == after, f"{where}: acknowledged and not there"
        assert left in (before, after) or _whole_part(name, left, after), where
        state = "after" if left == after else "before"
        if left != after:
            left = right(self.work("both", [name], self.folder, self.root), where)
            assert left == after, f"{where}: run again"
        self.seen[name, kind, f"{outcome.how}, {state}"] += 1


def _whole_part(name: str, left: State | None, after: State | None) -> bool:
    """A gallery that was born and holds nothing yet."""
    return name == "create" and left is not None and after is not None and not left["records"] and not left["files"]


def right(outcome: Outcome, where: str = "") -> object:
    assert outcome.how == "done", f"{where} {outcome}"
    return outcome.said


S = TypeVar("S", bound=Subject)


@contextmanager
def prepared_subject(made: S) -> Iterator[S]:
    """One with pictures and a gallery on which every operation has something to do; says at the end what was seen."""
    root = made.root
    pictures = write_pictures(root / "pictures")
    shutil.copytree(pictures, root / "elsewhere")
    (root / "more").mkdir()
    for i in range(20, 26):
        PIL.Image.fromarray(texture(i)).save(root / "more" / f"m{i}.png")
    rows = [f"m{i}.png,more,patient-{i % 4},east" for i in range(20, 26)]
    rows += [f"p{i:02}.png,{'even' if i % 3 else 'third'},patient-{i % 5},west" for i in range(12)]
    (root / "more" / "labels.csv").write_text("\n".join(["file,label,patient_id,site", *rows]) + "\n")
    right(made.work("prepare", root / "sound", root))
    yield made
    print()
    for (name, how, what), many in sorted(made.seen.items()):
        print(f"{name:18} {how:10} {what:18} {many:4}")
    print(f"{sum(made.seen.values())} disturbed runs: 0 lost, 0 doubled, 0 wrong, 0 false acknowledgements")
