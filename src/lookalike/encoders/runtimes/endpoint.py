"""A hosted MedImageInsight: a client of its scoring endpoint.

Request (as published): ``{"input_data": {"columns": ["image", "text"], "index": [0, ..], "data":
[[base64 or null, text or null], ..]}, "params": {"get_scaling_factor": true}}``; the answer has a row for
each, with ``image_features`` [[1024]], ``text_features`` [[1024]] and ``scaling_factor``.

The address is in ``LOOKALIKE_ENDPOINT``, the key in ``LOOKALIKE_ENDPOINT_KEY``. Pictures leave this
machine: they are sent after preprocessing, as PNG without any metadata, over https (http only to this
machine itself).
"""

from __future__ import annotations

import base64
import io
import json
import math
import random
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.message import Message
from typing import Any, Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.encoders.runtimes.vectors import prepared_pictures, unit
from lookalike.errors import EndpointError
from lookalike.types import EncoderSpec, Image, Vectors

ADDRESS: Final = "LOOKALIKE_ENDPOINT"
KEY: Final = "LOOKALIKE_ENDPOINT_KEY"
DIM: Final = 1024

_BATCH: Final = 16
_TRIES: Final = 6
_SECONDS: Final = 120.0
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0


class EndpointEncoder:
    """Vectors from a hosted MedImageInsight."""

    def __init__(self, spec: EncoderSpec, address: str, key: str, first_wait: float = _FIRST_WAIT) -> None:
        self.spec = spec
        self._address, self._key, self._first_wait = address, key, first_wait
        self._logit_scale: float | None = None

    @property
    def logit_scale(self) -> float:
        """Zero-shot: softmax(logit_scale * cosine); the endpoint sends it with the first answer."""
        if self._logit_scale is None:
            self.encode_texts(["x-ray"])
        if self._logit_scale is None:
            raise EndpointError("the endpoint tells no scaling_factor; zero-shot labels need one")
        return self._logit_scale

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8 -> unit vectors (n, 1024) float32."""
        return self._encode([(_png(picture), None) for picture in inputs], "image_features")

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, 1024) float32."""
        return self.encode_inputs(prepared_pictures(images, self.spec.preprocessing))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, 1024) float32."""
        return self._encode([(None, text) for text in texts], "text_features")

    def _encode(self, rows: Sequence[tuple[str | None, str | None]], feature: str) -> Vectors:
        if not rows:
            return np.empty((0, DIM), np.float32)
        answers = [row for i in range(0, len(rows), _BATCH) for row in self._ask(rows[i : i + _BATCH])]
        try:
            vectors = np.array([np.asarray(row[feature], np.float32).reshape(DIM) for row in answers])
            if (scale := answers[0].get("scaling_factor")) is not None:
                self._logit_scale = math.exp(float(np.asarray(scale).reshape(-1)[0]))
        except (KeyError, ValueError, TypeError, AttributeError):
            raise _not_understood() from None
        if not np.isfinite(vectors).all():
            raise _not_understood()
        return unit(vectors)

    def _ask(self, rows: Sequence[tuple[str | None, str | None]]) -> list[dict[str, Any]]:
        body = {
            "input_data": {"columns": ["image", "text"], "index": list(range(len(rows))), "data": rows},
            "params": {"get_scaling_factor": True},
        }
        answer = self._post(json.dumps(body).encode())
        if not isinstance(answer, list) or len(answer) != len(rows):
            raise _not_understood()
        return answer

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        for attempt in range(_TRIES):
            request = urllib.request.Request(self._address, body, headers)
            try:
                with _OPENER.open(request, timeout=_SECONDS) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != 429 and error.code < 500:
                    raise _refused(error.code) from None
                failure, wait = f"status {error.code}", _retry_after(error.headers)
            except (OSError, ValueError) as error:
                failure, wait = type(error).__name__, 0.0
            if attempt + 1 < _TRIES:
                time.sleep(max(wait, self._back_off(attempt)))
        raise EndpointError(f"the endpoint gave no answer in {_TRIES} tries ({failure}); try again later")

    def _back_off(self, attempt: int) -> float:
        # Half of it random, so that clients refused at the same time do not retry at the same time.
        longest: float = min(self._first_wait * 2**attempt, _LONGEST_WAIT)
        return longest * random.uniform(0.5, 1.0)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuse redirects: they would send the key and the pictures to an address that nobody named."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def _retry_after(headers: Message) -> float:
    seconds = headers.get("Retry-After", "")
    return min(float(seconds), _LONGEST_WAIT) if seconds.isdigit() else 0.0


def _png(picture: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    PIL.Image.fromarray(picture).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def _refused(status: int) -> EndpointError:
    why = f"; check {KEY}" if status in (401, 403) else f"; check {ADDRESS}" if status in (301, 302, 404) else ""
    return EndpointError(f"the endpoint refused the request with status {status}{why}")


def _not_understood() -> EndpointError:
    return EndpointError(
        f"the endpoint's answer is not MedImageInsight's (a row for each request, {DIM} numbers); check {ADDRESS}"
    )
