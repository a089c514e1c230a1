"""encoders list, pull, verify, export: what pictures can be turned into vectors with."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.encoders import export as exporting
from lookalike.encoders import pull as pulling
from lookalike.encoders import verify as verifying
from lookalike.encoders.export import Exported
from lookalike.encoders.pull import Pulled
from lookalike.encoders.verify import Verified
from lookalike.errors import UsageError
from lookalike.readers.pool import Frame, ReaderPool
from lookalike.sources.files import walk
from lookalike.types import Preprocessing

MOST_PICTURES: Final = 512  # that int8 is measured on

_SIZES: Final = ((10, "tiny"), (50, "small"), (150, "base"), (500, "large"))
_SPEEDS: Final = ((1, "very fast"), (10, "fast"), (50, "medium"), (200, "slow"))


@dataclass(frozen=True, slots=True)
class Listed:
    """One encoder. here: it can be used on this machine as it is. size: by the parameters of the image
    tower: tiny < 10 million, small < 50, base < 150, large < 500, huge. speed: by the work a picture takes:
    very fast < 1 thousand million multiply-adds, fast < 10, medium < 50, slow < 200, very slow."""

    name: str
    dim: int
    text: bool
    here: bool
    size: str
    speed: str
    input: str
    license: str
    trained_on: tuple[str, ...]
    checkpoint: str
    note: str


def list_encoders() -> tuple[Listed, ...]:
    """Every encoder that has a name, in alphabetical order."""
    return tuple(_listed(name) for name in encoders.names())


def _listed(name: str) -> Listed:
    entry = encoders.entry(name)
    spec = entry.spec
    rows, columns = spec.preprocessing.size
    deep = "" if spec.preprocessing.volume is None else f"{spec.preprocessing.volume.depth} x "
    return Listed(
        name=name,
        dim=spec.dim,
        text=spec.text,
        here=entry.here,
        size=_class(entry.parameters, _SIZES, "huge"),
        speed=_class(entry.gmacs, _SPEEDS, "very slow"),
        input=f"{deep}{rows} x {columns}",
        license=spec.license,
        trained_on=tuple(sorted(spec.trained_on)),
        checkpoint=entry.checkpoint,
        note=spec.note,
    )


def _class(amount: float, classes: Iterable[tuple[float, str]], beyond: str) -> str:
    if amount == 0:
        return ""
    return next((name for limit, name in classes if amount < limit), beyond)


def pull_encoder(name: str, to: str | os.PathLike[str]) -> Pulled:
    """Bring a model's files into a folder of models. Raises UsageError if that cannot be done from here."""
    return pulling.pull(name, Path(to).expanduser())


def verify_encoder(name: str) -> Verified:
    """Check what the encoder promises: unit rows, repeatable, independent of the batch, published
    preprocessing, stored vector. Raises as ``encoders.load`` does."""
    return verifying.verify(name)


def export_encoder(
    name: str, to: str | os.PathLike[str], *, int8: bool = False, pictures: Iterable[str | os.PathLike[str]] = ()
) -> Exported:
    """Write the image tower as an ONNX file, with int8 also a version in 8 bits.

    pictures: files or folders of the collection it will be used on, which the quality is measured on; at
    most 512 pictures are read, evenly spread. int8 needs at least 20.
    """
    sources = list(pictures)
    inputs = _inputs(sources, encoders.describe(name).preprocessing) if sources else None
    return exporting.export(name, Path(to).expanduser(), inputs=inputs, int8=int8)


def _inputs(sources: Iterable[str | os.PathLike[str]], recipe: Preprocessing) -> NDArray[np.uint8]:
    files = walk(sources)
    chosen = files[:: max(1, len(files) // MOST_PICTURES)][:MOST_PICTURES]
    with ReaderPool(recipe) as pool:
        frames = [event.input for event in pool.read(chosen) if isinstance(event, Frame) and event.frame == 0]
    if not frames:
        raise UsageError("no picture can be read there; name files or folders with pictures")
    return np.stack(frames)
