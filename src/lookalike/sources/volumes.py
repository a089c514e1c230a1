"""Slices that come in one after the other, gathered into volumes; vectors only, no pixels are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.readers import VOLUME_SUFFIXES
from lookalike.readers.pool import Frame, Slice
from lookalike.readers.series import LEAST_SLICES
from lookalike.types import PatchMap, Series


class Volume:
    """The vectors of one volume's slices, and the slice that stands for it in a listing."""

    def __init__(self, first: Frame) -> None:
        self.first = first
        self.vectors: list[NDArray[np.float32]] = []
        self.views: list[int] = []
        self.patches: list[PatchMap] = []
        self.thumbnail, self._from_middle = first.thumbnail, first.depth + 1

    def add(self, frame: Frame, vector: NDArray[np.float32], patches: tuple[PatchMap, ...]) -> None:
        """The next slice; patches: one, or none where the gallery keeps none."""
        self.vectors.append(vector)
        self.views.append(frame.view)
        self.patches += patches
        from_middle = abs(2 * frame.view - frame.depth + 1)
        if from_middle < self._from_middle:
            self.thumbnail, self._from_middle = frame.thumbnail, from_middle


@dataclass
class Volumes:
    """slices: by the series that they belong to. first_files: of series, by what stands for them."""

    slices: dict[str, list[Slice]] = field(default_factory=dict)
    first_files: dict[str, str] = field(default_factory=dict)
    _open: dict[str, dict[int, Volume]] = field(default_factory=dict)  # by source and frame

    @property
    def waiting(self) -> int:
        """Volumes of which slices have come."""
        return len(self._open)

    def add(self, frame: Frame, vector: NDArray[np.float32], patches: tuple[PatchMap, ...]) -> None:
        """A slice's vector and patches."""
        self._open.setdefault(frame.source, {}).setdefault(frame.frame, Volume(frame)).add(frame, vector, patches)

    def drop(self, source: str) -> None:
        """Forget a volume that broke."""
        self._open.pop(source, None)

    def take(self, finished: Iterable[str]) -> Iterator[Volume]:
        """The volumes that are complete."""
        for source in list(finished):
            if source in self._open:
                yield from self._open.pop(source).values()

    def series(self) -> list[Series | Path]:
        """The slices as series; where there are too few for a volume, as pictures of their own."""
        asked: list[Series | Path] = []
        for slices in (part for whole in self.slices.values() for part in _by_copy(whole)):
            files = [one.source for one in slices]
            # One slice stored in several ways is no volume, however many files it makes.
            if len({one.place for one in slices}) < LEAST_SLICES:
                asked += [Path(file) for file in files]
                continue
            name = _series_name(files)
            self.first_files[name] = files[0]
            asked.append(Series(name, tuple(files)))
        return asked


def _by_copy(slices: Sequence[Slice]) -> Iterator[list[Slice]]:
    """A series whose slices lie in several folders is one volume, unless a folder holds what another holds too:
    then it was copied, and each folder is read for itself. What is the same becomes one record.
    """
    folders: dict[Path, list[Slice]] = {}
    for one in slices:
        folders.setdefault(Path(one.source).parent, []).append(one)
    places = [place for some in folders.values() for place in {one.place for one in some}]
    if len(places) == len(set(places)):
        yield list(slices)
    else:
        yield from folders.values()


def _series_name(files: list[str]) -> str:
    """What stands for a series: its folder, if nothing else lies in it, or else its first file."""
    folder = Path(files[0]).parent
    alone = {Path(file).parent for file in files} == {folder} and len(list(folder.iterdir())) == len(files)
    return str(folder) if alone else files[0]


def is_mask(path: Path) -> bool:
    """Whether a volume's file is a mask, no image to be searched: by its name (mask_x.nii.gz, x_seg.nrrd), or by
    the folder that published collections keep masks in.
    """
    if not path.name.lower().endswith(VOLUME_SUFFIXES):
        return False
    if path.parent.name in ("labelsTr", "labelsTs", "segmentations"):
        return True
    stem = path.name.split(".")[0].lower()
    return stem.startswith("mask_") or stem.endswith(("_mask", "-mask", "_seg", "-seg"))


def mask_beside(image: Path) -> Path | None:
    """The mask of a volume's file: mask_x.nii.gz, x_mask.nrrd, x-seg.nrrd ... beside it, or the file of its name in
    labelsTr beside imagesTr; None if there is none.
    """
    endings = [suffix for suffix in VOLUME_SUFFIXES if image.name.lower().endswith(suffix)]
    suffix = max(endings, key=len, default="")
    if not suffix:
        return None
    stem = image.name[: -len(suffix)]
    stems = [f"mask_{stem}", *(f"{stem}{end}" for end in ("_mask", "-mask", "_seg", "-seg"))]
    beside = [image.with_name(f"{name}{end}") for name in stems for end in VOLUME_SUFFIXES]
    if image.parent.name in ("imagesTr", "imagesTs"):
        beside.append(image.parent.with_name(image.parent.name.replace("images", "labels")) / image.name)
    return next((path for path in beside if path.is_file()), None)
