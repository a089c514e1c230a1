"""Zero-shot classification: labels written as prompts and compared with the picture by the encoder's text tower."""

from __future__ import annotations

import csv
import json
import os
import string
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lookalike import voting
from lookalike.classifiers.examples import Fitted
from lookalike.encoders import Encoder, TextEncoder, logit_bias, names_with_text
from lookalike.errors import UsageError
from lookalike.text import quoted
from lookalike.types import Vectors

TEMPLATES: Final = ("{modality} {body_part} {view} {label}",)
_FIELDS: Final = ("modality", "body_part", "view", "label")


@dataclass(frozen=True, slots=True)
class Prompts:
    """templates: sentences with {label} and, if wanted, {modality}, {body_part}, {view}; several make an
    ensemble. Words that are not given leave no gap. `x-ray chest anteroposterior Pleural Effusion` is the
    default template with modality x-ray, body part chest and view anteroposterior. own: the prompts of some labels,
    instead of the templates; several make an ensemble.
    """

    templates: tuple[str, ...] = TEMPLATES
    modality: str = ""
    body_part: str = ""
    view: str = ""
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.templates:
            raise UsageError(f"zero-shot needs at least one template, such as {TEMPLATES[0]!r}")
        for template in self.templates:
            _check(template)

    def texts(self, label: str) -> list[str]:
        """The prompts of one label: its own, or one a template."""
        if label in self.own:
            return list(self.own[label])
        words = {"modality": self.modality, "body_part": self.body_part, "view": self.view}
        spoken = label.replace("_", " ")
        return [" ".join(template.format(label=spoken, **words).split()) for template in self.templates]


def own_prompts(given: Mapping[str, Sequence[str]] | str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """The prompts of each label, from a mapping; or from a file: JSON, {"label": ["prompt", ...]}, or CSV with the
    columns label and prompt and a row a prompt. Raises UsageError.
    """
    found = given if isinstance(given, Mapping) else _read_prompts(Path(given).expanduser())
    prompts: dict[str, tuple[str, ...]] = {}
    for label, texts in found.items():
        own = (texts,) if isinstance(texts, str) else tuple(texts) if isinstance(texts, list | tuple) else ()
        if not str(label).strip() or not own or not all(isinstance(text, str) and text.strip() for text in own):
            raise UsageError(f"each label has one prompt or several, none empty; {quoted(str(label))!r} has not")
        prompts[str(label)] = tuple(dict.fromkeys(" ".join(text.split()) for text in own))
    if not prompts:
        raise UsageError('there are no prompts: give {"label": ["prompt", ...]} as JSON, or a CSV of label and prompt')
    return prompts


def _read_prompts(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        raise UsageError(f"the prompts {path} cannot be read; give a file in UTF-8 that exists") from None
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except (ValueError, RecursionError):
            raise UsageError(f'{path.name} is no JSON object of prompts such as {{"label": ["prompt", ...]}}') from None
    rows = csv.DictReader(text.splitlines())
    if not {"label", "prompt"} <= {*(rows.fieldnames or ())}:
        raise UsageError(f"{path.name} is neither a JSON object nor a CSV with the columns label and prompt")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault((row["label"] or "").strip(), []).append(row["prompt"] or "")
    return found


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
    CheXzero, Nature Biomedical Engineering 6, 2022). A model that was trained with sigmoids gives each label a
    probability of its own, sigmoid(logit scale * cosine + bias) (Zhai et al., SigLIP, ICCV 2023).
    """
    scale = float(encoder.logit_scale)
    texts = label_vectors(encoder, prompts, classes)
    if (bias := logit_bias(encoder)) is not None:
        return Fitted(lambda queries: np.asarray(scale * (queries @ texts.T) + bias, np.float64), independent=True)
    if multi_label:
        texts = texts - label_vectors(encoder, prompts, [f"no {name}" for name in classes])
    return Fitted(lambda queries: np.asarray(scale * (queries @ texts.T), np.float64))


def label_vectors(encoder: TextEncoder, prompts: Prompts, classes: Sequence[str]) -> Vectors:
    """The text vector of each label, (c, dim): the mean of its prompts' unit vectors, at unit length."""
    texts = [prompts.texts(name) for name in classes]
    vectors = kept_texts(encoder, [text for some in texts for text in some])
    ends = np.cumsum([len(some) for some in texts])[:-1]
    return voting.unit_rows(np.stack([part.mean(axis=0) for part in np.split(vectors, ends)]))


_KEPT: Final[WeakKeyDictionary[TextEncoder, OrderedDict[str, NDArray[np.float32]]]] = WeakKeyDictionary()
_MOST_KEPT: Final = 4096
_LOCK: Final = threading.Lock()


def kept_texts(encoder: TextEncoder, texts: Sequence[str]) -> Vectors:
    """The text vectors (n, dim) of prompts: a loaded encoder encodes each once, as long as no more than ``_MOST_KEPT``
    others have been asked for since.
    """
    kept = _kept_of(encoder)
    with _LOCK:
        found = {text: kept[text] for text in texts if text in kept}
    if new := [text for text in dict.fromkeys(texts) if text not in found]:
        found |= dict(zip(new, encoder.encode_texts(new), strict=True))
    with _LOCK:
        for text, vector in found.items():
            kept[text] = vector
            kept.move_to_end(text)
        while len(kept) > _MOST_KEPT:
            kept.popitem(last=False)
    return np.stack([found[text] for text in texts])


def _kept_of(encoder: TextEncoder) -> OrderedDict[str, NDArray[np.float32]]:
    try:
        return _KEPT.setdefault(encoder, OrderedDict())
    except TypeError:  # a third party's that nothing can refer to weakly
        return OrderedDict()
