"""Answers that are wholly of one encoder, also while a gallery is switched to another one (``verbs.migrate``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from lookalike.gallery import Gallery

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def of_one_encoder(verb: _Verb) -> _Verb:
    """The verb, which answers again where the gallery was switched meanwhile: it may have compared vectors of two
    encoders, or failed over them.
    """

    @wraps(verb)
    def answered(gallery: Gallery, *args: Any, **kwargs: Any) -> Any:
        while True:
            before = gallery.encoding
            try:
                answer = verb(gallery, *args, **kwargs)
            except Exception:
                if not gallery.was_switched(before):
                    raise
            else:
                if not gallery.was_switched(before):
                    return answer

    return cast(_Verb, answered)
