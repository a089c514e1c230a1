"""A real Milvus, in a network of its own: it listens on every address, and reaches nobody.

Tests reach it through one port of this machine's loopback: a process that runs inside takes connections on a socket
that was made outside.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

PORT = 19530
_SECONDS = 120.0
_RELAY = """
import asyncio, socket, sys
async def copy(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
async def relay(reader, writer):
    try:
        inner, outer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, outer), copy(inner, writer))
async def main():
    listening = socket.socket(fileno=int(sys.argv[1]))
    await (await asyncio.start_server(relay, sock=listening)).serve_forever()
asyncio.run(main())
"""
_SUPERVISE = """
import os, subprocess, sys, time
from pathlib import Path
import milvus
server = milvus.MilvusServer()
server.set_base_dir(sys.argv[1])
server.config.resolve()
milvus._initialize_data_files(sys.argv[1])
there = Path(sys.argv[1])
given = {"DEPLOY_MODE": "STANDALONE", "METRICS_PORT": "9091", "MILVUS_RUN_DIR": str(there / "run")}
given["LD_LIBRARY_PATH"] = str(there / "bin")
while True:
    with (there / "logs" / "out").open("ab") as out:
        words = [str(there / "bin" / "milvus"), "run", "standalone"]
        subprocess.run(words, cwd=there, env={**os.environ, **given}, stdout=out, stderr=out)
    time.sleep(0.2)
"""
_HEALTHY = """
import sys, urllib.request
sys.exit(b"OK" not in urllib.request.urlopen("http://127.0.0.1:9091/healthz", timeout=5).read())
"""


@dataclass(frozen=True)
class Milvus:
    """A running Milvus. address: as a gallery names it. process: in whose network it is; it starts it again whenever it
    has ended.
    """

    process: subprocess.Popen[bytes]
    address: str
    folder: Path

    def kill(self) -> None:
        """Kill the server, as a machine that loses its power does."""
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if each.name() == "milvus":
                    each.send_signal(signal.SIGKILL)

    def is_healthy(self) -> bool:
        """Whether it says that it is."""
        inside = ["nsenter", "-t", str(self.process.pid), "-n", "--", sys.executable, "-c", _HEALTHY]
        return not subprocess.run(inside, capture_output=True, check=False).returncode

    def wait(self, seconds: float = _SECONDS) -> None:
        """Until it is healthy."""
        deadline = time.monotonic() + seconds
        while not self.is_healthy():
            assert self.process.poll() is None, (self.folder / "log").read_text("utf-8", "replace")[-2000:]
            assert time.monotonic() < deadline, "Milvus does not answer"
            time.sleep(0.2)


@contextmanager
def milvus(folder: Path) -> Iterator[Milvus]:
    """Milvus over an empty store in a folder. Skips where no network of one's own can be made."""
    if importlib.util.find_spec("milvus") is None:
        pytest.skip("Milvus is not installed")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["bash", "-c", 'ip link set lo up && exec "$@"', "bash", sys.executable, "-c", _SUPERVISE]
    with socket.socket() as listening, (folder / "log").open("wb") as log:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        process = subprocess.Popen(
            ["unshare", "-n", *command, str(folder / "data")], stdout=log, stderr=subprocess.STDOUT
        )
        started = Milvus(process, f"milvus://127.0.0.1:{listening.getsockname()[1]}", folder)
        relay = None
        try:
            started.wait()
            inside = ["nsenter", "-t", str(process.pid), "-n", "--"]
            given = [sys.executable, "-c", _RELAY, str(listening.fileno()), str(PORT)]
            relay = subprocess.Popen([*inside, *given], pass_fds=[listening.fileno()], stderr=log)
            yield started
        finally:
            _end(process, relay)
            shutil.rmtree(folder / "data", ignore_errors=True)  # half a gigabyte


def _end(process: subprocess.Popen[bytes], relay: subprocess.Popen[bytes] | None) -> None:
    running = psutil.Process(process.pid).children(recursive=True)
    for each in (process, relay):
        if each is not None:
            each.kill()
            each.wait()
    for each in running:
        with suppress(psutil.NoSuchProcess):
            each.kill()
