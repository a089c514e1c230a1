"""Zero-shot labels of models that were trained with sigmoids: each has a probability of its own, with the bias."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import tiny_checkpoints
from lookalike import calibration, encoders
from lookalike.classifiers.prompts import Prompts, label_vectors, text_encoder, zero_shot
from lookalike.encoders.catalogue.golden import golden_picture
from lookalike.gallery import Gallery
from lookalike.verbs.classify import classify

LABELS = ("an enlarged heart", "no finding", "pleural effusion")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bias that shows: at the library's own start all probabilities would be next to nothing."""
    folder = tiny_checkpoints.siglip(tmp_path_factory.mktemp("models") / "siglip")
    model = transformers.SiglipModel.from_pretrained(folder)
    with torch.no_grad():
        model.logit_scale.fill_(1.5)
        model.logit_bias.fill_(-2.0)
    model.save_pretrained(folder)
    return folder


def test_as_the_library_computes_them(folder: Path) -> None:
    """From the picture and the texts to the probability, by transformers alone."""
    encoder = text_encoder(encoders.load(str(folder)))
    vector = encoder.encode_images([golden_picture()])
    fitted = zero_shot(encoder, Prompts(("{label}",)), LABELS, multi_label=False)
    assert fitted.independent
    p = calibration.uncalibrated(len(LABELS), multi_label=True).probabilities(fitted.logits(vector))

    model = transformers.SiglipModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(list(LABELS), padding="max_length", truncation=True, max_length=16, return_tensors="pt")[
        "input_ids"
    ]
    inputs = torch.from_numpy(encoder.normalise(torch.from_numpy(_prepared(encoder))).numpy())  # type: ignore[attr-defined]
    with torch.inference_mode():
        theirs = torch.sigmoid(model(input_ids=ids, pixel_values=inputs).logits_per_image)
    np.testing.assert_allclose(p, theirs.numpy(), atol=1e-4)
    assert abs(p.sum() - 1) > 0.05


def _prepared(encoder: encoders.Encoder) -> np.ndarray:
    from lookalike.pixels import prepare

    return prepare(golden_picture(), encoder.spec.preprocessing)[None]


def test_several_labels_need_no_negation(folder: Path) -> None:
    encoder, prompts = text_encoder(encoders.load(str(folder))), Prompts(("{label}",))
    vectors = encoder.encode_images([golden_picture()])
    logits = zero_shot(encoder, prompts, LABELS, multi_label=True).logits(vectors)
    bias = encoders.logit_bias(encoder)
    expected = encoder.logit_scale * (vectors @ label_vectors(encoder, prompts, LABELS).T) + bias
    np.testing.assert_allclose(logits, expected, rtol=1e-4)


def test_classify_shows_them(folder: Path, tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery(encoder=str(folder))
    drawn = (golden_picture().pixels[0, ..., 0]).astype(np.uint8)
    result = classify(gallery, drawn, method="zero-shot", labels=list(LABELS), templates=["{label}"])
    encoder = text_encoder(gallery.encoder)
    vector = encoder.encode_images([golden_picture()])
    cosines = vector @ label_vectors(encoder, Prompts(("{label}",)), LABELS).T
    expected = calibration.sigmoid((encoder.logit_scale * cosines - 2).astype(np.float64))[0]
    said = {label.label: label.probability for label in result.labels}
    assert [said[name] for name in LABELS] == pytest.approx(expected.tolist(), abs=1e-3)
    assert [label.label for label in result.labels] == [LABELS[i] for i in np.argsort(-expected)]
