"""A real PostgreSQL, Debian's, on a socket in a folder of its own: it listens at no port."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGQUIT

import psutil
import psycopg
import pytest

from awaited import PATIENCE, eventually
from lookalike.store.place import STORE_FILE

PASSED_OVER = "PostgreSQL is not installed"
ROLE = "gallery_keeper"  # no administrator, as nobody's should be
_ADMIN = "postgres"


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs; Debian has them on no PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("postgres")
    return None if program is None else Path(program).parent


@dataclass
class PostgreSQL:
    """A running server. process: None while it is stopped."""

    folder: Path
    binaries: Path
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "lookalike") -> str:
        """The address for galleries."""
        return f"postgresql://{ROLE}@/{database}?host={self.folder}"

    def ask(self, statement: str, database: str = "lookalike") -> list[tuple[object, ...]]:
        """What it answers its administrator."""
        with psycopg.connect(f"host={self.folder} user={_ADMIN} dbname={database}", autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def program(self, *words: str, given: str = "") -> str:
        """What one of its programs prints, which is given a text. Raises CalledProcessError."""
        command = [self.binaries / words[0], *words[1:]]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=given, timeout=PATIENCE).stdout

    def start(self) -> None:
        """Start it; returns once it answers."""
        words = [self.binaries / "postgres", "-D", self.folder / "data", "-k", self.folder, "-h", ""]
        # What a test writes need not outlive the machine; the server's own processes may be killed all the same.
        words += ["-c", "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=64MB"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(_as_user(words), stdout=log, stderr=subprocess.STDOUT)
        self.wait()

    def wait(self) -> None:
        """Until it answers."""
        eventually(self._answers, every=0.05)

    def stop(self, *, kill: bool = False) -> None:
        """End it at once; kill: as if the power had failed."""
        if self.process is None:
            return
        leader = psutil.Process(self.process.pid)
        every = [leader, *leader.children(recursive=True)]
        leader.send_signal(SIGKILL if kill else SIGQUIT)
        psutil.wait_procs(every, PATIENCE)  # those who answer end as their leader is gone
        self.process.wait(PATIENCE)
        self.process = None

    def _answers(self) -> bool:
        ended = self.process is None or self.process.poll() is not None
        assert not ended, (self.folder / "log").read_text("utf-8", "replace")[-2000:]
        try:
            self.ask("SELECT 1", _ADMIN)
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server with an empty database. Skips where it is not installed."""
    binaries = programs()
    if binaries is None:
        pytest.skip(PASSED_OVER)
    folder = Path(tempfile.mkdtemp(prefix="postgresql-of-tests-"))
    if os.getuid() == 0:
        shutil.chown(folder, _ADMIN, _ADMIN)
    made = [binaries / "initdb", "-D", folder / "data", "-U", _ADMIN, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(_as_user(made), check=True, capture_output=True)
    server = PostgreSQL(folder, binaries)
    server.start()
    try:
        server.ask(f"CREATE ROLE {ROLE} LOGIN", _ADMIN)
        server.ask(f"CREATE DATABASE lookalike OWNER {ROLE}", _ADMIN)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def table_files(gallery: Path) -> list[Path]:
    """The files of the tables of a gallery whose records are in a PostgreSQL of the tests; none of another folder."""
    if not (gallery / STORE_FILE).exists():
        return []
    told = json.loads((gallery / STORE_FILE).read_text())
    server = PostgreSQL(Path(told["store"].partition("host=")[2]), Path())
    server.ask("CHECKPOINT")
    own = f"'lookalike_{told['gallery']}'::regnamespace"
    each = (
        f"SELECT unnest(ARRAY[oid, reltoastrelid]) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = {own}"
    )
    found = server.ask(f"SELECT pg_relation_filepath(oid) FROM pg_class WHERE oid IN ({each})")
    return [server.folder / "data" / str(path) for (path,) in found]


def _as_user(words: Sequence[str | Path]) -> list[str | Path]:
    """Words of a command that runs as a user who is not root, whom PostgreSQL refuses."""
    other = ["setpriv", f"--reuid={_ADMIN}", f"--regid={_ADMIN}", "--clear-groups"]
    return [*(other if os.getuid() == 0 else []), *words]
