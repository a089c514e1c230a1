"""SIGKILL at every durable step and at random moments, and system calls that fail, across everything that writes.

After each: what was acknowledged is there, nothing came twice, and the answers are those from before or those of an
undisturbed run; a second run comes to its end. LOOKALIKE_ENDURANCE=500 says how many kills (docs/security.md).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import partial

import pytest
from endured import Subject, prepared_subject
from forks import NO_STRACE, STRACE, Fault, every_fault, work
from operations import OPERATIONS

ROUNDS = int(os.environ.get("LOOKALIKE_ENDURANCE", "24"))
SEED = int(os.environ.get("LOOKALIKE_ENDURANCE_SEED", "0"))
NAMES = ["create", *OPERATIONS]
READS = {"map", "evaluate"}  # which change nothing that a gallery says
pytestmark = pytest.mark.slow
needs_strace = pytest.mark.skipif(STRACE is None, reason=NO_STRACE)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    with prepared_subject(Subject(tmp_path_factory.mktemp("endured"))) as made:
        yield made


def shares(total: int) -> dict[str, int]:
    """The rounds of each operation; none is left out of many."""
    return {name: total // len(NAMES) + (i < total % len(NAMES)) for i, name in enumerate(NAMES)}


def chosen(faults: list[Fault], many: int) -> list[Fault]:
    """So many, evenly over all of them; again from the first where there are fewer."""
    return [faults[(i * len(faults)) // many if many <= len(faults) else i % len(faults)] for i in range(many)]


def _fail(subject: Subject, name: str, fault: Fault) -> None:
    subject.endure(
        name, fault.how, str(fault), lambda: work("operate", name, subject.folder, subject.root, fault=fault)
    )


@needs_strace
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_every_durable_step(subject: Subject, name: str) -> None:
    many = shares(ROUNDS * 3 // 5)[name]
    if many:
        subject.truth(name)
        for fault in chosen(every_fault(subject.calls[name], ("KILL",)), many) if subject.calls[name] else ():
            _fail(subject, name, fault)


@pytest.mark.parametrize("name", NAMES)
def test_killed_at_random_moments(subject: Subject, name: str) -> None:
    chance = random.Random(f"{SEED}:{name}")
    subject.truth(name)
    for _ in range(shares(ROUNDS - ROUNDS * 3 // 5)[name]):
        delay = chance.random() * subject.took[name]
        subject.endure(
            name,
            "a moment",
            f"after {delay:.3f} s",
            partial(work, "operate", name, subject.folder, subject.root, delay=delay),
        )


@needs_strace
@pytest.mark.parametrize("name", [name for name in NAMES if name not in READS])
def test_the_disk_fails_or_is_full_at_every_call(subject: Subject, name: str) -> None:
    subject.truth(name)
    faults = every_fault(subject.calls[name], ("EIO", "ENOSPC"))
    for fault in chosen(faults, min(len(faults), max(2, ROUNDS // 8))):
        _fail(subject, name, fault)
