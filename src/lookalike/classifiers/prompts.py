"""Zero-shot classification: labels written as prompts and compared with the picture by the encoder's text tower."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike import voting
from lookalike.classifiers.examples import Fitted
from lookalike.encoders import Encoder, TextEncoder, names_with_text
from lookalike.errors import UsageError
from lookalike.types import Vectors

TEMPLATES: Final = ("{modality} {body_part} {view} {label}",)
_FIELDS: Final = ("modality", "body_part", "view", "label")


@dataclass(frozen=True, slots=True)
class Prompts:
    """templates: sentences with {label} and, if wanted, {modality}, {body_part}, {view}; several make an
    ensemble. Words that are not given leave no gap. `x-ray chest anteroposterior Pleural Effusion` is the
    default template with modality x-ray, body part chest and view anteroposterior.
    """

    templates: tuple[str, ...] = TEMPLATES
    modality: str = ""
    body_part: str = ""
    view: str = ""

    def __post_init__(self) -> None:
        if not self.templates:
            raise UsageError(f"zero-shot needs at least one template, such as {TEMPLATES[0]!r}")
        for template in self.templates:
            _check(template)

    def texts(self, label: str) -> list[str]:
        """The prompts of one label, one a template."""
        words = {"modality": self.modality, "body_part": self.body_part, "view": self.view}
        spoken = label.replace("_", " ")
        return [" ".join(template.format(label=spoken, **words).split()) for template in self.templates]


def _check(template: str) -> None:
    try:
        fields = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError:
        fields = []
    names = [name for name, form, conversion in fields if not form and not conversion]
    if "label" not in names or len(names) < len(fields) or not set(names) <= set(_FIELDS):
        raise UsageError(
            f"a template holds {{label}} and may hold {{modality}}, {{body_part}} and {{view}}, no other braces; "
            f"got {template!r}"
        )


def text_encoder(encoder: Encoder) -> TextEncoder:
    """The encoder, if it takes text. Raises UsageError, with the names of those that do."""
    if encoder.spec.text and isinstance(encoder, TextEncoder):
        return encoder
    having = ", ".join(names_with_text())
    raise UsageError(
        f"zero-shot needs an encoder of pictures and texts, and {encoder.spec.name!r} has no text. "
        f"These have: {having or 'none here'}. Index into a new gallery with one: --encoder NAME"
    )


def zero_shot(encoder: TextEncoder, prompts: Prompts, classes: Sequence[str], *, multi_label: bool) -> Fitted:
    """Probability = softmax(logit scale * cosine of image and label text): the model's own temperature.

    The vector of a label is the mean of its prompts' unit vectors, scaled to unit length again (Radford et al.,
    CLIP, ICML 2021). With several labels each is compared with its negation, "no <label>" (Tiu et al.,
    CheXzero, Nature Biomedical Engineering 6, 2022).
    """
    scale = float(encoder.logit_scale)
    texts = label_vectors(encoder, prompts, classes)
    if multi_label:
        texts = texts - label_vectors(encoder, prompts, [f"no {name}" for name in classes])
    return Fitted(lambda queries: np.asarray(scale * (queries @ texts.T), np.float64))


def label_vectors(encoder: TextEncoder, prompts: Prompts, classes: Sequence[str]) -> Vectors:
    """The text vector of each label, (c, dim): the ensemble of its prompts."""
    texts = [text for name in classes for text in prompts.texts(name)]
    vectors = encoder.encode_texts(texts).reshape(len(classes), len(prompts.templates), -1)
    return voting.unit_rows(vectors.mean(axis=1))
