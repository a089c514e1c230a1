"""Encoders: what turns pictures, some also text, into unit vectors.

A name stands for a catalogue entry: an object with ``spec`` (data, cheap to read) and ``build()`` (loads
the weights). Entries are found through the entry point group ``lookalike.encoders``, ours included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lookalike.plugins import load_plugin, plugin_names
from lookalike.types import EncoderSpec, Image, Vectors

DEFAULT: Final = "lite0-inner"
_GROUP: Final = "lookalike.encoders"


@runtime_checkable
class Encoder(Protocol):
    """Pictures -> unit vectors. The same picture gives the same vector, whatever else is in the batch."""

    spec: EncoderSpec

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8 -> unit vectors (n, dim) float32.

        Prepared: what ``pixels.prepare`` makes of an Image with ``spec.preprocessing``.
        """
        ...

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, dim) float32."""
        ...


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """An encoder whose text vectors lie in the same space as its picture vectors."""

    logit_scale: float  # zero-shot: softmax(logit_scale * cosine)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, dim) float32."""
        ...


@runtime_checkable
class PatchEncoder(Encoder, Protocol):
    """An encoder that also gives a vector for each patch of the picture."""

    def encode_patches(self, image: Image) -> NDArray[np.float32]:
        """One Image -> (rows, columns, channels) float32, a unit vector for each patch."""
        ...


class Entry(Protocol):
    """What an entry point of the group names."""

    spec: EncoderSpec

    def build(self) -> Encoder:
        """Load the weights."""
        ...


def names() -> list[str]:
    """The encoders that can be named."""
    return plugin_names(_GROUP)


def describe(name: str) -> EncoderSpec:
    """What an encoder is, without loading it. Raises UsageError if there is none of that name."""
    return _entry(name).spec


def load(name: str = DEFAULT) -> Encoder:
    """The encoder of that name, its weights checked and loaded.

    Raises UsageError if there is none of that name, DamagedFileError if its weights are not the known
    ones, MissingExtraError if it needs an optional package.
    """
    return _entry(name).build()


def _entry(name: str) -> Entry:
    entry: Entry = load_plugin(_GROUP, name)
    return entry
