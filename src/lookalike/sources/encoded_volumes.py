"""Encode frames; of volumes, while their slices come one by one, vectors and patches are kept, and pixels are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder, PatchEncoder
from lookalike.readers.events import Frame
from lookalike.store.packed import packed
from lookalike.types import EncoderSpec, PatchMap

_TOGETHER: Final = 16  # pictures encoded at once, while the decoding processes prepare as many more


def frames_at_once(spec: EncoderSpec) -> int:
    """How many frames are given to an encoder at once."""
    return _TOGETHER if spec.ndim == 2 else 1  # a volume is large


def encode_frames(
    encoder: Encoder, frames: Sequence[Frame], *, patches: bool
) -> Iterator[tuple[Frame, NDArray[np.float32], tuple[PatchMap, ...]]]:
    """Each frame with its vector (dim,) and its patches: one, or none if none are wanted or the encoder gives none."""
    inputs = np.stack([frame.input for frame in frames])
    if not patches or not isinstance(encoder, PatchEncoder):
        yield from ((*each, ()) for each in zip(frames, encoder.encode_inputs(inputs), strict=True))
        return
    vectors, maps = encoder.encode_inputs_with_patches(inputs)
    for frame, vector, grid in zip(frames, vectors, maps, strict=True):
        yield frame, vector, (packed(grid, frame.shown),)


class EncodedVolume:
    """The vectors of one volume's slices, and the slice that represents it in listings."""

    def __init__(self, first: Frame) -> None:
        self.first = first
        self.vectors: list[NDArray[np.float32]] = []
        self.views: list[int] = []
        self.patches: list[PatchMap] = []
        self.thumbnail, self._from_middle = first.thumbnail, first.depth + 1

    def add(self, frame: Frame, vector: NDArray[np.float32], patches: tuple[PatchMap, ...]) -> None:
        """Add the next slice. patches: one, or none where the gallery keeps none."""
        self.vectors.append(vector)
        self.views.append(frame.view)
        self.patches += patches
        from_middle = abs(2 * frame.view - frame.depth + 1)
        if from_middle < self._from_middle:
            self.thumbnail, self._from_middle = frame.thumbnail, from_middle


@dataclass
class OpenVolumes:
    """Incomplete volumes, by the item that they come from and its frame."""

    _open: dict[str, dict[int, EncodedVolume]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, frame: Frame, vector: NDArray[np.float32], patches: tuple[PatchMap, ...]) -> None:
        """Add a slice's vector and patches."""
        of_item = self._open.setdefault(frame.source, {})
        of_item.setdefault(frame.frame, EncodedVolume(frame)).add(frame, vector, patches)

    def drop(self, source: str) -> None:
        """Drop a broken volume."""
        self._open.pop(source, None)

    def take(self, finished: Iterable[str]) -> Iterator[EncodedVolume]:
        """Remove and return the complete volumes. finished: the items read to their end."""
        for source in list(finished):
            if source in self._open:
                yield from self._open.pop(source).values()
