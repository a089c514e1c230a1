"""The encoder of vectors that were made elsewhere: it has a name and a length, and embeds nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Image, Preprocessing, Vectors

_NAME: Final = re.compile(r"imported:([A-Za-z0-9][\w.-]{0,79}):([1-9]\d{0,5})")

_NOTE: Final = "what it was trained on is not declared, and it cannot embed new pictures"


@dataclass(frozen=True, slots=True)
class Imported:
    """The entry that a name ``imported:MODEL:DIM`` stands for."""

    name: str
    model: str
    dim: int
    here: bool = True

    @property
    def spec(self) -> EncoderSpec:
        """Nothing is known of it but what its name says."""
        return EncoderSpec(
            name=self.name,
            revision="imported",
            dim=self.dim,
            ndim=2,
            license="not declared",
            preprocessing=Preprocessing(),
            trained_on=frozenset(),
            note=f"imported vectors of {self.model}: {_NOTE}",
        )

    def build(self) -> ImportedEncoder:
        """An encoder that refuses every picture."""
        return ImportedEncoder(self.spec)


class ImportedEncoder:
    """Stands where an encoder is expected. Records ask by their own vectors."""

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Raises UsageError."""
        self._refuse(inputs)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Raises UsageError."""
        self._refuse(images)

    def _refuse(self, _pictures: object) -> NoReturn:
        raise UsageError(
            f"this gallery holds imported vectors ({self.spec.name}): it cannot embed new pictures. Ask with a record "
            "(--id), or import the vectors into a new gallery with --encoder NAME of the encoder that made them"
        )


def imported(name: str) -> Imported | None:
    """The entry of a name, or None if the name is no such one."""
    match = _NAME.fullmatch(name)
    return None if match is None else Imported(name, match[1], int(match[2]))


def is_imported(name: str) -> bool:
    """Whether a name stands for vectors that were made elsewhere."""
    return _NAME.fullmatch(name) is not None


def imported_name(model: str, dim: int) -> str:
    """``imported:MODEL:DIM``."""
    plain = re.sub(r"[^\w.-]+", "-", model, flags=re.ASCII).strip("-._")[:80] or "vectors"
    return f"imported:{plain}:{dim}"
