"""What a catalogue holds: an encoder as data, with one ``build()``."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lookalike.encoders import checkpoints
from lookalike.encoders.processors import FILES, read_processor
from lookalike.errors import MissingExtraError, UsageError
from lookalike.types import EncoderSpec, Preprocessing

if TYPE_CHECKING:
    from lookalike.encoders import Encoder
    from lookalike.encoders.torch_encoder import ImageTower, TextTower


class Entry(Protocol):
    """What an entry point of the group ``lookalike.encoders`` names, or a catalogue holds."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...

    @property
    def spec(self) -> EncoderSpec:
        """What it is; reading it loads no weights."""
        ...

    @property
    def checkpoint(self) -> str:
        """Where the weights come from: a repository on the hub, an address, or a package."""
        ...

    @property
    def parameters(self) -> float:
        """Of the image tower, in millions; 0 if not known."""
        ...

    @property
    def gmacs(self) -> float:
        """Thousand million multiply-adds a picture; 0 if not known."""
        ...

    @property
    def here(self) -> bool:
        """Whether it can be built on this machine as it is."""
        ...

    def build(self) -> Encoder:
        """Load the weights."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """An encoder whose weights lie in a folder on this machine.

    checkpoint: a repository on the hub, or the address of a zip file. family: which code reads the
    weights. files: the weight files, in the order of preference. published: a preprocessing file beside
    the weights counts more than ``preprocessing``. pooling: how the network is read, "" for the usual way.
    tokenizer: the repository of a text tower's tokenizer, where it is another one; tokenizer_folder: where
    it lies in the model's folder. folder: where the weights lie, where that is known.
    """

    name: str
    checkpoint: str
    license: str
    dim: int
    preprocessing: Preprocessing | None
    trained_on: tuple[str, ...] = ()
    family: str = "transformers"
    files: tuple[str, ...] = checkpoints.WEIGHTS
    pooling: str = ""
    published: bool = True
    text: bool = False
    tokenizer: str = ""
    tokenizer_folder: str = "."
    parameters: float = 0
    gmacs: float = 0
    note: str = ""
    folder: Path | None = None

    @property
    def spec(self) -> EncoderSpec:
        """As the files on this machine say; as declared, with revision "main", where there are none."""
        folder = self.find()
        if folder is None:
            if self.preprocessing is None:
                raise checkpoints.missing(self.name, self.checkpoint)
            return self._spec("main", self.dim, self.preprocessing, self.text)
        return self._spec(
            checkpoints.revision(folder, self.files),
            self._dim(folder),
            self._preprocessing(folder),
            self.text and checkpoints.has_tokenizer(folder / self.tokenizer_folder),
        )

    @property
    def here(self) -> bool:
        """Whether the weights and the packages that run them are on this machine."""
        return self.find() is not None and installed("torch", "transformers")

    def find(self) -> Path | None:
        """The folder with the weights, or None."""
        return self.folder or checkpoints.find(self.name, self.checkpoint, self.files)

    def build(self) -> Encoder:
        """Load the weights.

        Raises MissingExtraError without torch and transformers, UsageError if the weights are not on this
        machine, DamagedFileError if they are not what they were.
        """
        require(f"the encoder {self.name}", "transformers", "torch", "transformers")
        folder = self.find()
        if folder is None:
            raise checkpoints.missing(self.name, self.checkpoint, self.files if self._original else ())
        from lookalike.encoders.torch_encoder import TorchEncoder, TorchTextEncoder

        spec = self.spec
        image, text = self._towers(folder)
        if text is None:
            return TorchEncoder(spec, image)
        return TorchTextEncoder(spec, image, text)

    @property
    def _original(self) -> bool:
        return self.family != "transformers"

    def _towers(self, folder: Path) -> tuple[ImageTower, TextTower | None]:
        weights = checkpoints.weight_files(folder, self.files)[0]
        if not self._original or (weights.name in checkpoints.WEIGHTS and self.family == "sam"):
            from lookalike.encoders.networks import towers

            return towers(folder, self.pooling)
        from lookalike.encoders import original, pairs

        if self.text:
            pair = {"biomedclip": pairs.biomedclip, "medclip": pairs.medclip, "medimageinsight": pairs.medimageinsight}[
                self.family
            ]
            return pair(weights, folder / self.tokenizer_folder)
        single = {"sam": original.sam, "radimagenet": original.radimagenet}[self.family]
        return single(weights), None

    def _spec(self, revision: str, dim: int, preprocessing: Preprocessing, text: bool) -> EncoderSpec:
        return EncoderSpec(
            name=self.name,
            revision=revision,
            dim=dim,
            ndim=2,
            license=self.license,
            preprocessing=preprocessing,
            trained_on=frozenset(self.trained_on),
            text=text,
            note=self.note,
        )

    def _preprocessing(self, folder: Path) -> Preprocessing:
        recipe = (self.published and read_processor(folder)) or self.preprocessing
        if recipe is None:
            raise UsageError(
                f"{folder} publishes no preprocessing ({' or '.join(FILES)}); it is part of the model and is not "
                "guessed: copy the file from where the weights come from"
            )
        return recipe

    def _dim(self, folder: Path) -> int:
        if self._original:
            return self.dim
        return dim_of(checkpoints.read_config(folder)) or self.dim or _dim_by_default(folder)


def dim_of(config: dict[str, object]) -> int:
    """The length of the vectors of a model with this ``config.json``; 0 if the file leaves it to a default."""
    vision = config.get("vision_config") or {}
    widths = config.get("hidden_sizes") or [0]
    assert isinstance(vision, dict)
    assert isinstance(widths, Sequence)
    if str(config.get("model_type", "")).startswith("sam"):
        said = vision.get("output_channels", config.get("output_channels", 0))
    elif vision:
        said = config.get("projection_dim") or vision.get("hidden_size", 0)
    else:
        said = config.get("hidden_size") or widths[-1]
    return int(said or 0)


def _dim_by_default(folder: Path) -> int:
    from transformers import AutoConfig

    return dim_of(AutoConfig.from_pretrained(folder, local_files_only=True).to_dict())


def require(feature: str, extra: str, *packages: str) -> None:
    """Raise MissingExtraError if one of these packages is not installed."""
    if not installed(*packages):
        raise MissingExtraError(feature, extra)


def installed(*packages: str) -> bool:
    """Whether all of these packages are installed; none is imported."""
    try:
        return all(importlib.util.find_spec(package) is not None for package in packages)
    except ValueError:  # a package that is blocked in sys.modules
        return False
