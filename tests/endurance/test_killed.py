"""SIGKILL at every durable step and at random moments, and system calls that fail, across everything that writes.

After each: what was acknowledged is there, nothing came twice, and the answers are those from before or those of an
undisturbed run; a second run comes to its end. LOOKALIKE_ENDURANCE=500 says how many kills (docs/security.md).
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import PIL.Image
import pytest
from forks import NO_STRACE, STRACE, Fault, Outcome, calls_in, every_fault, work
from operations import OPERATIONS, State, copied

from conftest import texture, write_pictures

ROUNDS = int(os.environ.get("LOOKALIKE_ENDURANCE", "24"))
SEED = int(os.environ.get("LOOKALIKE_ENDURANCE_SEED", "0"))
NAMES = ["create", *OPERATIONS]
READS = {"map", "evaluate"}  # which change nothing that a gallery says
pytestmark = pytest.mark.slow
needs_strace = pytest.mark.skipif(STRACE is None, reason=NO_STRACE)


@dataclass
class Subject:
    """root: of the pictures and galleries. before: every state that an operation may find; after: that it brings."""

    root: Path
    before: dict[str, State | None] = field(default_factory=dict)
    after: dict[str, State | None] = field(default_factory=dict)
    calls: dict[str, Counter[str]] = field(default_factory=dict)
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def folder(self) -> Path:
        return self.root / "g"

    def start(self, name: str) -> None:
        """The gallery as it was before everything."""
        copied(self.root / ("none" if name == "create" else "sound"), self.folder)

    def truth(self, name: str) -> None:
        """What an undisturbed run does, and its system calls."""
        if name not in self.after:
            self.start(name)
            self.before[name] = right(work("look", self.folder))
            log = self.root / "strace.log"
            right(work("operate", name, self.folder, self.root, log=log if STRACE else None))
            self.calls[name] = calls_in(log) if STRACE else Counter()
            self.after[name] = right(work("look", self.folder))

    def endure(self, name: str, what: str, **disturbed: object) -> None:
        """An operation that is disturbed, what it leaves, and the same operation again."""
        self.truth(name)
        self.start(name)
        outcome = work("operate", name, self.folder, self.root, **disturbed)  # type: ignore[arg-type]
        where = f"{name}, {what}: {outcome}"
        assert outcome.how != "unnamed", where
        left = right(work("look", self.folder), where)
        before, after = self.before[name], self.after[name]
        if outcome.how == "done":
            assert left == after, f"{where}: acknowledged and not there"
        assert left in (before, after) or whole_part(name, left, after), where
        state = "after" if left == after else "before"
        if left != after:
            left = right(work("both", [name], self.folder, self.root), where)
            assert left == after, f"{where}: run again"
        self.seen[name, str(disturbed.get("fault") or "a moment").split(" at ")[0], f"{outcome.how}, {state}"] += 1


def whole_part(name: str, left: State | None, after: State | None) -> bool:
    """A gallery that was born and holds nothing yet."""
    return name == "create" and left is not None and after is not None and not left["records"] and not left["files"]


def right(outcome: Outcome, where: str = "") -> object:
    assert outcome.how == "done", f"{where} {outcome}"
    return outcome.said


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    root = tmp_path_factory.mktemp("endured")
    pictures = write_pictures(root / "pictures")
    shutil.copytree(pictures, root / "elsewhere")
    (root / "more").mkdir()
    for i in range(20, 26):
        PIL.Image.fromarray(texture(i)).save(root / "more" / f"m{i}.png")
    rows = [f"m{i}.png,more,patient-{i % 4},east" for i in range(20, 26)]
    rows += [f"p{i:02}.png,{'even' if i % 3 else 'third'},patient-{i % 5},west" for i in range(12)]
    (root / "more" / "labels.csv").write_text("\n".join(["file,label,patient_id,site", *rows]) + "\n")
    right(work("prepare", root / "sound", root))
    made = Subject(root)
    yield made
    print()
    for (name, how, what), many in sorted(made.seen.items()):
        print(f"{name:18} {how:10} {what:18} {many:4}")
    print(f"{sum(made.seen.values())} disturbed runs: 0 lost, 0 doubled, 0 wrong, 0 false acknowledgements")


def shares(total: int) -> dict[str, int]:
    """The rounds of each operation; none is left out of many."""
    return {name: total // len(NAMES) + (i < total % len(NAMES)) for i, name in enumerate(NAMES)}


def chosen(faults: list[Fault], many: int) -> list[Fault]:
    """So many, evenly over all of them; again from the first where there are fewer."""
    return [faults[(i * len(faults)) // many if many <= len(faults) else i % len(faults)] for i in range(many)]


@needs_strace
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_every_durable_step(subject: Subject, name: str) -> None:
    many = shares(ROUNDS * 3 // 5)[name]
    if many:
        subject.truth(name)
        for fault in chosen(every_fault(subject.calls[name], ("KILL",)), many) if subject.calls[name] else ():
            subject.endure(name, str(fault), fault=fault)


@pytest.mark.parametrize("name", NAMES)
def test_killed_at_random_moments(subject: Subject, name: str) -> None:
    chance = random.Random(f"{SEED}:{name}")
    for _ in range(shares(ROUNDS - ROUNDS * 3 // 5)[name]):
        delay = chance.random() * (3 if name in ("create", "index", "map") else 0.6)
        subject.endure(name, f"after {delay:.3f} s", delay=delay)


@needs_strace
@pytest.mark.parametrize("name", [name for name in NAMES if name not in READS])
def test_the_disk_fails_or_is_full_at_every_call(subject: Subject, name: str) -> None:
    subject.truth(name)
    faults = every_fault(subject.calls[name], ("EIO", "ENOSPC"))
    for fault in chosen(faults, min(len(faults), max(2, ROUNDS // 8))):
        subject.endure(name, str(fault), fault=fault)
