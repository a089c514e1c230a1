"""The decoding process: ``python -m lookalike.readers.worker FD``. Started and killed by ``pool``.

It is given one end of a socket pair. For every path it answers with the file's SHA-256, is told to go
on or to skip (unless all is new), and answers with the frames or a reason code. Nothing is pickled: the
parent must not run what a broken decoder might send. What a parser prints goes nowhere: it may hold
patient data.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from lookalike.errors import UnreadableImageError
from lookalike.readers.limits import SECONDS_A_FILE, limit_memory
from lookalike.types import Image, Preprocessing, VolumeRecipe

# ``pool`` kills a process that takes too long; without ``pool`` it must end by itself.
_SECONDS_ALONE: Final = int(2 * SECONDS_A_FILE)


def main(descriptor: int) -> None:
    """Serve requests until the other end is closed."""
    limit_memory()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with Connection(descriptor) as connection:
        while True:
            signal.alarm(0)
            try:
                request = json.loads(connection.recv_bytes())
            except EOFError:
                return
            try:
                _answer(connection, request)
            except (BrokenPipeError, EOFError):
                return
            except UnreadableImageError as error:
                _send(connection, {"kind": "refused", "reason": error.reason, "detail": error.detail})
            except OSError:
                _send(connection, {"kind": "refused", "reason": "not-readable"})
            except MemoryError:
                _send(connection, {"kind": "refused", "reason": "out-of-memory"})
            except ImportError:
                raise  # the installation is broken, not the file: the process ends
            except Exception:
                _send(connection, {"kind": "refused", "reason": "damaged-pixels"})


def _answer(connection: Connection, request: Mapping[str, Any]) -> None:
    files = [str(file) for file in request["files"]]
    _send(connection, {"kind": "digest", "sha256": _digest(files)})
    if request["ask"] and connection.recv_bytes() == b"skip":
        return
    signal.alarm(_SECONDS_ALONE + len(files))
    if request["whole"] and len(files) == 1 and (slice_ := _slice(files[0]))[0]:
        _send(connection, {"kind": "slice", "series": slice_[0], "place": slice_[1]})
        return
    recipe, volume_recipe = _recipe(request["recipe"]), VolumeRecipe(**request["volumes"])
    count = 0
    for image in _images(files):
        if len(image.pixels) > 1 and image.frames > 1 and volume_recipe.four_d == "refuse":
            raise UnreadableImageError("four-dimensional", f"{image.frames} volumes in one file")
        if recipe.volume is not None:
            _send_whole(connection, image, recipe)
        elif len(image.pixels) > 1:
            _send_volume(connection, image, recipe, volume_recipe)
        else:
            _send_frame(connection, image, recipe)
        count += 1
    if count == 0:
        raise UnreadableImageError("no-pixel-data")
    _send(connection, {"kind": "end"})


def _digest(files: list[str]) -> str:
    """The SHA-256 of a file; of a series that of its files' digests, whatever their names and order."""
    digests = []
    for name in files:
        with Path(name).open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _slice(file: str) -> tuple[str, str]:
    from lookalike.readers import is_dicom, stacks
    from lookalike.readers.series import series_of

    return series_of(file) if stacks() and is_dicom(file) else ("", "")


def _images(files: list[str]) -> Iterator[Image]:
    """A series as one volume; of a file what the readers give."""
    from lookalike.readers import read

    if len(files) == 1:
        yield from read(files[0])
    else:
        from lookalike.readers.series import read_series

        yield read_series(files)


@cache
def _recipe(text: str) -> Preprocessing:
    return Preprocessing.from_fields(json.loads(text))


def _send_frame(connection: Connection, image: Image, recipe: Preprocessing) -> None:
    from lookalike.pixels import model_input, picture, thumbnail

    shown = picture(image, recipe.percentiles)
    pixels = model_input(shown, recipe)
    header = {
        "kind": "frame",
        "frame": image.frame,
        "frames": image.frames,
        "shape": pixels.shape,
        "patient": image.patient,
        "attributes": dict(image.attributes),
        "shown": (shown.height, shown.width),
    }
    small = thumbnail(shown)
    signal.alarm(0)  # the other end takes its time when it is busy
    _send(connection, header, pixels.data, small)
    signal.alarm(_SECONDS_ALONE)


def _send_volume(connection: Connection, volume: Image, recipe: Preprocessing, volume_recipe: VolumeRecipe) -> None:
    """The slices of a volume, each as a view of one frame; the thumbnail goes with the middle one."""
    from lookalike.pixels import model_input, thumbnail
    from lookalike.slices import cut

    for number, count, shown in cut(volume, volume_recipe):
        pixels = model_input(shown, recipe)
        header = {
            "kind": "frame",
            "frame": volume.frame,
            "frames": volume.frames,
            "shape": pixels.shape,
            "view": number,
            "depth": count,
            "patient": volume.patient,
            "attributes": dict(volume.attributes),
            "shown": (shown.height, shown.width),
        }
        signal.alarm(0)
        _send(connection, header, pixels.data, thumbnail(shown))
        signal.alarm(_SECONDS_ALONE)


def _send_whole(connection: Connection, volume: Image, recipe: Preprocessing) -> None:
    """The input of a network that takes whole volumes; the thumbnail is the middle slice."""
    from lookalike.pixels import thumbnail
    from lookalike.slices import cut, volume_input

    pixels = volume_input(volume, recipe)
    _, _, shown = next(cut(volume, VolumeRecipe(slices="middle:1")))
    header = {
        "kind": "frame",
        "frame": volume.frame,
        "frames": volume.frames,
        "shape": pixels.shape,
        "dtype": "uint16",
        "patient": volume.patient,
        "attributes": dict(volume.attributes),
        "shown": (shown.height, shown.width),
    }
    signal.alarm(0)
    _send(connection, header, pixels.data, thumbnail(shown))
    signal.alarm(_SECONDS_ALONE)


def _send(connection: Connection, header: Mapping[str, Any], *blobs: bytes | memoryview) -> None:
    """One message: the header as a line of JSON, then the blobs."""
    connection.send_bytes(b"".join([json.dumps(header).encode(), b"\n", *blobs]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
