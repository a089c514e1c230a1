"""Draw pictures of files as the encoder sees them, in killable processes."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from lookalike.errors import UnreadableImageError
from lookalike.readers import named_as_volume
from lookalike.readers.deidentified_header import Deidentification
from lookalike.readers.limits import seconds_of_decoding
from lookalike.readers.once import MadeOnce, stamped
from lookalike.readers.process import Deadline, Process, seconds_of_reading
from lookalike.readers.source_image import SourceImage, source_image_of
from lookalike.types import Preprocessing, VolumeRecipe

_PROCESSES: Final = 2
_KEPT_BYTES: Final = 64 << 20
_SERIES_BYTES: Final = 4 << 20
_HELD_BYTES: Final = 128 << 20  # of decoded pixels that an idle process may hold while others decode
_LARGEST: Final = 4096  # pixels of the long side


@dataclass(frozen=True, slots=True)
class Shown:
    """jpeg: of slice ``slice`` of ``depth`` (a volume's slices, a file's frames). rows, columns: of the picture at
    its own size. window: (center, width) given in the file. plane: axial, coronal or sagittal, which a volume is cut
    along, or a slice that came alone lies in; "" for a picture, and where the file names no place. viewer: the kind of
    viewer that can open the file. units: "HU" where the values can only be Hounsfield units (``grey.is_hounsfield``).
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
    units: str


