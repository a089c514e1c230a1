"""Processes that work on a gallery until they are killed, or a system call of theirs fails."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Final

import operations

KILLED: Final = "killed"
STRACE: Final = shutil.which("strace")
NO_STRACE: Final = "strace is not installed: no system call can be made to fail"
# What makes things durable, and what takes them away.
CALLS: Final = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
]
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["operations", "sklearn.linear_model", "sklearn.manifold", "onnxruntime", "faiss"])


def _start_server() -> None:
    """The process that forks the others, with the modules of the tests imported in it."""
    own = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH") if own is None else os.environ.update(PYTHONPATH=own)


@dataclass(frozen=True)
class Fault:
    """The n-th call of a kind: how it ends ("KILL" the process, or an errno's name)."""

    call: str
    number: int
    how: str

    def __str__(self) -> str:
        return f"{self.how} at {self.call} {self.number}"


@dataclass(frozen=True)
class Outcome:
    """how: done (acknowledged), named (an error of the package), unnamed, killed."""

    how: str
    said: Any = None


def work(
    task: str, *arguments: Any, fault: Fault | None = None, delay: float | None = None, log: Path | None = None
) -> Outcome:
    """Run a task (``operations.TASKS``) in a process of its own. delay: kill it after so many seconds. log: of its
    system calls.
    """
    _start_server()
    here, there = _SERVER.Pipe(duplex=False)
    traced = fault is not None or log is not None
    process = _SERVER.Process(target=operations.child, args=(task, arguments, there, traced))
    process.start()
    there.close()
    tracer = _trace(process.pid, fault, log) if traced else None
    if delay is not None:
        time.sleep(delay)
        with suppress(ProcessLookupError):  # it has done
            os.kill(process.pid, signal.SIGKILL)
    try:
        outcome = Outcome(*here.recv())
    except EOFError:
        outcome = Outcome(KILLED)
    process.join()
    here.close()
    if tracer is not None:
        tracer.wait()
    return outcome


def _trace(pid: int, fault: Fault | None, log: Path | None) -> subprocess.Popen[bytes]:
    """Only the thread that works: the decoding processes are others."""
    assert STRACE
    calls = ",".join(CALLS) if fault is None else fault.call
    command = [STRACE, "-p", str(pid), "-qq", "-o", str(log or os.devnull), "-e", f"trace={calls}"]
    if fault is not None:
        how = "signal=KILL" if fault.how == "KILL" else f"error={fault.how}"
        command += ["-e", f"inject={fault.call}:{how}:when={fault.number}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def calls_in(log: Path) -> Counter[str]:
    """How often each system call stands in a log of strace."""
    return Counter(re.findall(r"^(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))


def every_fault(counts: Counter[str], hows: tuple[str, ...]) -> list[Fault]:
    """Every n-th call, each way."""
    return [Fault(call, n + 1, how) for how in hows for call, many in sorted(counts.items()) for n in range(many)]
