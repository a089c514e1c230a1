"""Encoders: what turns pictures, some also text, into unit vectors.

A name stands for a catalogue entry: an object with ``spec`` (data, cheap to read) and ``build()`` (loads
the weights). Entries are found through the entry points ``lookalike.encoders`` (one entry each) and
``lookalike.encoder_catalogues`` (a mapping of names to entries), ours included. Beside a name stands for:

- ``model.onnx``, an ONNX file with its description ``model.json`` beside it;
- a folder that transformers saved, or the name of one under ``LOOKALIKE_MODELS``;
- ``organisation/model``, a hub repository that is in the cache or under ``LOOKALIKE_MODELS``;
- ``name+0.5*name``, an ensemble: the unit vectors, weighted, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.model import Entry
from lookalike.errors import UsageError
from lookalike.plugins import load_plugin, load_plugins, plugin_names, suggestion
from lookalike.types import EncoderSpec, Image, Vectors

DEFAULT: Final = "lite0-inner"
_GROUP: Final = "lookalike.encoders"
_CATALOGUES: Final = "lookalike.encoder_catalogues"


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
        """The model's own temperature: zero-shot probability = softmax(logit_scale * cosine)."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, dim) float32."""
        ...


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


def names() -> list[str]:
    """The encoders that can be named, in alphabetical order."""
    return sorted({*plugin_names(_GROUP), *_catalogues()})


def describe(name: str) -> EncoderSpec:
    """What an encoder is, without loading it. Raises UsageError if there is none of that name.

    Of a model whose weights are not on this machine it gives what the catalogue declares, with the
    revision "main".
    """
    return entry(name).spec


def present(name: str) -> EncoderSpec:
    """What an encoder is, from its weights on this machine; raises what ``load`` would if they are missing."""
    found = entry(name)
    if not found.here:
        found.build()  # says what is missing and what to do
    return found.spec


def load(name: str = DEFAULT) -> Encoder:
    """The encoder of that name, its weights checked and loaded.

    Raises UsageError if there is none of that name or its weights are not on this machine,
    DamagedFileError if they are not the known ones, MissingExtraError if it needs an optional package.
    """
    return entry(name).build()


def entry(name: str) -> Entry:
    """The catalogue entry that a name or a reference stands for. Raises UsageError if there is none."""
    if name in plugin_names(_GROUP):
        found: Entry = load_plugin(_GROUP, name)
        return found
    if name in (known := _catalogues()):
        return known[name]
    # A hub id that the catalogue knows is that entry: what it was trained on must not be lost.
    if by_checkpoint := next((item for item in known.values() if item.checkpoint == name), None):
        return by_checkpoint
    if (referred := resolve(name)) is not None:
        return referred
    raise UsageError(f"no encoder is called {name!r}.{suggestion(name, names())}")


def _catalogues() -> dict[str, Entry]:
    return {name: item for catalogue in load_plugins(_CATALOGUES).values() for name, item in catalogue.items()}


def resolve(name: str) -> Entry | None:
    """The entry of a reference that is no catalogue name: an ensemble, a file, a folder, a hub id."""
    from lookalike.encoders import references

    if (own := references.of_file(name)) is not None:
        return own
    if (parts := references.parts(name)) is not None:
        from lookalike.encoders.ensemble import Ensemble

        return Ensemble(tuple((weight, entry(member)) for weight, member in parts))
    return references.of_hub(name)
