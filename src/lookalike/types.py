"""The data types that pass between the layers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]  # (n, dim), rows of unit L2 norm
Keys: TypeAlias = NDArray[np.int64]  # vector keys; -1 pads
Scores: TypeAlias = NDArray[np.float32]  # (q, k) cosine, higher = more similar; -inf pads

Attribute: TypeAlias = str | float

BASE: Final = "base"
"""The name of the space of an encoder's own vectors."""
OTHER_KEY: Final = "x"
"""Begins the name of a patient's group that another secret key made than the gallery's present one."""

Box: TypeAlias = tuple[float, float, float, float]
"""(left, top, right, bottom) in fractions of the displayed picture, 0 to 1."""

PixelBox: TypeAlias = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels of the displayed picture; bottom and right are the first outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A look-up table (DICOM PS3.3 C.11.1.1.1): ``table[i]`` stands for the input value ``first + i``."""

    first: int
    table: NDArray[np.float32]  # (entries,)


@dataclass(frozen=True, slots=True)
class Window:
    """A window that a file names (DICOM PS3.3 C.11.2.1.2), in modality units; name: its explanation, or ""."""

    center: float
    width: float
    name: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class DicomIdentity:
    """Who an image is in a PACS, by DICOM's keywords (PS3.3 C.7.2.1, C.7.3.1, C.12.1); "" where its file says nothing.
    sop_instance_uid: None for a volume of several files; of these the others are the first one's. study_date: YYYYMMDD;
    study_time: HHMMSS. It is written into no log: it has no representation.
    """

    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str | None = None
    sop_class_uid: str = ""
    accession_number: str = ""
    study_date: str = ""
    study_time: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class FileIdentity:
    """Who a file, or the files of a series, are. patient: as the file or a table names it, or "". instances: the
    SOPInstanceUIDs of all files.
    """

    identity: DicomIdentity
    patient: str
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Decoded pixels with geometry, before any windowing.

    pixels: (depth, rows, columns, channels), depth 1 = 2-D, channels 1 or 3, modality units (CT: HU).
    affine: (4, 4) float64 voxel -> patient mm, RAS+, or None. spacing: (z, y, x) mm or None.
    modality: DICOM (0008,0060) or "". window: (center, width) if the file has one, the first of its windows, with its
    window_function (0028,1056). voi_lut: to [0, 1]; it takes precedence over the window. inverted:
    MONOCHROME1, low values are shown bright. units: of the values, "HU" where a CT's file says so, or "".
    NaN: no value was measured there (padding); it is left out of every statistic and shown as background.
    attributes: DICOM keywords or label-table columns worth filtering on; never names, dates or UIDs.
    remarks: keywords that something is to be said of: values that were not kept (``readers.kept``), text in the pixels.
    patient: the source's own identifier or ""; it is hashed before it is stored, never shown. identity: of a DICOM
    file, and instances: the SOPInstanceUIDs of the files that it was made of; hashed likewise, or encrypted.
    """

    pixels: NDArray[np.generic]
    affine: NDArray[np.float64] | None = None
    spacing: tuple[float, float, float] | None = None
    modality: str = ""
    window: tuple[float, float] | None = None
    windows: tuple[Window, ...] = ()
    window_function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"
    voi_lut: Lut | None = None
    inverted: bool = False
    units: str = ""
    frame: int = 0
    frames: int = 1
    patient: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    identity: DicomIdentity | None = None
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeInput:
    """How a whole volume becomes the input of a network with ``ndim`` 3; ``Preprocessing.size`` is that of a slice.

    depth: slices of the input. axes: where depth, rows and columns grow, by the patient's Right, Left, Anterior,
    Posterior, Superior or Inferior. spacing: (depth, row, column) mm that the volume is resampled to before it is
    cropped or padded around its middle; without it the whole extent is fitted to the input. values: modality units
    (CT: HU) that become 0 and 255 on the scale of ``mean`` and ``std``, values beyond are clipped; without them as
    in ``grey.grey_map``. foreground: only the box around the voxels above it is used. resample: of a volume that
    is fitted; "area" takes the mean of the voxels that a voxel overlaps.
    """

    depth: int
    axes: str = "SPL"
    spacing: tuple[float, float, float] | None = None
    values: tuple[float, float] | None = None
    foreground: float | None = None
    resample: Literal["linear", "area"] = "linear"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The preprocessing of an Image for a network; declared, stored and hashed.

    percentiles: the displayed values (after VOI and inversion) between these two percentiles are
    stretched to 0..255. size: (rows, columns) of the input. resize: "squash" ignores the aspect ratio
    (with ``shortest_edge``: to a square of that side, then crops the centre), "crop" fits the short
    side to ``shortest_edge`` and crops the centre, "pad" fits the long side and pads with black, "corner"
    fits the long side and pads right and below with ``fill``, "square" pads to a square no smaller than
    ``size`` with black, then squashes. margins: "crop" takes off uniform margins first (``margins.inside_margins``) and
    stretches what is left anew. resample: a Pillow filter. mean, std: per channel, on the 0..255
    scale. fill: RGB. parts: an ensemble's members; their inputs are stacked one below the other in an input of
    ``size``. volume: for a network that takes whole volumes; besides it only size, mean and std count then.
    """

    size: tuple[int, int] = (224, 224)
    resize: Literal["squash", "crop", "pad", "corner", "square"] = "squash"
    shortest_edge: int | None = None
    resample: Literal["nearest", "bilinear", "bicubic", "lanczos", "box"] = "bilinear"
    percentiles: tuple[float, float] = (1.0, 99.0)
    mean: tuple[float, float, float] = (127.0, 127.0, 127.0)
    std: tuple[float, float, float] = (128.0, 128.0, 128.0)
    fill: tuple[int, int, int] = (0, 0, 0)
    margins: Literal["keep", "crop"] = "keep"
    parts: tuple[Preprocessing, ...] = ()
    volume: VolumeInput | None = None

    def fields(self) -> dict[str, Any]:
        """The fields by name. Those of ``_LATER`` are left out at their defaults: a field added to this class must not
        change the hash of what was stored before."""
        values = {key: value for key, value in asdict(self).items() if key not in _LATER}
        values |= {key: value for key in ("fill", "margins") if (value := getattr(self, key)) != _LATER[key]}
        if self.parts:
            values["parts"] = [part.fields() for part in self.parts]
        if self.volume is not None:
            values["volume"] = asdict(self.volume)
        return values

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Preprocessing:
        """The inverse of ``fields``, also after a round trip through JSON (lists become tuples again)."""
        values = _tuples(fields)
        values["parts"] = tuple(cls.from_fields(part) for part in values.get("parts", ()))
        if (volume := values.get("volume")) is not None:
            values["volume"] = VolumeInput(**_tuples(volume))
        return cls(**values)

    def to_json(self) -> str:
        """The canonical text, which is stored, compared and hashed."""
        return json.dumps(self.fields(), sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


_LATER: Final[dict[str, Any]] = {"fill": (0, 0, 0), "margins": "keep", "parts": (), "volume": None}


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


class Displayed(NamedTuple):
    """The displayed picture that was fitted to a network's input: its rows and columns in pixels, and the box of it
    inside its margins where these were taken off."""

    rows: int
    columns: int
    inside: PixelBox | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PatchMap:
    """The patch vectors of one picture, one byte a component.

    shown: the displayed picture, before it was fitted to the network's input.
    codes: (rows, columns, channels) int8; each patch is a unit vector times 127 / its largest component, so that
    only its direction is kept.
    """

    shown: Displayed
    codes: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class VolumeRecipe:
    """How a volume is sliced: along which plane ("native": the one it was taken in), which slices
    (``slices.slice_rule``), with which grey window (``grey.grey_map``; ``file:2``, of several that a file names, for
    pictures too). four_d: whether a file with several time points or channels is refused, or each is a volume of its
    own. lone: a slice that comes without its volume is prepared as a slice of it, or as a picture. burned_in: text in
    pixels is kept, masked, or what has some is refused. Stored with the gallery, so that queries are sliced alike.
    """

    plane: Literal["native", "axial", "coronal", "sagittal"] = "native"
    slices: str = "all"
    window: str = "auto"
    seed: int = 0
    four_d: Literal["refuse", "split"] = "refuse"
    lone: Literal["slice", "picture"] = "slice"
    burned_in: Literal["keep", "mask", "refuse"] = "keep"

    @classmethod
    def from_stored(cls, text: str) -> VolumeRecipe:
        """The recipe of a gallery, from JSON; fields that came later stand for what was done before."""
        return cls(**{"lone": "picture", **json.loads(text)})


@dataclass(frozen=True, slots=True, eq=False)
class GivenVectors:
    """The vectors of one item as they were published: (n, dim) float32 of any length. views: the number of the slice
    that each is of, of ``depth`` slices; a picture has one.
    """

    vectors: NDArray[np.float32]
    views: tuple[int, ...] = (0,)
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a source: a file, the files that make one volume, or a picture in a file of arrays.

    name: its permanent name, which its records keep (of a file its path, of an array ``path#frame``).
    files: its files on this machine; () if the source has yet to fetch them. size: bytes, or None if unknown.
    digest: SHA-256 of its bytes, or "" if unknown. image: returns the pixels of an array, the ``frame``-th picture
    of its file; None for what a reader decodes. apart: what it is, if the listing tells already that it is no image
    (a hidden file, a link to what is read anyway): it is counted and not read. beside: files that the volume may be a
    label map of. vectors: returns what an encoder made of it elsewhere, for an item without pixels. instances: what
    it consists of, where its source tells it: the pseudonyms of DICOM instances, or the names of its files. version:
    what tells its bytes from others under the same name, where its source keeps the names of what changes.
    """

    name: str
    files: tuple[str, ...] = ()
    size: int | None = None
    digest: str = ""
    image: Callable[[], Image] | None = None
    frame: int = 0
    apart: str = ""
    beside: tuple[str, ...] = ()
    vectors: Callable[[], GivenVectors] | None = None
    instances: tuple[str, ...] = ()
    version: str = ""

    @property
    def in_array(self) -> bool:
        """Whether it is one of many in a file of arrays: no reader takes that file."""
        return self.image is not None or self.vectors is not None


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The identity of an encoder and its vectors, stored with every space and report.

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
        """The fields that must be equal for two vectors to be comparable."""
        return {"name": self.name, "revision": self.revision, "preprocessing_hash": self.preprocessing.hash}


@dataclass(frozen=True, slots=True)
class Record:
    """A picture or volume in a gallery. ``id`` is public and stable; ``key`` is its number in the database."""

    key: int
    id: str
    source: str
    frame: int
    labels: tuple[str, ...]
    patient: str
    attributes: Mapping[str, Attribute]

    @property
    def depth(self) -> int:
        """How many slices a volume has; 1 for a picture."""
        return int(self.attributes.get("slices", 1))

    @property
    def plane(self) -> Literal["", "axial", "coronal", "sagittal"]:
        """The plane that its slices lie in; "" for a picture, and where it was not stored."""
        found = self.attributes.get("plane")
        return found if found in ("axial", "coronal", "sagittal") else ""  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedReport:
    """A report beside a picture. text: its words, which are a patient's. vectors: (passages, dim) unit vectors of the
    sentence encoder, of the whole text first and then of each sentence that says what is
    there.
    """

    text: str
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not indexed; ``reason`` is a key of ``errors.REASONS``. detail: which slices of a series are
    missing or doubled, in numbers; it is reported in the result of the run and not stored.
    """

    source: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SetApart:
    """What lies among images and is none. kind: in words for people: a DICOM modality (SEG, SR), "mask", "table"."""

    source: str
    kind: str
