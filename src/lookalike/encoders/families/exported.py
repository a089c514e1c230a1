"""Models whose networks are their authors' own code: here they run from an ONNX file that was exported once.

``lookalike encoders export`` writes that file where the authors' package is installed and an adapter for it is known
(``authors_code``); for the others docs/encoders.md shows how. Code that a hub repository brings is never run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.families.onnx_file import OnnxFile
from lookalike.encoders.preprocessing.normalisations import PLUS_MINUS_ONE, ZERO_TO_ONE
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.runtimes.volumes import VolumeEncoder, onnx_network
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import installed
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Preprocessing, VolumeInput

GRAPH: Final = "model.onnx"
_EARLIER_GRAPHS: Final = ("ct-clip.onnx",)  # without a description beside it
_CT: Final = (-1000.0, 1000.0)


@dataclass(frozen=True, slots=True)
class ByExport:
    """The catalogue entry of such a model.

    weights: its checkpoint's files in the repository; dataset: of the kind that holds data. package: on PyPI or GitHub,
    where its network is; modules: what is imported of it by the adapter of this name in ``authors_code``, () if there
    is none. options: for the adapter. dim: 0 if its authors do not say it; the exported file does.
    """

    name: str
    checkpoint: str
    license: str
    dim: int
    preprocessing: Preprocessing
    package: str
    modules: tuple[str, ...] = ()
    weights: tuple[str, ...] = ("model.safetensors",)
    dataset: bool = False
    gated: bool = False
    trained_on: tuple[str, ...] = ()
    parameters: float = 0
    gmacs: float = 0
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> EncoderSpec:
        """As the exported file on this machine says; as declared, with revision "main", where there is none."""
        path = self.graph()
        if path is None or not path.with_suffix(".json").is_file():
            return self.declared(
                self.note, "main" if path is None else checkpoints.revision_of(path.parent, (path.name,))
            )
        said = OnnxFile(self.name, path).spec
        return dataclasses.replace(
            said, license=self.license, trained_on=said.trained_on.union(self.trained_on), note=said.note or self.note
        )

    def declared(self, note: str, revision: str = "main") -> EncoderSpec:
        """The spec that the catalogue declares."""
        return EncoderSpec(
            name=self.name,
            revision=revision,
            dim=self.dim,
            ndim=2 if self.preprocessing.volume is None else 3,
            license=self.license,
            preprocessing=self.preprocessing,
            trained_on=frozenset(self.trained_on),
            note=note,
        )

    @property
    def here(self) -> bool:
        """Whether the exported file is on this machine."""
        return self.graph() is not None

    def graph(self) -> Path | None:
        """The exported file, or None."""
        files = (GRAPH, *_EARLIER_GRAPHS)
        folder = checkpoints.find(self.name, self.checkpoint, files)
        return folder and next(folder / file for file in files if (folder / file).is_file())

    def checkpoint_folder(self) -> Path:
        """The folder with the authors' checkpoint, to export from. Raises UsageError if it is not on this machine."""
        folder = checkpoints.find(self.name, self.checkpoint, self.weights)
        if folder is None or not all((folder / file).is_file() for file in self.weights):
            raise checkpoints.missing(self.name, self.checkpoint, self.weights, gated=self.gated)
        return folder

    def build(self) -> Encoder:
        """Load the graph. Raises UsageError, with what it needs in one line, if it is not on this machine."""
        path = self.graph()
        if path is None:
            raise UsageError(self._needs())
        if not path.with_suffix(".json").is_file():
            return VolumeEncoder(self.spec, onnx_network(path, "vectors", "none"))
        encoder = OnnxFile(self.name, path).build()
        encoder.spec = self.spec
        return encoder

    def _needs(self) -> str:
        where = f"as DIR/{self.name}/{GRAPH} and set {checkpoints.MODELS_FOLDER}=DIR"
        if not self.modules:
            return (
                f"{self.name} needs {GRAPH}, exported once where its authors' code runs ({self.package}): see 'Models "
                f"with code of their own' in docs/encoders.md; keep it {where}"
            )
        missing = "" if installed(*self.modules) else f"install {self.package}, "
        return (
            f"{self.name} needs {GRAPH}, exported once: {missing}pull it, then 'lookalike encoders export {self.name} "
            f"--to DIR'; or copy it {where}"
        )


