"""Draw pictures of files as the encoder sees them, in killable processes."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from lookalike.errors import UnreadableImageError
from lookalike.readers.limits import SECONDS_A_FILE, SECONDS_A_FRAME
from lookalike.readers.pool import Process, seconds_of_reading
from lookalike.types import Preprocessing, VolumeRecipe

_PROCESSES: Final = 2
_KEPT_BYTES: Final = 64 << 20
_LARGEST: Final = 4096  # pixels of the long side


@dataclass(frozen=True, slots=True)
class Shown:
    """jpeg: of slice ``slice`` of ``depth`` (a volume's slices, a file's frames). rows, columns: of the picture at
    its own size. window: (center, width) given in the file. plane: axial, coronal or sagittal, which a volume is cut
    along, or a slice that came alone lies in; "" for a picture, and where the file names no place. viewer: the kind of
    viewer that can open the file.
    """

    jpeg: bytes
    rows: int
    columns: int
    slice: int
    depth: int
    modality: str
    kind: Literal["image", "volume"]
    window: tuple[float, float] | None
    plane: str
    viewer: Literal["dicom", "volume", "picture"]


class Display:
    """Drawing processes, started on first use, and a cache of the latest pictures."""

    def __init__(self, recipe: Preprocessing, volumes: VolumeRecipe) -> None:
        self._recipe, self._volumes = recipe.to_json(), asdict(volumes)
        self._drawers = [_Drawer() for _ in range(_PROCESSES)]
        self._kept: OrderedDict[Any, Shown] = OrderedDict()
        self._bytes, self._lock = 0, threading.Lock()

    def draw(
        self, files: Sequence[Path], *, frame: int | None = None, slice: int | None = None, size: int = 512
    ) -> Shown:
        """Draw one slice of a file, or of a series of files; a volume's middle one by default. frame: of a file with
        several, which is then drawn as a single picture. size: pixels of the long side, at most.

        Raises UnreadableImageError.
        """
        size = min(max(size, 16), _LARGEST)
        name = (tuple(files), frame, slice, size, _stamp(files[0]))
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        request = {"siblings": False, "frame": frame, "slice": slice, "size": size}
        header, jpeg = self._ask(files, request)
        window = tuple(header.pop("window") or ()) or None
        shown = Shown(jpeg=jpeg, window=window, **header)
        self._keep(name, shown)
        return shown

    def siblings(self, files: Sequence[Path]) -> list[Path]:
        """The files that belong to the first one's series, itself included.

        Raises UnreadableImageError.
        """
        request = {"siblings": True, "frame": None, "slice": None, "size": 0}
        return [Path(name) for name in self._ask(files, request)[0]["files"]]

    def close(self) -> None:
        """Stop the processes."""
        for drawer in self._drawers:
            drawer.stop()

    def _ask(self, files: Sequence[Path], request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        names = [str(file) for file in files]
        drawer = self._drawers[hash(names[0]) % _PROCESSES]  # the one that may still hold this volume
        if drawer.busy:
            drawer = next((other for other in self._drawers if not other.busy), drawer)
        return drawer.ask({**request, "files": names, "recipe": self._recipe, "volumes": self._volumes})

    def _keep(self, name: Any, shown: Shown) -> None:
        with self._lock:
            self._kept[name] = shown
            self._bytes += len(shown.jpeg)
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1].jpeg)


class _Drawer:
    """One process, used by one thread at a time, and replaced when it dies or takes too long."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        return self._lock.locked()

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            fresh = self._process is None
            try:
                return self._exchange(request)
            except (OSError, EOFError, ValueError):
                self.stop()
                if fresh:
                    raise UnreadableImageError("decoder-crash") from None
            try:  # an earlier file may have damaged the process
                return self._exchange(request)
            except (OSError, EOFError, ValueError):
                self.stop()
                raise UnreadableImageError("decoder-crash") from None

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if self._process is None:
            self._process = Process("lookalike.readers.display_worker")
        files = request["files"]
        allowed = SECONDS_A_FILE + SECONDS_A_FRAME * len(files) + sum(map(seconds_of_reading, files))
        self._process.connection.send_bytes(json.dumps(request).encode())
        message = self._process.receive(time.monotonic() + allowed)
        if message is None:
            self.stop()
            raise UnreadableImageError("timeout")
        head, _, jpeg = message.partition(b"\n")
        header = json.loads(head)
        if "reason" in header:
            raise UnreadableImageError(header["reason"])
        return header, jpeg

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        raise UnreadableImageError("not-readable") from None
