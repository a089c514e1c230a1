"""A real Milvus, in a network of its own: it listens on every address, and reaches nobody.

Tests reach it through one port of this machine's loopback: a process that runs inside takes connections on a socket
that was made outside. Its etcd and its object store are within it, or, as where it is deployed, apart: Debian's etcd
and SeaweedFS.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from awaited import PATIENCE, eventually

PORT = 19530
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
import json, os, subprocess, sys, threading, time
from pathlib import Path
import milvus
server = milvus.MilvusServer()
server.set_base_dir(sys.argv[1])
server.config.resolve()
milvus._initialize_data_files(sys.argv[1])
there = Path(sys.argv[1])
given = {"DEPLOY_MODE": "STANDALONE", "METRICS_PORT": "9091", "MILVUS_RUN_DIR": str(there / "run")}
given["LD_LIBRARY_PATH"] = str(there / "bin")
def keep(words, given):
    while True:
        with (there / "logs" / Path(words[0]).name).open("ab") as out:
            subprocess.run(words, cwd=there, env={**os.environ, **given}, stdout=out, stderr=out)
        time.sleep(0.2)
if apart := sys.argv[2:]:
    etcd, weed = apart
    told = there / "configs" / "milvus.yaml"
    text = told.read_text().replace("    embed: true", "    embed: false")
    told.write_text(text.replace("storageType: local", "storageType: minio"))
    who = {"name": "milvus", "credentials": [{"accessKey": "minioadmin", "secretKey": "minioadmin"}]}
    (there / "who").write_text(json.dumps({"identities": [{**who, "actions": ["Admin"]}]}))
    (there / "objects").mkdir()
    held = [weed, "server", "-dir=objects", "-ip=127.0.0.1", "-s3", "-s3.port=9000", "-s3.config=who"]
    held += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=8", "-master.volumeSizeLimitMB=64"]
    for words in ([etcd, "--data-dir", "etcd"], [*held, "-master.telemetry=false"]):
        threading.Thread(target=keep, args=(words, {}), daemon=True).start()
keep([str(there / "bin" / "milvus"), "run", "standalone"], given)
"""
ETCD, OBJECTS = "etcd", "weed"
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

    def kill(self, part: str = "milvus") -> int:
        """Kill the server, as a machine that loses its power does; how many processes that were. part: or what it keeps
        things in, where that is apart.
        """
        killed = 0
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if each.name() == part:
                    each.send_signal(signal.SIGKILL)
                    killed += 1
        return killed

    def is_healthy(self) -> bool:
        """Whether it says that it is."""
        inside = ["nsenter", "-t", str(self.process.pid), "-n", "--", sys.executable, "-c", _HEALTHY]
        return not subprocess.run(inside, capture_output=True, check=False).returncode

    def wait(self, seconds: float = PATIENCE) -> None:
        """Until it is healthy."""

        def healthy() -> bool:
            assert self.process.poll() is None, (self.folder / "log").read_text("utf-8", "replace")[-2000:]
            return self.is_healthy()

        eventually(healthy, seconds=seconds)


@contextmanager
def milvus(folder: Path, *, apart: bool = False) -> Iterator[Milvus]:
    """Milvus over an empty store in a folder. apart: with an etcd and an object store of its own. Skips where no
    network of one's own can be made.
    """
    if importlib.util.find_spec("milvus") is None:
        pytest.skip("Milvus is not installed")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made")
    etcd, weed = shutil.which("etcd"), Path(sys.executable).with_name("weed")
    if apart and etcd is None:
        pytest.skip("etcd is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["bash", "-c", 'ip link set lo up && exec "$@"', "bash", sys.executable, "-c", _SUPERVISE]
    with socket.socket() as listening, (folder / "log").open("wb") as log:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        process = subprocess.Popen(
            ["unshare", "-n", *command, str(folder / "data"), *([etcd, str(weed)] if apart and etcd else [])],
            stdout=log,
            stderr=subprocess.STDOUT,
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
