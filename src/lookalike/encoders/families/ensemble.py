"""Several encoders as one: their unit vectors, weighted, side by side.

The cosine of two such vectors is the mean of the members' cosines, weighted by the squared weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.protocols import Encoder, EncoderEntry, TextEncoder, facts_of
from lookalike.encoders.runtimes.vectors import prepared_pictures, unit
from lookalike.errors import UsageError
from lookalike.slices import volume_input
from lookalike.types import EncoderSpec, Image, Preprocessing, Vectors, VolumeInput


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The catalogue entry of an ensemble: (weight, member) pairs. called: a name of its own, if it has one."""

    members: tuple[tuple[float, EncoderEntry], ...]
    called: str = ""

    @property
    def name(self) -> str:
        """Its own name, or its reference, for example "a+0.5*b"."""
        if self.called:
            return self.called
        return "+".join(e.spec.name if weight == 1 else f"{weight:g}*{e.spec.name}" for weight, e in self.members)

    @property
    def checkpoint(self) -> str:
        """Where the members come from."""
        return " + ".join(facts_of(entry).checkpoint for _, entry in self.members)

    @property
    def parameters(self) -> float:
        """The sum over the members."""
        return sum(facts_of(entry).parameters for _, entry in self.members)

    @property
    def gmacs(self) -> float:
        """The sum over the members."""
        return sum(facts_of(entry).gmacs for _, entry in self.members)

    @property
    def here(self) -> bool:
        """Whether every member can be built."""
        return all(facts_of(entry).here for _, entry in self.members)

    @property
    def spec(self) -> EncoderSpec:
        """Contaminated by whatever one member has seen; able to encode text if all members are."""
        specs = [entry.spec for _, entry in self.members]
        if len({spec.ndim for spec in specs}) > 1:
            raise UsageError(
                f"the ensemble {self.name} has encoders of pictures and of whole volumes, which have no input in "
                "common; name such of one kind, or make a gallery with each"
            )
        identities = "\n".join(
            f"{weight:g} {spec.identity}" for (weight, _), spec in zip(self.members, specs, strict=True)
        )
        return EncoderSpec(
            name=self.name,
            revision=hashlib.sha256(identities.encode()).hexdigest(),
            dim=sum(spec.dim for spec in specs),
            ndim=specs[0].ndim,
            license=", ".join(sorted({spec.license for spec in specs})),
            preprocessing=_together([spec.preprocessing for spec in specs]),
            trained_on=frozenset().union(*(spec.trained_on for spec in specs)),
            text=all(spec.text for spec in specs),
            note="ensemble",
        )

    def build(self) -> EnsembleEncoder:
        """Load every member."""
        encoders = [entry.build() for _, entry in self.members]
        weights = [weight for weight, _ in self.members]
        texts = [encoder for encoder in encoders if isinstance(encoder, TextEncoder)]
        if len(texts) == len(encoders):
            return EnsembleTextEncoder(self.spec, weights, texts)
        return EnsembleEncoder(self.spec, weights, encoders)


def _together(recipes: Sequence[Preprocessing]) -> Preprocessing:
    rows, columns = zip(*(recipe.size for recipe in recipes), strict=True)
    deep = [recipe.volume.depth for recipe in recipes if recipe.volume is not None]
    if deep:
        return Preprocessing(size=(max(rows), max(columns)), parts=tuple(recipes), volume=VolumeInput(sum(deep)))
    if len({recipe.percentiles for recipe in recipes}) > 1:
        raise UsageError("the members of an ensemble must stretch pictures between the same percentiles")
    return Preprocessing(size=(sum(rows), max(columns)), percentiles=recipes[0].percentiles, parts=tuple(recipes))


class EnsembleEncoder:
    """The loaded members of an ensemble; the input holds each member's own, one below another (volumes: behind it)."""

    def __init__(self, spec: EncoderSpec, weights: Sequence[float], encoders: Sequence[Encoder]) -> None:
        self.spec = spec
        self._weights, self._encoders = weights, encoders

    def encode_inputs(self, inputs: NDArray[Any]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8, or volumes (n, depth, rows, columns) uint16 -> unit vectors
        (n, dim) float32.
        """
        parts = zip(self._weights, self._encoders, _shares(inputs, self.spec.preprocessing.parts), strict=True)
        vectors = [weight * encoder.encode_inputs(own) for weight, encoder, own in parts]
        return unit(np.concatenate(vectors, axis=1).astype(np.float32))

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, dim) float32. Raises UnreadableImageError: no volume where one is needed."""
        recipe = self.spec.preprocessing
        if recipe.volume is None:
            return self.encode_inputs(prepared_pictures(images, recipe))
        rows = [self.encode_inputs(volume_input(image, recipe)[None]) for image in images]  # a volume fills a machine
        return np.concatenate([np.empty((0, self.spec.dim), np.float32), *rows])


def _shares(inputs: NDArray[Any], recipes: Sequence[Preprocessing]) -> Iterator[NDArray[Any]]:
    """Each member's own of the inputs of an ensemble."""
    start = 0
    for recipe in recipes:
        length, *others = recipe.size if recipe.volume is None else (recipe.volume.depth, *recipe.size)
        yield np.ascontiguousarray(inputs[(slice(None), slice(start, start + length), *map(slice, others))])
        start += length


class EnsembleTextEncoder(EnsembleEncoder):
    """An ensemble whose members all encode text."""

    def __init__(self, spec: EncoderSpec, weights: Sequence[float], encoders: Sequence[TextEncoder]) -> None:
        super().__init__(spec, weights, encoders)
        self._texts = encoders

    @property
    def logit_scale(self) -> float:
        """The mean of the members' scales, weighted as their cosines are."""
        return float(np.average([e.logit_scale for e in self._texts], weights=np.square(self._weights)))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, dim) float32."""
        vectors = [w * e.encode_texts(texts) for w, e in zip(self._weights, self._texts, strict=True)]
        return unit(np.concatenate(vectors, axis=1).astype(np.float32))