class Display:
    """Drawing processes, started on first use, and what they made lately."""

    def __init__(self, recipe: Preprocessing, volumes: VolumeRecipe) -> None:
        self._recipe, self._volumes = recipe.to_json(), asdict(volumes)
        # A key of this run: a series stays together in a viewer.
        self._nobody = Deidentification(secrets.token_bytes(32), burned_in=volumes.burned_in)
        self._drawers = [_Drawer() for _ in range(_PROCESSES)]
        self._drawn = MadeOnce[Shown](_KEPT_BYTES, lambda shown: len(shown.jpeg))
        self._nameless = MadeOnce[tuple[str, bytes]](0, lambda made: len(made[1]))  # refusals alone are kept
        self._series = MadeOnce[list[Path]](_SERIES_BYTES, lambda files: sum(len(str(file)) for file in files))

    def draw(
        self, files: Sequence[Path], *, frame: int | None = None, slice: int | None = None, size: int = 512
    ) -> Shown:
        """Draw one slice of a file, or of a series of files; a volume's middle one by default. frame: of a file with
        several, which is then drawn as a single picture. size: pixels of the long side, at most.

        Raises UnreadableImageError; the same again, without another look at files that have not changed.
        """
        size = min(max(size, 16), _LARGEST)
        return self._drawn.get(
            stamped(files),
            (frame, slice, size),
            lambda: self._draw(files, {"frame": frame, "slice": slice, "size": size}),
        )

    def siblings(self, files: Sequence[Path]) -> list[Path]:
        """The files that belong to the first one's series, itself included.

        Raises UnreadableImageError.
        """
        request = {"siblings": True, "frame": None, "slice": None, "size": 0}
        return self._series.get(
            stamped(files), None, lambda: [Path(name) for name in self._ask(files, request)[0]["files"]]
        )

    def forget(self) -> None:
        """Keep nothing that was made before."""
        self._drawn.forget()
        self._series.forget()

    def without_identity(self, files: Sequence[Path], options: Deidentification | None = None) -> tuple[str, bytes]:
        """The suffix and the content of a file with the same pixels that tells nobody whose they are
        (``readers.without_identity``). files: one, or a header and its data. options: how; by default as a viewer is
        given it.

        Raises UnreadableImageError.
        """
        how = options or self._nobody
        return self._nameless.get(stamped(files), how, lambda: self._without_identity(files, how))

    def source_image(self, files: Sequence[Path], *, frame: int = 0, slice: int | None = None) -> SourceImage:
        """The image that an object is derived of (``describe_source_image``). frame: the record's; slice: that is
        shown of it, None for the image that stands for the record. Raises UnreadableImageError.
        """
        part = {"frame": frame, "slice": slice}
        return source_image_of(self._ask(files, {"siblings": False, "source_image": part})[0])

    def release(self) -> None:
        """Let go of the large volumes that idle processes hold, since something else is about to take memory."""
        for drawer in self._drawers:
            drawer.release()

    def close(self) -> None:
        """Stop the processes."""
        for drawer in self._drawers:
            drawer.close()

    def _without_identity(self, files: Sequence[Path], how: Deidentification) -> tuple[str, bytes]:
        given = {**asdict(how), "key": how.key.hex()}
        header, data = self._ask(files, {"siblings": False, "deidentification": given})
        return str(header["suffix"]), data

    def _draw(self, files: Sequence[Path], part: dict[str, Any]) -> Shown:
        header, jpeg = self._ask(files, {"siblings": False, **part})
        window = tuple(header.pop("window") or ()) or None
        return Shown(jpeg=jpeg, window=window, **header)

    def _ask(self, files: Sequence[Path], request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        names = [str(file) for file in files]
        drawer = self._drawers[hash(names[0]) % _PROCESSES]  # the one that may still hold this volume
        if drawer.busy:
            drawer = next((other for other in self._drawers if not other.busy), drawer)
        if not drawer.holds(files):
            self.release()
        return drawer.ask({**request, "files": names, "recipe": self._recipe, "volumes": self._volumes})


class _Drawer:
    """One process, used by one thread at a time; its child keeps the last item, and is replaced for another one, when
    it dies or takes too long.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._held = 0  # bytes of decoded pixels
        self._lock, self._closed = threading.Lock(), False

    @property
    def busy(self) -> bool:
        return self._lock.locked()

    def holds(self, files: Sequence[Path]) -> bool:
        """Whether its child may open these files as they are now."""
        return self._process is not None and self._process.admitted == stamped(files)

    def release(self) -> None:
        """End the child of an idle process if it holds much."""
        if self._held > _HELD_BYTES and self._lock.acquire(blocking=False):
            try:
                self._end_child()
            finally:
                self._lock.release()

    def _end_child(self) -> None:
        self._held = 0
        if self._process is not None:
            self._process.stop()

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            fresh = self._admit(request["files"])
            try:
                return self._exchange(request)
            except (OSError, EOFError, ValueError):
                self.stop()
                if fresh:
                    raise UnreadableImageError("decoder-crash") from None
            self._admit(request["files"])  # an earlier request may have damaged the child
            try:
                return self._exchange(request)
            except (OSError, EOFError, ValueError):
                self.stop()
                raise UnreadableImageError("decoder-crash") from None

    def _admit(self, files: Sequence[str]) -> bool:
        """Have a child for these files as they are now; False if there is one already."""
        if self._closed:
            raise UnreadableImageError("decoder-crash")
        if self._process is None:
            self._process = Process("lookalike.readers.display_worker")
        if self._process.admitted == (now := stamped([Path(file) for file in files])):
            return False
        heavy = any(named_as_volume(Path(file)) for file in files)
        try:
            self._process.admit(files, now, heavy=heavy)
        except OSError:  # it was killed by somebody
            self.stop()
            self._process = Process("lookalike.readers.display_worker")
            self._process.admit(files, now, heavy=heavy)
        return True

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        process, files = self._process, request["files"]
        if process is None:  # closed meanwhile
            raise EOFError
        burned_in = (request.get("deidentification") or request["volumes"])["burned_in"]
        seconds = seconds_of_decoding(len(files), burned_in)
        process.send(json.dumps({**request, "seconds": seconds}).encode())
        message = process.receive(Deadline(seconds, sum(map(seconds_of_reading, files))))
        if message is None:
            self._end_child()
            raise UnreadableImageError("timeout")
        head, _, jpeg = message.partition(b"\n")
        header = json.loads(head)
        self._held = header.pop("held", self._held)
        if "reason" in header:
            self._end_child()  # whatever it took is free again
            raise UnreadableImageError(header["reason"])
        return header, jpeg

    def close(self) -> None:
        self._closed = True
        self.stop()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
