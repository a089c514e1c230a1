"""Means and deviations that several models share, as their authors publish them (for values 0..1)."""

from __future__ import annotations

from typing import Any, Final

from lookalike.encoders.preprocessing.processors import on_255

IMAGENET: Final[dict[str, Any]] = on_255((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP: Final[dict[str, Any]] = on_255((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
PLUS_MINUS_ONE: Final[dict[str, Any]] = on_255(0.5, 0.5)
ZERO_TO_ONE: Final[dict[str, Any]] = on_255(0.0, 1.0)
MEDCLIP: Final[dict[str, Any]] = on_255(0.5862785803043838, 0.27950088968644304)
RAD_DINO: Final[dict[str, Any]] = on_255(0.5307, 0.2583)
