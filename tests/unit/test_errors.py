"""Every class of error has one row in the table, and the tree in the docstring is that table."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lookalike import errors
from lookalike.errors import HTTP, ForbiddenError, LookalikeError, NotFoundError, UnreadableImageError, http_status


def family(kind: type[LookalikeError]) -> Iterator[type[LookalikeError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == "lookalike.errors":
            yield from family(child)


def test_the_tree_in_the_docstring_is_the_table() -> None:
    drawn = re.findall(r"(\w+Error) +(\d{3}) ", errors.__doc__ or "")
    assert {(kind.__name__, str(status)) for kind, (status, _) in HTTP.items()} == set(drawn)
    assert set(family(LookalikeError)) == HTTP.keys()


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (NotFoundError("no record has the id 'x'"), 404, "not-found"),
        (NotFoundError("no space is called 'x'", "no-space"), 404, "no-space"),
        (ForbiddenError("not yours", "not-yours"), 403, "not-yours"),
        (UnreadableImageError("too-large"), 422, "too-large"),
        (errors.GalleryError("no gallery can be made there"), 409, "gallery"),
        (errors.UsageError("no such file"), 400, "usage"),
    ],
)
def test_the_class_says_the_status_and_the_words_do_not(error: LookalikeError, status: int, reason: str) -> None:
    assert http_status(error) == (status, reason)


def test_an_error_of_a_plug_in_is_told_as_the_class_that_it_is_made_of() -> None:
    class OwnError(errors.ManifestMismatchError):
        pass

    assert http_status(OwnError("other vectors")) == (409, "other-vectors")
