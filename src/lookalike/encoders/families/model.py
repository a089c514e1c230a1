"""Encoders with their weights in a local folder, each described by data: a checkpoint and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.encoders.families.published import PROCESSOR_FILES, read_processor
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Preprocessing

if TYPE_CHECKING:
    from lookalike.encoders.families.transformers_towers import Towers

TRANSFORMERS: Final = "transformers"


@dataclass(frozen=True, slots=True)
class Model:
    """An encoder whose weights lie in a folder on this machine.

    checkpoint: a repository on the hub, or the address of a zip file. family: which code reads the
    weights, "transformers" or a key of ``towers.AUTHORS_FORMATS``. files: the weight files, in the order of
    preference. published: a preprocessing file beside the weights takes precedence over ``preprocessing``.
    pooling: how the network is read, "" for its usual way.
    tokenizer: the repository of a text tower's tokenizer, if it is another one; tokenizer_folder: its place in the
    model's folder. folder: the folder of the weights, if known.
    """

    name: str
    checkpoint: str
    license: str
    dim: int
    preprocessing: Preprocessing | None
    trained_on: tuple[str, ...] = ()
    family: str = TRANSFORMERS
    files: tuple[str, ...] = checkpoints.WEIGHTS
    pooling: str = ""
    published: bool = True
    text: bool = False
    tokenizer: str = ""
    tokenizer_folder: str = "."
    parameters: float = 0
    gmacs: float = 0
    note: str = ""
    gated: bool = False
    folder: Path | None = None

    @property
    def spec(self) -> EncoderSpec:
        """The spec from the files on this machine; as declared, with revision "main", if there are none."""
        folder = self.find()
        if folder is None:
            if self.preprocessing is None:
                raise self._missing()
            return self._spec("main", self.dim, self.preprocessing, self.text)
        return self._spec(
            checkpoints.revision_of(folder, self.files),
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
        machine, DamagedFileError if they have changed.
        """
        require(f"the encoder {self.name}", "transformers", "torch", "transformers")
        folder = self.find()
        if folder is None:
            raise self._missing()
        from lookalike.encoders.runtimes.torch import TorchEncoder, TorchTextEncoder

        spec = self.spec
        image, text = self._towers(folder)
        if text is None:
            return TorchEncoder(spec, image)
        return TorchTextEncoder(spec, image, text)

    def _missing(self) -> UsageError:
        files = self.files if self._in_authors_format else ()
        return checkpoints.missing(self.name, self.checkpoint, files, gated=self.gated)

    @property
    def _in_authors_format(self) -> bool:
        return self.family != TRANSFORMERS

    def _towers(self, folder: Path) -> Towers:
        from lookalike.encoders.families.towers import AUTHORS_FORMATS
        from lookalike.encoders.families.transformers_towers import saved_towers

        if not self._in_authors_format:
            return saved_towers(folder, self.pooling)
        weights = checkpoints.weight_files(folder, self.files)[0]
        return AUTHORS_FORMATS[self.family](weights, folder / self.tokenizer_folder)

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
                f"{folder} publishes no preprocessing ({' or '.join(PROCESSOR_FILES)}); it is part of the model and "
                "is not guessed: copy the file from where the weights come from"
            )
        return recipe

    def _dim(self, folder: Path) -> int:
        if self._in_authors_format:
            beside = checkpoints.read_config(folder) if (folder / "config.json").is_file() else {}
            return dim_of(beside) or self.dim
        return dim_of(checkpoints.read_config(folder)) or self.dim or _dim_by_default(folder)


def dim_of(config: dict[str, Any]) -> int:
    """The length of the vectors of a model with this ``config.json``; 0 if the file leaves it to a default.

    Raises UsageError if the file's values cannot be understood.
    """
    try:
        return int(_declared_dim(config, config.get("vision_config") or {}) or 0)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError):
        raise UsageError("the values of config.json cannot be understood; pull or copy the model again") from None


def _declared_dim(config: dict[str, Any], vision: dict[str, Any]) -> Any:
    if str(config.get("model_type", "")).startswith("sam"):
        return vision.get("output_channels", config.get("output_channels", 0))
    if vision:
        return config.get("projection_dim") or vision.get("hidden_size", 0)
    return config.get("hidden_size") or (config.get("hidden_sizes") or [0])[-1]


def _dim_by_default(folder: Path) -> int:
    from transformers import AutoConfig

    return dim_of(AutoConfig.from_pretrained(folder, local_files_only=True).to_dict())
