"""Sixteen people at a service: what each of them asks for, over one connection, and what they were answered."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np

API: Final = "/api/v1"
K: Final = 12
_T = TypeVar("_T")
_THINKS: Final = 0.4  # seconds at most between an answer and the next question, half of it on average
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Seen:
    """What all clients saw together. seconds: of each answered request, by kind. refused: by kind and reason. indexed,
    removed: records. labels: those that were set last, by record. taken: ids of records that may be gone.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    indexed: int = 0
    removed: int = 0
    jobs: Counter[str] = field(default_factory=Counter)
    labels: dict[str, list[str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def requests(self) -> int:
        """How many were answered as asked."""
        return sum(map(len, self.seconds.values()))


class Caller:
    """One connection with a key. seen: where what is answered is noted."""

    def __init__(self, port: int, key: str, seen: Seen) -> None:
        self._port, self._key, self.seen = port, key, seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, what: str, method: str, path: str, body: Any = None, form: bytes = b"") -> Any:
        """The JSON of an answer; None where the service refused and said why, or failed."""
        asked = time.perf_counter()
        try:
            status, content = await asyncio.wait_for(self._sent(method, path, body, form), 60)
        except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError) as error:
            self._streams = None
            self.seen.errors.append(f"{what}: {type(error).__name__}")
            return None
        if status < 300:
            self.seen.seconds.setdefault(what, []).append(time.perf_counter() - asked)
            return json.loads(content) if content[:1] in (b"{", b"[") else content
        self._refused(what, status, content)
        return None

    def _refused(self, what: str, status: int, content: bytes) -> None:
        """Note a refusal; one that gives no reason, and a failure of the service, is an error."""
        try:
            said = json.loads(content)
            reason, detail = str(said["reason"]), str(said["detail"])
        except (ValueError, KeyError, TypeError):
            reason = detail = ""
        if reason and detail and (status < 500 or (status == 503 and reason != "bug")):
            self.seen.refused[what, f"{status} {reason}"] += 1
        else:
            self.seen.errors.append(f"{what}: {status} {content[:200]!r}")

    async def _sent(self, method: str, path: str, body: Any, form: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        content = form or (b"" if body is None else json.dumps(body).encode())
        kind = "multipart/form-data; boundary=edge" if form else "application/json"
        head = f"{method} {API}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()
        first = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(first)
        answer = await reader.readexactly(int(length[1])) if length else b""
        if b"connection: close" in first.lower():
            writer.close()
            self._streams = None
        return int(first.split(b" ", 2)[1]), answer


Action = Callable[[Caller, np.random.Generator, Sequence[str], Sequence[bytes]], Awaitable[None]]


async def _search(caller: Caller, random: np.random.Generator, ids: Sequence[str], _pictures: Sequence[bytes]) -> None:
    body: dict[str, Any] = {"query": {"ids": [_one(random, ids)]}, "k": K}
    what = "search"
    if random.random() < 0.2:
        what, body["where"] = "search, filtered", f"label=class-{random.integers(5)} and Modality=CR"
    await _hits(caller, what, body)


async def _hits(caller: Caller, what: str, body: dict[str, Any]) -> None:
    answer = await caller.ask(what, "POST", "/search", body)
    if answer is not None and not 0 < len(answer["hits"]) <= K:
        caller.seen.errors.append(f"{what}: {len(answer['hits'])} hits")


async def _upload(caller: Caller, random: np.random.Generator, _ids: Sequence[str], pictures: Sequence[bytes]) -> None:
    sent = await caller.ask("upload", "POST", "/uploads", form=form_of([_one(random, pictures)]))
    if sent is not None:
        await _hits(caller, "search by upload", {"query": {"image": sent["id"]}, "k": K})


async def _look(caller: Caller, random: np.random.Generator, ids: Sequence[str], _pictures: Sequence[bytes]) -> None:
    identity = _one(random, ids)
    path = (f"/records/{identity}", f"/records/{identity}/thumbnail", "/records?limit=50", "/facets", "/jobs?limit=5")
    await caller.ask("look", "GET", path[random.integers(len(path))])


async def _label(caller: Caller, random: np.random.Generator, ids: Sequence[str], _pictures: Sequence[bytes]) -> None:
    """Set a record's labels, in three of four cases to stay."""
    identity, labels = _one(random, ids), [f"class-{random.integers(5)}", f"seen-{random.integers(1000)}"]
    answer = await caller.ask("label", "POST", "/labels", {"ids": [identity], "set": labels})
    if answer is None:
        return
    caller.seen.labels[identity] = labels
    if random.random() < 0.25 and answer["change"] is not None:
        caller.seen.labels.pop(identity)
        await caller.ask("undo", "POST", "/labels/undo", {"change": answer["change"]})


async def _remove(caller: Caller, random: np.random.Generator, ids: Sequence[str], _pictures: Sequence[bytes]) -> None:
    """Remove a record, or a patient of two."""
    identity = _one(random, ids)
    record = await caller.ask("look", "GET", f"/records/{identity}")
    if record is None:
        return
    caller.seen.taken.add(identity)
    path = f"/records/{identity}" if random.random() < 0.5 else f"/patients/{record['patient']}"
    answer = await caller.ask("remove", "DELETE", path)
    caller.seen.removed += 0 if answer is None else answer["records"]


_ACTIONS: Final[tuple[tuple[float, Action], ...]] = (
    (0.62, _search),
    (0.12, _look),
    (0.10, _label),
    (0.10, _upload),
    (0.06, _remove),
)


async def person(
    caller: Caller, number: int, end: float, shares: Sequence[Sequence[str]], pictures: Sequence[bytes]
) -> None:
    """Ask, look at the answer for a moment, ask again. shares: ids by client; each labels and removes its own only."""
    random = np.random.default_rng(number)
    chances = np.array([share for share, _ in _ACTIONS])
    everything = [identity for share in shares for identity in share]
    while time.perf_counter() < end:
        action = _ACTIONS[random.choice(len(_ACTIONS), p=chances / chances.sum())][1]
        await action(caller, random, shares[number] if action in (_label, _remove) else everything, pictures)
        await asyncio.sleep(random.uniform(0, _THINKS))


async def jobs(caller: Caller, end: float, fresh: Sequence[Sequence[bytes]]) -> None:
    """One job after the other: index three new pictures, evaluate, draw a map, look for confounds."""
    turn = 0
    while time.perf_counter() < end:
        if turn % 4 == 0 and turn // 4 < len(fresh):
            sent = [await caller.ask("upload", "POST", "/uploads", form=form_of([one])) for one in fresh[turn // 4]]
            body: Any = {"uploads": [one["id"] for one in sent if one is not None]}
            await run_job(caller, "index", body)
        elif turn % 4 == 1:
            await run_job(caller, "evaluate", {"folds": 2})
        elif turn % 4 == 2:
            await run_job(caller, "map", {"method": "umap"})
        else:
            await run_job(caller, "audit", {"fields": ["label"]})
        turn += 1


async def run_job(caller: Caller, kind: str, body: Any) -> None:
    """Queue a job and wait until it has ended."""
    job = await caller.ask(f"job: {kind}", "POST", f"/{kind}", body)
    while job is not None and job["state"] in ("queued", "running"):
        await asyncio.sleep(0.5)
        job = await caller.ask("job: look", "GET", f"/jobs/{job['id']}")
    if job is None:
        return
    caller.seen.jobs[f"{kind} {job['state']}" + (f" ({job['error']})" if job["error"] else "")] += 1
    if job["state"] == "done" and kind == "index":
        caller.seen.indexed += job["result"]["added"]
    if job["state"] == "failed" and not job["error"]:
        caller.seen.errors.append(f"job {kind} failed without a reason")


def form_of(files: Sequence[bytes]) -> bytes:
    """A multipart body of pictures."""
    about = b'Content-Disposition: form-data; name="file"; filename="p.png"\r\n\r\n'
    return b"".join(b"--edge\r\n" + about + data + b"\r\n" for data in files) + b"--edge--\r\n"


def _one(random: np.random.Generator, these: Sequence[_T]) -> _T:
    return these[int(random.integers(len(these)))]


@asynccontextmanager
async def sampled(every: float, look: Callable[[], tuple[int, ...]]) -> AsyncIterator[list[tuple[int, ...]]]:
    """What ``look`` says meanwhile, every so many seconds."""
    found: list[tuple[int, ...]] = []

    async def sample() -> None:
        while True:
            found.append(look())
            await asyncio.sleep(every)

    task = asyncio.create_task(sample())
    try:
        yield found
    finally:
        task.cancel()
