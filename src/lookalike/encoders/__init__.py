"""Encoders: models that turn pictures, and some also text, into unit vectors.

A name stands for an entry: an object with ``spec`` (data, cheap to read) and ``build()`` (loads the weights).
Entries are found through the entry points ``lookalike.encoders`` (one entry each) and
``lookalike.encoder_catalogues`` (a mapping of names to entries), ours included. A name may also be a reference:

- ``model.onnx``, an ONNX file with its description ``model.json`` beside it;
- a folder that transformers saved, or the name of one under ``LOOKALIKE_MODELS``;
- a folder that ``lookalike tune`` made, likewise;
- ``organisation/model``, a hub repository that is in the cache or under ``LOOKALIKE_MODELS``;
- ``imported:model:dim``, vectors that were made elsewhere: it embeds nothing;
- ``name+0.5*name``, an ensemble: the unit vectors, weighted, side by side;
- ``auto``, for a new gallery: what ``choose_encoder`` takes.
"""

from lookalike.encoders.catalogue.auto import BY_ITSELF, choose_encoder
from lookalike.encoders.catalogue.lookup import (
    DEFAULT,
    describe,
    descriptions,
    elsewhere,
    entry,
    is_declared,
    learnt_by,
    load,
    names,
    names_with_text,
    present,
    superseded_by,
    tuned_elsewhere,
    tuned_here,
    untuned,
)
from lookalike.encoders.catalogue.references import tuned_parts
from lookalike.encoders.protocols import Encoder, EncoderEntry, PatchEncoder, TextEncoder, logit_bias

__all__ = [
    "BY_ITSELF",
    "DEFAULT",
    "Encoder",
    "EncoderEntry",
    "PatchEncoder",
    "TextEncoder",
    "choose_encoder",
    "describe",
    "descriptions",
    "elsewhere",
    "entry",
    "is_declared",
    "learnt_by",
    "load",
    "logit_bias",
    "names",
    "names_with_text",
    "present",
    "superseded_by",
    "tuned_elsewhere",
    "tuned_here",
    "tuned_parts",
    "untuned",
]
