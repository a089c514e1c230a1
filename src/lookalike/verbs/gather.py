"""Slices that come in one after the other, gathered into volumes; vectors only, no pixels are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.readers import VOLUME_SUFFIXES
from lookalike.readers.pool import Frame, Slice
from lookalike.readers.series import LEAST_SLICES
from lookalike.types import Series


class Volume:
    """The vectors of one volume's slices, and the slice that stands for it in a listing."""

    def __init__(self, first: Frame) -> None:
        self.first = first
        self.vectors: list[NDArray[np.float32]] = []
        self.views: list[int] = []
        self.thumbnail, self._from_middle = first.thumbnail, first.depth + 1

    def add(self, frame: Frame, vector: NDArray[np.float32]) -> None:
        """The next slice."""
        self.vectors.append(vector)
        self.views.append(frame.view)
        from_middle = abs(2 * frame.view - frame.depth + 1)
        if from_middle < self._from_middle:
            self.thumbnail, self._from_middle = frame.thumbnail, from_middle


@dataclass
class Volumes:
    """slices: by the series that they belong to. first_files: of series, by what stands for them."""

    slices: dict[str, list[Slice]] = field(default_factory=dict)
    first_files: dict[str, str] = field(default_factory=dict)
    _open: dict[str, Volume] = field(default_factory=dict)  # by source

    @property
    def waiting(self) -> int:
        """Volumes of which slices have come."""
        return len(self._open)

    def add(self, frame: Frame, vector: NDArray[np.float32]) -> None:
        """A slice's vector."""
        self._open.setdefault(frame.source, Volume(frame)).add(frame, vector)

    def drop(self, source: str) -> None:
        """Forget a volume that broke."""
        self._open.pop(source, None)

    def take(self, finished: Iterable[str]) -> Iterator[Volume]:
        """The volumes that are complete."""
        for source in list(finished):
            if source in self._open:
                yield self._open.pop(source)

    def series(self) -> list[Series | Path]:
        """The slices as series; where there are too few for a volume, as pictures of their own."""
        asked: list[Series | Path] = []
        for slices in self.slices.values():
            files = [one.source for one in slices]
            # One slice stored in several ways is no volume, however many files it makes.
            if len({one.place for one in slices}) < LEAST_SLICES:
                asked += [Path(file) for file in files]
                continue
            name = _series_name(files)
            self.first_files[name] = files[0]
            asked.append(Series(name, tuple(files)))
        return asked


def _series_name(files: list[str]) -> str:
    """What stands for a series: its folder, if nothing else lies in it, or else its first file."""
    folder = Path(files[0]).parent
    alone = {Path(file).parent for file in files} == {folder} and len(list(folder.iterdir())) == len(files)
    return str(folder) if alone else files[0]


def is_mask(path: Path) -> bool:
    """Whether a volume's file is a mask by its name (mask_x.nii.gz, x_seg.nrrd): no image to be searched."""
    if not path.name.lower().endswith(VOLUME_SUFFIXES):
        return False
    stem = path.name.split(".")[0].lower()
    return stem.startswith("mask_") or stem.endswith(("_mask", "-mask", "_seg", "-seg"))
