"""Would a lower resolution level of JPEG 2000 do? Vectors of pictures decoded at it beside those of whole ones.

Every picture is encoded without loss, with five levels, and decoded whole, at a half and at a quarter of its sides, as
long as it stays at least as large as the network's input. From a cosine of .9995 on it would be harmless.
"""

from __future__ import annotations

import io
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike import encoders, readers
from lookalike.encoders import Encoder
from lookalike.errors import UnreadableImageError
from lookalike.pixels import from_array, prepare
from lookalike.sources.files import walk
from lookalike.types import Preprocessing, Vectors

ENCODERS: Final = ("lite0", "lite0-inner", "lite0-last")
COLLECTIONS: Final = ("chest-xray-dicom5", "mammo-mias", "odd-dicom")
OF_EACH: Final = 40  # pictures
LEAST: Final = 448  # pixels of the shorter side: twice the input
GROUPS: Final = ((1.0, 2.0), (2.0, 3.5), (3.5, np.inf))  # decoded shorter side, times the input's
HARMLESS: Final = 0.9995


@dataclass
class _Pairs:
    """Inputs of whole pictures and of the same at a lower resolution; seconds that decoding took."""

    whole: list[NDArray[np.uint8]] = field(default_factory=list)
    reduced: list[NDArray[np.uint8]] = field(default_factory=list)
    seconds: list[tuple[float, float]] = field(default_factory=list)


def run(data: Path | None) -> Iterator[Figure]:
    """A figure an encoder and group of sizes: the share of the pictures that it would not harm."""
    streams = [_encoded(pixels) for name in COLLECTIONS for pixels in _pictures(folder(name, data))]
    assert len(streams) >= OF_EACH, f"only {len(streams)} pictures were read"
    for name in ENCODERS:
        encoder = encoders.load(name)
        for (low, high), pairs in sorted(_groups(streams, encoder).items()):
            cosines = np.sum(_vectors(encoder, pairs.whole) * _vectors(encoder, pairs.reduced), axis=1)
            whole, reduced = (1000 * np.mean(seconds) for seconds in zip(*pairs.seconds, strict=True))
            notes = (
                f"{len(cosines)} pictures; cosine at least {cosines.min():.4f}, median {np.median(cosines):.5f}; "
                f"decoding {whole:.1f} ms, reduced {reduced:.1f}",
            )
            times = f"{low:g} times the input and more" if high == np.inf else f"{low:g} to {high:g} times the input"
            share = float(np.mean(cosines >= HARMLESS))
            yield Figure(f"{name}, {times}, cosine from {HARMLESS} on", share, 1.0, "of them", notes=notes)


def _pictures(place: Path) -> Iterator[NDArray[Any]]:
    """Pictures of at most 16 bits, (rows, columns[, 3]); in modality units, so that none is below 0."""
    taken = 0
    for path in walk([place]):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd files
                image = next(iter(readers.read([path])))
        except (UnreadableImageError, StopIteration):
            continue
        plane: NDArray[Any] = image.pixels[0]
        if len(image.pixels) > 1 or min(plane.shape[:2]) < LEAST or not np.isfinite(plane).all():
            continue
        lowest, highest = float(plane.min()), float(plane.max())
        if highest - min(lowest, 0) < 1 << 16 and taken < OF_EACH:
            taken += 1
            deep = plane if plane.dtype == np.uint8 else (plane - min(lowest, 0)).astype(np.uint16)
            yield deep[..., 0] if deep.shape[-1] == 1 else deep


def _encoded(pixels: NDArray[Any]) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k", resolutions=6))


def _groups(streams: list[bytes], encoder: Encoder) -> dict[tuple[float, float], _Pairs]:
    recipe: Any = encoder.spec.preprocessing
    groups: dict[tuple[float, float], _Pairs] = defaultdict(_Pairs)
    for stream in streams:
        whole, slow = _decoded(stream, 0)
        for level in (1, 2):
            try:
                reduced, quick = _decoded(stream, level)
            except OSError:  # Pillow and OpenJPEG round some sizes apart
                continue
            times = min(reduced.shape[:2]) / max(recipe.size)
            if times < 1:
                continue
            pairs = groups[next(group for group in GROUPS if times < group[1])]
            pairs.whole.append(_input(whole, recipe))
            pairs.reduced.append(_input(reduced, recipe))
            pairs.seconds.append((slow, quick))
    return groups


def _decoded(stream: bytes, level: int) -> tuple[NDArray[Any], float]:
    """The picture at a resolution level, and the processor seconds that took."""
    started = time.thread_time()
    opened: Any = PIL.Image.open(io.BytesIO(stream), formats=("JPEG2000",))
    opened.reduce = level
    return np.asarray(opened), time.thread_time() - started


def _input(pixels: NDArray[Any], recipe: Preprocessing) -> NDArray[np.uint8]:
    return prepare(from_array(pixels), recipe)


def _vectors(encoder: Encoder, inputs: list[NDArray[np.uint8]]) -> Vectors:
    return encoder.encode_inputs(np.stack(inputs))