EXPORTED: Final = (
    ByExport(
        "ct-clip",
        "ibrahimhamamci/CT-RATE",
        "CC BY-NC-SA 4.0",
        512,
        # As in the authors' inference: 0.75 x 0.75 x 1.5 mm, HU of +-1000 to -1..1, 480 x 480 x 240.
        Preprocessing(size=(480, 480), volume=VolumeInput(240, "SLP", (1.5, 0.75, 0.75), _CT), **PLUS_MINUS_ONE),
        "github.com/ibrahimethemhamamci/CT-CLIP",
        modules=("transformer_maskgit",),
        weights=("models/CT-CLIP-Related/CT-CLIP_v2.pt",),
        dataset=True,
        gated=True,
        trained_on=("ct-rate",),
        note="chest CT without contrast; non-commercial",
    ),
    ByExport(
        "colipri",
        "microsoft/colipri",
        "MIT",
        768,
        # As the package's configuration, 0.1.3 (its page shows axes S, A, R): 2 mm, HU of +-1000 to -1..1.
        Preprocessing(size=(192, 192), volume=VolumeInput(192, "RAS", (2.0, 2.0, 2.0), _CT), **PLUS_MINUS_ONE),
        "colipri",
        modules=("colipri",),
        trained_on=("ct-rate", "nlst", "incomplete"),
        parameters=147.1,
        note="chest CT; for research; the image tower, without its text tower",
    ),
    ByExport(
        "spectre",
        "cclaess/SPECTRE",
        "CC BY-NC-SA 4.0",
        1080,
        # As in its training with reports: 0.75 x 0.75 x 1.5 mm, HU of +-1000 to 0..1, 3 x 3 x 4 crops.
        Preprocessing(size=(384, 384), volume=VolumeInput(256, "SRA", (1.5, 0.75, 0.75), _CT), **ZERO_TO_ONE),
        "spectre-fm",
        modules=("spectre",),
        weights=("spectre_backbone_vit_large_patch16_128.pt", "spectre_combiner_feature_vit_large.pt"),
        trained_on=(
            "ct-rate",
            "merlin-abdominal-ct",
            "inspect",
            "nlst",
            "amos",
            "abdomenct-1k",
            "abdomen-atlas",
            "panorama",
            "sinoct",
        ),
        parameters=396.9,
        note="CT of chest and abdomen; non-commercial",
    ),
    ByExport(
        "flexict-2d",
        "ricklisz123/FlexiCT-2D",
        "CC BY-NC-ND 4.0",
        768,
        Preprocessing(size=(512, 512), **ZERO_TO_ONE),
        "github.com/ricklisz/FlexiCT",
        trained_on=("incomplete",),
        note="slices of CT, of 56 public collections; give each slice zero mean and unit deviation in the graph",
    ),
    ByExport(
        "flexict-3d",
        "ricklisz123/FlexiCT-3D",
        "CC BY-NC-ND 4.0",
        768,
        # Its authors' processor: LPS, 2 mm, HU of +-1000, 160 x 160 x 160.
        Preprocessing(size=(160, 160), volume=VolumeInput(160, "SPL", (2.0, 2.0, 2.0), _CT), **ZERO_TO_ONE),
        "github.com/ricklisz/FlexiCT",
        trained_on=("incomplete",),
        note="CT, of 56 public collections; give each volume zero mean and unit deviation in the graph",
    ),
    ByExport(
        "pillar0-chest-ct",
        "YalaLab/Pillar0-ChestCT",
        "ECL-2.0",
        0,
        Preprocessing(size=(256, 256), volume=VolumeInput(256, "IPL", None, (-1024.0, 3071.0)), **ZERO_TO_ONE),
        "github.com/YalaLab/pillar-pretrain",
        gated=True,
        trained_on=("incomplete",),
        note="chest CT of one centre; its 11 windows belong into the graph",
    ),
    ByExport(
        "pillar0-abdomen-ct",
        "YalaLab/Pillar0-AbdomenCT",
        "ECL-2.0",
        0,
        Preprocessing(
            size=(384, 384), volume=VolumeInput(384, "IPL", (1.25, 1.25, 1.25), (-1024.0, 3071.0)), **ZERO_TO_ONE
        ),
        "github.com/YalaLab/pillar-pretrain",
        gated=True,
        trained_on=("incomplete",),
        note="abdominal CT of one centre; its 11 windows belong into the graph",
    ),
    ByExport(
        "conceptclip",
        "JerrryNie/ConceptCLIP",
        "MIT",
        0,
        Preprocessing(size=(384, 384), resample="bicubic", **PLUS_MINUS_ONE),
        "github.com/JerrryNie/ConceptCLIP",
        gated=True,
        trained_on=("medconcept-23m", "pmc-oa"),
        note="figures of PubMed Central, their captions and concepts; the image tower, without its text tower",
    ),
)
