"""Measure two or more things turn by turn, so that whatever else the machine does hits all of them."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Timing:
    """Seconds of every turn: by the clock, and of processor time, that of child processes included.

    others: the share of the machine that other programs took meanwhile, 0 to 1.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median turn by the clock."""
        return statistics.median(self.wall)

    @property
    def cpu_seconds(self) -> float:
        """The median turn's processor time."""
        return statistics.median(self.cpu)


def interleave(rounds: int, **subjects: Callable[[], object]) -> dict[str, Timing]:
    """Run each in turn, ``rounds`` times (A B A B ...)."""
    timings = {name: Timing() for name in subjects}
    for _ in range(rounds):
        for name, run in subjects.items():
            _time(run, timings[name])
    return timings


def _time(run: Callable[[], object], timing: Timing) -> None:
    wall, own, busy = time.perf_counter(), _own_cpu(), _busy()
    run()
    wall, own, busy = time.perf_counter() - wall, _own_cpu() - own, _busy() - busy
    timing.wall.append(wall)
    timing.cpu.append(own)
    timing.others.append(max(0.0, (busy - own) / (wall * (os.cpu_count() or 1))))


def _own_cpu() -> float:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    ended = sum(usage.ru_utime + usage.ru_stime for usage in spent)
    return ended + sum(_spent(child) for child in psutil.Process().children(recursive=True))


def _spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)  # whatever it forked too


def _busy() -> float:
    """Processor seconds that every program together has used; 0 where the system does not say (not Linux)."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, fields)
    return (user + nice + system + irq + softirq) / _TICKS


def best_threads(run: Callable[[], object]) -> int:
    """Set torch to the number of threads, one or all cores, that a short trial of the reference does best with.

    On a busy machine threads that wait for each other may take a hundred times as long as one.
    """
    import torch

    trials: dict[int, float] = {}
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        started = time.perf_counter()
        run()
        trials[threads] = time.perf_counter() - started
    best = min(trials, key=trials.__getitem__)
    torch.set_num_threads(best)
    return best


def busy_note(timings: Mapping[str, Timing]) -> str:
    """How much other programs disturbed the measurement."""
    shares = [share for timing in timings.values() for share in timing.others]
    return f"other programs used {statistics.mean(shares):.0%} of the machine meanwhile"
