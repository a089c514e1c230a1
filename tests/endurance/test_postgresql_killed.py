"""SIGKILL of a PostgreSQL, whole or one of its processes, and connections that it ends, across everything that writes.

After each: what was acknowledged is there, nothing came twice, the same again comes to its end, and a service goes on
by itself. LOOKALIKE_ENDURANCE=500 says how often.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGKILL, SIGTERM

import psutil
import pytest
from calling import Caller
from endured import Subject, prepared_subject, right
from forks import Outcome, work
from operations import OPERATIONS
from served import eventually, make_gallery, serving

from lookalike.gallery import open_gallery
from lookalike.store.damage import damage_of
from peers.postgresql import ROLE, PostgreSQL, postgresql

ROUNDS = int(os.environ.get("LOOKALIKE_ENDURANCE", "24"))
SEED = int(os.environ.get("LOOKALIKE_ENDURANCE_SEED", "0"))
KILLS = max(2, ROUNDS // 20)
NAMES = ["create", *OPERATIONS]
pytestmark = pytest.mark.slow


@dataclass
class Elsewhere(Subject):
    """One whose records are in a PostgreSQL. statements: how many an operation takes."""

    server: PostgreSQL = field(kw_only=True)
    statements: dict[str, int] = field(default_factory=dict)

    def work(self, task: str, *arguments: object, **disturbed: object) -> Outcome:
        self.server.wait()
        return work("elsewhere", self.server.url(), task, *arguments, **disturbed)  # type: ignore[arg-type]

    def keep(self) -> None:
        """What there is now is what every operation starts with."""
        self.server.ask("CREATE DATABASE sound TEMPLATE lookalike", "postgres")

    def start(self, name: str) -> None:
        super().start(name)
        self.server.wait()
        self.server.ask("DROP DATABASE lookalike WITH (FORCE)", "postgres")
        template = "template1" if name == "create" else "sound"
        self.server.ask(f"CREATE DATABASE lookalike OWNER {ROLE} TEMPLATE {template}", "postgres")

    def undisturbed(self, name: str) -> None:
        self.statements[name] = int(str(right(self.work("beset", name, self.folder, self.root, 0, 0))))


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    with postgresql() as server, prepared_subject(Elsewhere(tmp_path_factory.mktemp("endured"), server=server)) as made:
        made.keep()
        yield made


@pytest.mark.parametrize("how", [SIGKILL, SIGTERM], ids=["killed", "ended"])
@pytest.mark.parametrize("name", NAMES)
def test_what_asks_is_cut_off_at_any_statement(subject: Elsewhere, name: str, how: int) -> None:
    """Killed, a process of PostgreSQL takes all others with it; a connection that is ended takes nothing."""
    subject.truth(name)
    many = max(2, ROUNDS // len(NAMES))
    chance = random.Random(f"{SEED}:{name}:{how}")
    for number in sorted(chance.sample(range(1, subject.statements[name] + 1), many)):
        cut = partial(subject.work, "beset", name, subject.folder, subject.root, number, how)
        subject.endure(name, "killed" if how == SIGKILL else "ended", f"at statement {number}", cut)


@pytest.mark.parametrize("name", NAMES)
def test_the_server_is_killed_at_random_moments(subject: Elsewhere, name: str) -> None:
    chance = random.Random(f"{SEED}:{name}")
    subject.truth(name)
    for _ in range(max(1, ROUNDS // len(NAMES) // 2)):
        delay = chance.random() * subject.took[name]
        subject.endure(name, "server", f"after {delay:.3f} s", partial(_without_server, subject, name, delay))


def _without_server(subject: Elsewhere, name: str, delay: float) -> Outcome:
    """An operation in which the server is killed, and started again."""

    def kill() -> None:
        time.sleep(delay)
        subject.server.stop(kill=True)
        subject.server.start()

    killing = threading.Thread(target=kill)
    killing.start()
    outcome = subject.work("operate", name, subject.folder, subject.root)
    killing.join()
    return outcome


# Under a service


@pytest.mark.parametrize("how", ["server", "process", "connection"])
def test_a_service_goes_on_by_itself(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked to label, index, evaluate, remove and search all the time, and nobody touches it."""
    chance, removed = random.Random(f"{SEED}:{how}"), set[str]()
    with postgresql() as database:
        monkeypatch.setenv("LOOKALIKE_STORE", database.url())
        folder = make_gallery(tmp_path)
        with serving(folder) as server, ThreadPoolExecutor() as pool:
            for number in range(KILLS):
                caller = Caller(server, tmp_path, number)
                asking = [pool.submit(caller.run), pool.submit(_search, caller)]
                for _ in range(2):
                    time.sleep(0.5 + 3 * chance.random())
                    _cut(database, how, chance)
                time.sleep(3)
                caller.stopped.set()
                answered, not_answered = [each.result() for each in asking][1]
                assert answered
                eventually(lambda: server.http.get("/readyz").status_code, lambda status: status == 200)
                print(f"{how}: {caller.told()}, {answered} searches answered, {not_answered} not")
                records = caller.check(server, removed)
                removed |= caller.removed
        with open_gallery(folder) as gallery:
            assert not damage_of(gallery.store).read_again
            assert len(gallery.index()) == gallery.store.count() == records


def _cut(database: PostgreSQL, how: str, chance: random.Random) -> None:
    """Kill the server and start it again, or kill one of its processes that lookalike asks, or end one's connection."""
    if how == "server":
        database.stop(kill=True)
        time.sleep(chance.random())
        database.start()
        return
    asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'lookalike'"
    (pid,) = chance.choice(database.ask(asked))
    process = psutil.Process(int(str(pid)))
    with suppress(psutil.NoSuchProcess):
        process.send_signal(SIGKILL if how == "process" else SIGTERM)
        process.wait()
    database.wait()


def _search(caller: Caller) -> tuple[int, int]:
    """Search until the caller is stopped; how many searches were answered, and how many were not."""
    counts: Counter[bool] = Counter()
    while not caller.stopped.is_set():
        said = caller.server.post("/search", {"query": {"ids": [caller.ids[0]]}, "k": 200})
        hits = [hit["id"] for hit in said.json()["hits"]] if said.status_code == 200 else []
        assert len(hits) == len(set(hits))
        counts[said.status_code == 200] += 1
    return counts[True], counts[False]
