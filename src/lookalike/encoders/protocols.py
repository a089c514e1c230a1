"""The interfaces of encoders and of catalogue entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lookalike.types import EncoderSpec, Image, Vectors


@runtime_checkable
class Encoder(Protocol):
    """Pictures -> unit vectors. The same picture gives the same vector, whatever else is in the batch."""

    spec: EncoderSpec

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8 -> unit vectors (n, dim) float32.

        Prepared: what ``pixels.prepare`` makes of an Image with ``spec.preprocessing``; for an encoder of whole
        volumes (``spec.ndim`` 3) what ``slices.volume_input`` makes, (n, depth, rows, columns) uint16.
        """
        ...

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, dim) float32."""
        ...


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """An encoder whose text vectors lie in the same space as its picture vectors."""

    @property
    def logit_scale(self) -> float:
        """The model's own temperature: zero-shot probability = softmax(logit_scale * cosine); see ``logit_bias``."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, dim) float32."""
        ...


def logit_bias(encoder: TextEncoder) -> float | None:
    """The optional attribute ``logit_bias`` of an encoder that was trained with sigmoids: its zero-shot probability is
    sigmoid(logit_scale * cosine + logit_bias), of each label for itself. None for one trained with a softmax.
    """
    bias = getattr(encoder, "logit_bias", None)
    return None if bias is None else float(bias)


@runtime_checkable
class PatchEncoder(Encoder, Protocol):
    """An encoder that also gives a vector for each patch of the picture."""

    def encode_patches(self, image: Image) -> NDArray[np.float32]:
        """One Image -> (rows, columns, channels) float32, a unit vector for each patch."""
        ...

    def encode_inputs_with_patches(self, inputs: NDArray[np.uint8]) -> tuple[Vectors, NDArray[np.float32]]:
        """At least one prepared picture (n, rows, columns, 3) -> vectors (n, dim), patches (n, rows, columns,
        channels): what ``encode_inputs`` and ``encode_patches`` give, in one pass.

        The patches divide the prepared picture evenly.
        """
        ...


@dataclass(frozen=True, slots=True)
class SentenceSpec:
    """revision: the SHA-256 over weights, configuration, tokenizer and pooling. pooling: mean or cls, over the tokens.
    tokens: the longest text that is read; what follows is cut off.
    """

    name: str
    revision: str
    pooling: str
    tokens: int
    folder: Path

    @property
    def identity(self) -> dict[str, str]:
        """What must be equal for two vectors to be comparable."""
        return {"name": self.name, "revision": self.revision}


class SentenceEncoder(Protocol):
    """Texts -> unit vectors, of which a cosine near 1 says that two texts mean the same."""

    spec: SentenceSpec

    def encode_sentences(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, dim) float32."""
        ...


class EncoderEntry(Protocol):
    """An entry: the object behind an entry point of the group ``lookalike.encoders``, or in a catalogue.

    It needs only these two members. For optional ones see ``Facts``.
    """

    @property
    def spec(self) -> EncoderSpec:
        """The encoder's identity; reading it loads no weights. ``spec.name`` is the name that it is declared under."""
        ...

    def build(self) -> Encoder:
        """Load the weights.

        Raises UsageError if they are not on this machine, DamagedFileError if they are not the known ones,
        MissingExtraError if a package is missing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """Optional facts of an entry, beyond ``spec``, by attributes of these names.

    checkpoint: where the weights come from: a repository on the hub, an address, or a package; "" if not
    given. parameters: of the image tower, in millions; gmacs: thousand million multiply-adds a picture; 0 if not
    known. here: whether it can be built on this machine as it is. gated: whether its terms must be accepted on the
    hub before the weights can be had. supersedes: names of entries that it is better than for new pictures, so that
    galleries made with these say so.
    """

    checkpoint: str = ""
    parameters: float = 0
    gmacs: float = 0
    here: bool = True
    gated: bool = False
    supersedes: tuple[str, ...] = ()


def facts_of(entry: EncoderEntry) -> Facts:
    """The facts of an entry, with the defaults of ``Facts`` for what it leaves out."""
    given: dict[str, Any] = {name: getattr(entry, name) for name in Facts.__slots__ if name in dir(entry)}
    return Facts(**given)
