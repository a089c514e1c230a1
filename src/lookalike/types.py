"""The plain data that pass between the layers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]  # (n, dim), rows of unit L2 norm
Keys: TypeAlias = NDArray[np.int64]  # vector keys; -1 pads
Scores: TypeAlias = NDArray[np.float32]  # (q, k) cosine, higher = more alike; -inf pads

Attribute: TypeAlias = str | float


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A look-up table (DICOM PS3.3 C.11.1.1.1): ``table[i]`` stands for the input value ``first + i``."""

    first: int
    table: NDArray[np.float32]  # (entries,)


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Decoded pixels with geometry, before any windowing.

    pixels: (depth, rows, columns, channels), depth 1 = 2-D, channels 1 or 3, modality units (CT: HU).
    affine: (4, 4) float64 voxel -> patient mm, RAS+, or None. spacing: (z, y, x) mm or None.
    modality: DICOM (0008,0060) or "". window: (center, width) if the file names one, with its
    window_function (0028,1056). voi_lut: to [0, 1]; it goes before the window. inverted: MONOCHROME1,
    low values are shown bright.
    attributes: DICOM keywords or label-table columns worth filtering on; never names, dates or UIDs.
    patient: the source's own patient identifier or ""; it is hashed before it is stored, never shown.
    """

    pixels: NDArray[np.generic]
    affine: NDArray[np.float64] | None = None
    spacing: tuple[float, float, float] | None = None
    modality: str = ""
    window: tuple[float, float] | None = None
    window_function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"
    voi_lut: Lut | None = None
    inverted: bool = False
    frame: int = 0
    frames: int = 1
    patient: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What is done to an Image before the network sees it; declared, stored and hashed.

    percentiles: the displayed values (after VOI and inversion) between these two percentiles are
    stretched to 0..255. size: (rows, columns) of the input. resize: "squash" ignores the aspect ratio
    (with ``shortest_edge``: to a square of that side, of which the centre is cut), "crop" fits the short
    side to ``shortest_edge`` and crops the centre, "pad" fits the long side and pads with black, "corner"
    fits the long side and pads right and below with ``fill``, "square" pads to a square no smaller than
    ``size`` with black, then squashes. resample: a Pillow filter. mean, std: per channel, on the 0..255
    scale. fill: RGB. parts: an ensemble's members; their inputs stand one below the other in an input of
    ``size``.
    """

    size: tuple[int, int] = (224, 224)
    resize: Literal["squash", "crop", "pad", "corner", "square"] = "squash"
    shortest_edge: int | None = None
    resample: Literal["nearest", "bilinear", "bicubic", "lanczos", "box"] = "bilinear"
    percentiles: tuple[float, float] = (1.0, 99.0)
    mean: tuple[float, float, float] = (127.0, 127.0, 127.0)
    std: tuple[float, float, float] = (128.0, 128.0, 128.0)
    fill: tuple[int, int, int] = (0, 0, 0)
    parts: tuple[Preprocessing, ...] = ()

    def fields(self) -> dict[str, Any]:
        """The fields by name. ``fill`` and ``parts`` are left out where they say nothing: a field that is
        added to this class must not change the hash of what was stored before it."""
        said = {key: value for key, value in asdict(self).items() if key not in ("fill", "parts")}
        if self.fill != (0, 0, 0):
            said["fill"] = self.fill
        if self.parts:
            said["parts"] = [part.fields() for part in self.parts]
        return said

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Preprocessing:
        """What ``fields`` gave, also after a way through JSON (lists become tuples again)."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        values["parts"] = tuple(cls.from_fields(part) for part in values.get("parts", ()))
        return cls(**values)

    def to_json(self) -> str:
        """The canonical text: what is stored, compared and hashed."""
        return json.dumps(self.fields(), sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class VolumeRecipe:
    """How a volume is cut into pictures: along which plane, which slices (``slices.slice_rule``), with which
    grey window (``slices.grey_map``). Kept with the gallery, so that queries are cut alike.
    """

    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    slices: str = "all"
    window: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """Files that are the slices of one volume. name: what stands for them, their folder or the first file."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What names an encoder's vectors: stored with every space and every report.

    revision: the SHA-256 of the weights (or a hub revision). trained_on: collections the weights have
    seen, so that a report can mark a contaminated score. layer: where the network is read.
    """

    name: str
    revision: str
    dim: int
    ndim: Literal[2, 3]
    license: str
    preprocessing: Preprocessing
    trained_on: frozenset[str]
    text: bool = False
    note: str = ""

    @property
    def identity(self) -> dict[str, str]:
        """What must be equal for two vectors to be comparable."""
        return {
            "name": self.name,
            "revision": self.revision,
            "preprocessing_hash": self.preprocessing.hash,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that can be found. ``id`` is public and stable; ``key`` numbers its vector."""

    key: int
    id: str
    source: str
    frame: int
    labels: tuple[str, ...]
    patient: str
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not indexed; ``reason`` is a key of ``errors.REASONS``."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Match:
    """Where a volume matches: the most alike pair of slices with its cosine, and every slice of the hit that
    answers some slice of the query best. Slices are numbered along the gallery's plane, from 0.
    """

    query_slice: int
    slice: int
    score: float
    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: ``score`` is the cosine, 1 = the same picture."""

    rank: int
    score: float
    id: str
    source: str
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    match: Match | None = None
