"""Run a sentence encoder in torch: tokens, a transformer, pooling over the tokens, unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
import transformers

from lookalike.encoders.families.transformers_towers import load_saved
from lookalike.encoders.protocols import SentenceSpec
from lookalike.encoders.runtimes.vectors import unit
from lookalike.types import Vectors

_BATCH: Final = 32


class SentenceModel:
    """A ``SentenceEncoder`` of a folder that sentence-transformers saved."""

    def __init__(self, spec: SentenceSpec) -> None:
        self.spec = spec
        self._model: Any = load_saved(transformers.AutoModel, spec.folder).eval().requires_grad_(False)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(spec.folder, local_files_only=True)

    def encode_sentences(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, dim) float32; those of like length are run together, which pads little."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        runs = [self._run([texts[i] for i in order[at : at + _BATCH]]) for at in range(0, len(order), _BATCH)]
        found: Vectors = np.empty((len(texts), self._model.config.hidden_size), np.float32)
        if runs:
            found[order] = np.concatenate(runs)
        return unit(found)

    @torch.inference_mode()
    def _run(self, texts: list[str]) -> Vectors:
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=self.spec.tokens, return_tensors="pt")
        hidden = self._model(**tokens).last_hidden_state
        if self.spec.pooling == "cls":
            vectors: Vectors = hidden[:, 0].numpy()
            return vectors
        mask = tokens["attention_mask"][..., None].to(hidden.dtype)
        means: Vectors = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        return means
