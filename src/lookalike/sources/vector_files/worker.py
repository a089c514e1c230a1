"""The process that reads a file of vectors: ``python -m lookalike.sources.vector_files.worker FD``, a ``zygote``.

Started and killed by ``reader``. Its child is confined to the file. It answers with a line of JSON, then numbers; what
is wrong is said in words of our own, never the parser's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from lookalike.errors import LookalikeError, MissingExtraError
from lookalike.readers.limits import limit_time
from lookalike.readers.zygote import serve_zygotes
from lookalike.sources.vector_files.arrays import find_in_npy, find_in_npz
from lookalike.sources.vector_files.faiss_flat import find_in_faiss
from lookalike.sources.vector_files.hdf5 import find_in_hdf5
from lookalike.sources.vector_files.layout import FoundVectors
from lookalike.sources.vector_files.parquet import find_in_parquet
from lookalike.sources.vector_files.text_columns import find_in_csv

FINDERS: Final[Mapping[str, Callable[[Path, str, str], FoundVectors]]] = {
    ".npy": find_in_npy,
    ".npz": find_in_npz,
    ".h5": find_in_hdf5,
    ".hdf5": find_in_hdf5,
    ".parquet": find_in_parquet,
    ".csv": find_in_csv,
    ".faiss": find_in_faiss,
    ".index": find_in_faiss,
}
"""By the ending of a file's name: how its vectors are found."""


def serve_vectors(connection: Connection, _alone: bool) -> None:
    """Serve requests for one file until the other end is closed: "open" first, then "told" and "rows" by number."""
    found: FoundVectors | None = None
    while True:
        limit_time(0)
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        limit_time(request["seconds"])
        try:
            if found is None:
                finder = FINDERS[Path(request["file"]).suffix.lower()]
                found = finder(Path(request["file"]), request["vectors"], request["ids"])
            header, numbers = _answer(found, request)
        except MissingExtraError as error:
            header, numbers = {"missing": error.extra}, b""
        except LookalikeError as error:
            header, numbers = {"wrong": str(error)}, b""
        except MemoryError:
            header, numbers = {"wrong": "it takes more memory than it may"}, b""
        except Exception:
            header, numbers = {"wrong": "it is damaged, or not what its name says"}, b""
        connection.send_bytes(b"".join([json.dumps(header).encode(), b"\n", numbers]))


def _answer(found: FoundVectors, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    if request["what"] == "open":
        return {"count": found.count, "dim": found.dim, "encoder": found.encoder}, b""
    first, last = request["first"], min(request["last"], found.count)
    if request["what"] == "told":
        columns = {name: list(values[first:last]) for name, values in found.columns.items()}
        return {"ids": list(found.ids[first:last]), "columns": columns}, b""
    return {}, found.rows(first, last).astype("<f4").tobytes()


if __name__ == "__main__":
    serve_zygotes(int(sys.argv[1]), serve_vectors)
