"""The decoding process: ``python -m lookalike.readers.worker FD``. Started and killed by ``pool``.

It is given one end of a socket pair. For every path it answers with the file's SHA-256, is told to go
on or to skip, and answers with the frames or a reason code. Nothing is pickled: the parent must not run
what a broken decoder might send. What a parser prints goes nowhere: it may hold patient data.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lookalike.errors import UnreadableImageError
from lookalike.types import Image, Preprocessing


def main(descriptor: int) -> None:
    """Serve requests until the other end is closed."""
    from lookalike.readers.limits import limit_memory

    limit_memory()
    with Connection(descriptor) as connection:
        while True:
            try:
                request = json.loads(connection.recv_bytes())
            except EOFError:
                return
            try:
                _answer(connection, request)
            except (BrokenPipeError, EOFError):
                return
            except UnreadableImageError as error:
                _send(connection, {"kind": "refused", "reason": error.reason})
            except OSError:
                _send(connection, {"kind": "refused", "reason": "not-readable"})
            except MemoryError:
                _send(connection, {"kind": "refused", "reason": "out-of-memory"})
            except Exception:
                _send(connection, {"kind": "refused", "reason": "damaged-pixels"})


def _answer(connection: Connection, request: Mapping[str, Any]) -> None:
    from lookalike.readers import read

    source = str(request["source"])
    with Path(source).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _send(connection, {"kind": "digest", "sha256": digest})
    if connection.recv_bytes() == b"skip":
        return
    recipe = Preprocessing.from_fields(request["recipe"])
    count = 0
    for image in read(source):
        _send_frame(connection, image, recipe)
        count += 1
    if count == 0:
        raise UnreadableImageError("no-pixel-data")
    _send(connection, {"kind": "end"})


def _send_frame(connection: Connection, image: Image, recipe: Preprocessing) -> None:
    from lookalike.pixels import model_input, picture, thumbnail

    shown = picture(image, recipe.percentiles)
    pixels = model_input(shown, recipe)
    header = {
        "kind": "frame", "frame": image.frame, "frames": image.frames, "shape": pixels.shape,
        "patient": image.patient, "attributes": dict(image.attributes),
    }  # fmt: skip
    _send(connection, header, pixels.tobytes(), thumbnail(shown))


def _send(connection: Connection, header: Mapping[str, Any], *blobs: bytes) -> None:
    connection.send_bytes(json.dumps(header).encode())
    for blob in blobs:
        connection.send_bytes(blob)


if __name__ == "__main__":
    main(int(sys.argv[1]))
