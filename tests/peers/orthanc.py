"""A real Orthanc with DICOMweb, in a network of its own: it cannot bind to loopback otherwise, and reaches nobody."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from awaited import eventually

HTTP, DICOM, AET, LISTEN = 8042, 4242, "ORTHANC", 11113
ADDRESS = f"http://127.0.0.1:{HTTP}"
URI = f"dicomweb+{ADDRESS}/dicom-web"
DIMSE_URI = f"dimse://LOOKALIKE@127.0.0.1:{DICOM}/{AET}?listen={LISTEN}"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

# Run inside: one process for many files. Prints what Orthanc says of each.
_UPLOAD = """
import http.client, json, sys, time
def send(data):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
    for _ in range(300):
        try:
            connection.connect()
            break
        except OSError:
            time.sleep(0.1)
    try:
        connection.request("POST", "/instances", data)
        answer = connection.getresponse()
        content = answer.read()
        return json.loads(content).get("Status") if answer.status == 200 else "refused"
    except (OSError, http.client.HTTPException):
        return "crash"
for line in sys.stdin:
    with open(json.loads(line), "rb") as opened:
        print(json.dumps(send(opened.read())), flush=True)
"""
_GET = """
import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=60).read().decode())
"""


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc. process: in whose network it is."""

    process: subprocess.Popen[bytes]
    folder: Path

    def inside(self, *words: str | Path) -> list[str | Path]:
        """The words of a command that runs in its network, as every client must."""
        return ["nsenter", "-t", str(self.process.pid), "-n", "--", *words]

    def run(self, *words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in its network to its end."""
        given = {"capture_output": True, "text": True, "timeout": 600, **options}
        return subprocess.run(self.inside(*words), check=False, **given)

    def store(self, files: Iterable[Path]) -> list[Path]:
        """Hand it files; those that it keeps: none that it cannot read or crashes on, no UID that it holds already."""
        given = list(files)
        lines = "".join(f"{json.dumps(str(file))}\n" for file in given)
        ran = self.run(sys.executable, "-c", _UPLOAD, str(HTTP), input=lines)
        assert ran.returncode == 0, ran.stderr
        said = [json.loads(line) for line in ran.stdout.splitlines()]
        return [file for file, status in zip(given, said, strict=True) if status == "Success"]

    def get(self, path: str) -> Any:
        """What its own API answers."""
        ran = self.run(sys.executable, "-c", _GET, ADDRESS + path)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@contextmanager
def orthanc(folder: Path, settings: Mapping[str, Any] | None = None) -> Iterator[Orthanc]:
    """Orthanc on HTTP 8042 and DICOM 4242 of a network of its own, over an empty store in a folder. settings: others of
    its configuration. Skips where it is not installed, or where no network of one's own can be made.
    """
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.exists():
        pytest.skip("Orthanc is not installed")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made")
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps({**_settings(folder), **(settings or {})}))
    # Some files that are no DICOM crash it: it is started again.
    command = f"ip link set lo up && while true; do {program} {configuration}; sleep 0.1; done"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["unshare", "-n", "bash", "-c", command], stdout=log, stderr=subprocess.STDOUT)
    try:
        started = Orthanc(process, folder)
        _wait(started)
        yield started
    finally:
        running = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for each in running:
            with suppress(psutil.NoSuchProcess):
                each.kill()


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": HTTP,
        "DicomPort": DICOM,
        "DicomAet": AET,
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "UnknownSopClassAccepted": True,
        "DicomModalities": {"lookalike": ["LOOKALIKE", "127.0.0.1", LISTEN]},
    }


def _wait(started: Orthanc) -> None:
    def answers() -> bool:
        ended = started.process.poll() is not None or not psutil.pid_exists(started.process.pid)
        assert not ended, (started.folder / "log").read_text("utf-8", "replace")[-2000:]
        return started.run(sys.executable, "-c", _GET, f"{ADDRESS}/system").returncode == 0

    eventually(answers)
