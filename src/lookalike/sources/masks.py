"""Masks told by their names, as collections and programs name them; what only content tells ``readers.labelmaps`` does.

Volumes: KiTS, LiTS, AMOS, ACDC, BIDS, the Medical Segmentation Decathlon, TotalSegmentator, FreeSurfer, 3D Slicer,
nnU-Net and MONAI. Pictures: only beside the picture that they mark, as in BUSI and ISIC.
"""

from __future__ import annotations

import os
import re
from bisect import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lookalike.readers import VOLUME_SUFFIXES, named_as_volume

PICTURE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm")

_MASK: Final = r"masks?|msk|segs?|segmentations?|labelmaps?|labels?"
_FIRST: Final = re.compile(rf"(?:{_MASK}|aseg)\d*")
_LAST: Final = re.compile(rf"(?:{_MASK}|dseg|probseg|gt|groundtruth|truth|annotations?|ribbon)\d*")
_ANYWHERE: Final = frozenset({"aparc", "aseg", "wmparc"})  # FreeSurfer's parcellations
_DENIED: Final = frozenset({"no", "non", "without"})  # x_without_mask
_FOLDER: Final = re.compile(
    r"labels?(?:t[rse]|va|val|train|test)?|(?:.*[-_. ])?(?:masks?|segmentations?)|ground_?truths?"
)
_CHECKED: Final = ("original", "final")  # below "labels", where MONAI Label keeps them
_BESIDE: Final = ("images", "image", "imgs", "img")  # a folder of pictures, beside one of masks
_CANDIDATES: Final = 6  # files that a label map's image is looked for among


def is_mask(path: Path) -> bool:
    """Whether a file is a mask and not an image to search, by its own name and its folder's. A picture counts as a mask
    only if the picture that it marks lies beside it, or in the folder ``images`` beside its own.
    """
    if named_as_volume(path):
        return _in_mask_folder(path) or _named_as_mask(_stem(path))
    return path.suffix.lower() in PICTURE_SUFFIXES and any(map(Path.is_file, _marked_pictures(path)))


def mask_beside(image: Path) -> Path | None:
    """The mask of a volume's file, by the names that ``is_mask`` knows: mask_x.nii.gz or x_seg.nrrd beside x, the file
    of its name in labelsTr beside imagesTr, the only mask beside the only image; None if there is none.
    """
    if not named_as_volume(image):
        return None
    try:
        named = sorted(path for folder in _mask_folders(image) for path in folder.iterdir() if named_as_volume(path))
    except OSError:
        return None
    masks = {path: _core(_stem(path)) for path in named if is_mask(path)}
    others = [_words(_stem(path)) for path in named if path not in masks and path != image]
    words = _words(_stem(image))
    exact = (path for path, core in masks.items() if core in (words, words[:-1] if words[-1] == "0000" else words))
    near = (path for path, core in masks.items() if core not in others and _fits(core, words, not others))
    return next(exact, None) or next(near, None)


def _stem(path: Path) -> str:
    """The whole name without the suffix of its format, whatever dots are in it; in lower case."""
    name = path.name.lower()
    known = (suffix for suffix in VOLUME_SUFFIXES if name.endswith(suffix))
    return name.removesuffix(max(known, key=len, default=path.suffix.lower()))


def _words(stem: str) -> list[str]:
    return [word for word in re.split(r"[-_.+ ()]+", stem) if word]


def _named_as_mask(stem: str) -> bool:
    words = _words(stem)
    if _ANYWHERE & {*words}:
        return True
    while len(words) > 1 and words[-1].isdigit():  # x_mask_2, instance-1_annotation-1
        words.pop()
    if not words or {*words[:-1]} & _DENIED:
        return False
    return _FIRST.fullmatch(words[0]) is not None or _LAST.fullmatch(words[-1]) is not None


def _in_mask_folder(path: Path) -> bool:
    folder = path.parent
    name = folder.parent.name if folder.name.lower() in _CHECKED else folder.name
    return _FOLDER.fullmatch(name.lower()) is not None


def _core(stem: str) -> list[str]:
    """The words of a mask's name that are not about masks: those of its image."""
    words = (re.sub(r"\D", "", word) if _LAST.fullmatch(word) else word for word in _words(stem))
    return [word for word in words if word]


def _fits(core: list[str], words: list[str], alone: bool) -> bool:
    """Whether the words of a mask's name stand in an image's, in their order, or begin with all of them; a mask without
    any is that of an image alone.
    """
    rest = iter(words)
    return core[: len(words)] == words or (all(word in rest for word in core) and bool(core or alone))


def _mask_folders(image: Path) -> Iterator[Path]:
    yield image.parent
    name = image.parent.name
    if name.startswith("images") and (labels := image.parent.with_name(name.replace("images", "labels", 1))).is_dir():
        yield labels


def _marked_pictures(mask: Path) -> Iterator[Path]:
    """Where the picture may lie that a file marks, if its name or folder says that it marks one."""
    stem = mask.name[: -len(mask.suffix)]
    suffixes = dict.fromkeys((mask.suffix, *PICTURE_SUFFIXES))
    if _in_mask_folder(mask):
        images = {*_BESIDE, mask.parent.name.replace("labels", "images")} - {mask.parent.name}
        folders = [mask.parent.with_name(name) for name in sorted(images)]
        cores = [stem, re.sub(rf"[-_. ]?(?:{_LAST.pattern})$", "", stem, flags=re.IGNORECASE)]
    elif found := re.fullmatch(rf"(.+?)[-_. ](?:{_LAST.pattern})(?:[-_. ]\d+)?", stem, re.IGNORECASE):
        folders, cores = [mask.parent], [found[1]]
    else:
        return
    yield from (folder / f"{core}{suffix}" for folder in folders for core in cores for suffix in suffixes)


class ImagesBeside:
    """The volumes that may be the image of a file, if its content is a label map: the nearest by name in its folder, in
    the one above, and in those beside it that are called ``images``, ``imagesTr``, ... Folders are listed once.
    """

    def __init__(self) -> None:
        self._listed: dict[Path, list[str]] = {}

    def of(self, file: Path) -> tuple[str, ...]:
        """At most six paths, the most alike by name first; none for a file that is no volume by its name."""
        if not named_as_volume(file):
            return ()
        above = file.parent.parent
        images = (above / name for name in self._names(above) if name.lower().startswith(_BESIDE))
        folders = dict.fromkeys((file.parent, *images, above))
        found = [folder / name for folder in folders for name in self._near(folder, file.name) if folder / name != file]
        found.sort(key=lambda path: -_shared(path.name, file.name))
        return tuple(map(str, found[:_CANDIDATES]))

    def _near(self, folder: Path, name: str) -> list[str]:
        volumes = [each for each in self._names(folder) if named_as_volume(Path(each))]
        at = bisect(volumes, name)
        return [each for each in volumes[max(0, at - _CANDIDATES) : at + _CANDIDATES] if not is_mask(folder / each)]

    def _names(self, folder: Path) -> list[str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is needed
            except OSError:
                self._listed[folder] = []
        return self._listed[folder]


def _shared(one: str, other: str) -> int:
    """How many characters two names begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
