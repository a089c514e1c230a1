"""The decoding process: ``python -m lookalike.readers.worker FD``, a ``zygote``. Started and killed by ``pool``.

A child has one end of a socket pair. For every path it sends the file's SHA-256, receives whether to go on or to skip
(unless everything is new), and sends the frames or a reason code. Nothing is pickled: the parent must not execute
what a broken decoder might send. The output of parsers is discarded: it may hold patient data.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lookalike.errors import UnreadableImageError
from lookalike.grey import MASK
from lookalike.readers import identity_in, kind_of_file, read, report_in, series_of
from lookalike.readers.confine import run_confined
from lookalike.readers.labelmaps import marks_an_image
from lookalike.readers.limits import limit_time, seconds_of_frame, time_left
from lookalike.readers.pairs import open_regular
from lookalike.readers.zygote import NAME, SKIP, serve_zygotes
from lookalike.types import Image, Preprocessing, VolumeRecipe


def serve_decoding(connection: Connection, alone: bool) -> None:
    """Serve requests until the other end is closed. alone: this process is confined to the files of one item already;
    otherwise each is read in a thread that is confined further.
    """
    while True:
        limit_time(0)
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        answer = partial(_answer, connection, request)
        try:
            answer() if alone else run_confined(request["admitted"], answer)
        except (BrokenPipeError, EOFError):
            return
        except UnreadableImageError as error:
            _send(connection, {"kind": "refused", "reason": error.reason, "detail": error.detail})
        except OSError:
            _send(connection, {"kind": "refused", "reason": _why_unreadable(request["files"])})
        except MemoryError:
            _send(connection, {"kind": "refused", "reason": "out-of-memory"})
        except ImportError:
            raise  # the installation is broken, not the file: the process ends
        except Exception:
            _send(connection, {"kind": "refused", "reason": "damaged-pixels"})


def _answer(connection: Connection, request: Mapping[str, Any]) -> None:
    files = [Path(file) for file in request["files"]]
    limit_time(request["seconds"] + request["reading"])
    digest, sort = _digest(files), request["whole"]
    kind = kind_of_file(files[0])
    # Before asking whether it is known: a slice counts for its volume, however often it was read.
    if sort and not kind and len(files) == 1 and (part := series_of(files[0])):
        _send(connection, {"kind": "slice", "sha256": digest, "size": files[0].stat().st_size, "part": asdict(part)})
        return
    _send(connection, {"kind": "digest", "sha256": digest})
    asked = connection.recv_bytes() if request["ask"] else b""
    limit_time(request["seconds"])
    if asked == NAME:
        _send_identity(connection, files)
    if asked in (NAME, SKIP):
        return
    if sort and kind:
        if request["reports"]:
            _send_report(connection, files[0])
        _send(connection, {"kind": "apart", "what": kind})
        return
    volumes = VolumeRecipe(**request["volumes"])
    if kind and volumes.window != MASK:
        raise UnreadableImageError("no-image", kind)
    beside = [Path(file) for file in request["beside"]]
    _send_images(connection, files, _recipe(request["recipe"]), volumes, beside)


def _send_identity(connection: Connection, files: Sequence[Path]) -> None:
    """Send who known files are, if they say it."""
    found = None
    with suppress(UnreadableImageError):
        found = identity_in(files)
    _send(connection, {"kind": "named", "named": None if found is None else asdict(found)})


def _send_report(connection: Connection, file: Path) -> None:
    """Send the words of a report, if the file is one that can be read; what cannot is set apart all the same."""
    with suppress(UnreadableImageError):
        if (found := report_in(file)) is not None:
            _send(connection, {"kind": "report", "study": found[0], "text": found[1]})


def _send_images(
    connection: Connection,
    files: Sequence[Path],
    recipe: Preprocessing,
    volume_recipe: VolumeRecipe,
    beside: Sequence[Path],
) -> None:
    count = 0
    for image in read(files):
        if count == 0 and beside and marks_an_image(image, beside):
            _send(connection, {"kind": "apart", "what": "mask"})
            return
        if len(image.pixels) > 1 and image.frames > 1 and volume_recipe.four_d == "refuse":
            raise UnreadableImageError(
                "four-dimensional", f"{image.frames} volumes in one {'series' if len(files) > 1 else 'file'}"
            )
        _send_views(connection, image, recipe, volume_recipe)
        count += 1
    if count == 0:
        raise UnreadableImageError("no-pixel-data")
    _send(connection, {"kind": "end"})


def _why_unreadable(files: Sequence[str]) -> str:
    leads_nowhere = any(Path(file).is_symlink() and not Path(file).exists() for file in files)
    return "broken-link" if leads_nowhere else "not-readable"


def _digest(files: Sequence[Path]) -> str:
    """The SHA-256 of a file; of a series that of its files' digests, independent of their names and order."""
    digests = []
    for file in files:
        with open_regular(file) as opened:
            digests.append(hashlib.file_digest(opened, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


@cache
def _recipe(text: str) -> Preprocessing:
    return Preprocessing.from_fields(json.loads(text))


def _send_views(connection: Connection, image: Image, recipe: Preprocessing, volumes: VolumeRecipe) -> None:
    """Send a picture or a whole volume as one frame; the slices of a volume as views of one frame."""
    from lookalike.readers.prepared import prepared_views

    of_image: dict[str, Any] = {
        "identity": None if image.identity is None else asdict(image.identity),
        "instances": image.instances,
    }
    for view in prepared_views(image, recipe, volumes):
        header = {
            "kind": "frame",
            "frame": image.frame,
            "frames": image.frames,
            "shape": view.input.shape,
            "dtype": str(view.input.dtype),
            "view": view.view,
            "depth": view.depth,
            "plane": view.plane,
            "patient": image.patient,
            "attributes": dict(image.attributes),
            "remarks": image.remarks,
            "shown": view.shown,
            **of_image,
        }
        of_image = {}  # with the first view alone: a volume may have thousands of files
        left = time_left()
        limit_time(0)  # the other end may be busy for long
        _send(connection, header, view.input.data, view.thumbnail)
        limit_time(left + seconds_of_frame(volumes.burned_in))


def _send(connection: Connection, header: Mapping[str, Any], *blobs: bytes | memoryview) -> None:
    """Send one message: the header as a line of JSON, then the blobs."""
    connection.send_bytes(b"".join([json.dumps(header).encode(), b"\n", *blobs]))


if __name__ == "__main__":
    serve_zygotes(int(sys.argv[1]), serve_decoding)
