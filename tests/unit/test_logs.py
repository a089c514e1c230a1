"""The service's log: what a line says, and that it says nothing of what the service was given."""

from __future__ import annotations

import json
import logging
import queue
from pathlib import Path

import pytest

from canaries import WORD
from lookalike.errors import UsageError
from lookalike.server.logs import _Lines, log_event, log_failure, log_request, writing_log


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_request_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with writing_log("json", "info"):
        log_request("GET", "/api/v1/records/{identity}", 200, 0.0123, "workstation", "chest")
    (line,) = lines(capsys)
    assert str(line.pop("time")).endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "lookalike.access",
        "event": "request",
        "method": "GET",
        "route": "/api/v1/records/{identity}",
        "status": 200,
        "ms": 12.3,
        "caller": "workstation",
        "gallery": "chest",
    }


def test_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    with writing_log("text", "info"):
        log_request("GET", "/healthz", 200, 0.0001, None, "my chest")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.partition(" ")[2] == (
        'info lookalike.access request method=GET route=/healthz status=200 ms=0.1 caller=- gallery="my chest"'
    )


@pytest.mark.parametrize(("level", "count"), [("debug", 3), ("info", 3), ("warning", 1), ("error", 1)])
def test_levels(level: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    with writing_log("json", level):  # type: ignore[arg-type]
        log_request("GET", "/", 200, 0, None, "g")
        log_event("start", jobs=1)
        log_failure("warming", UsageError("the weights are not here"))
    assert len(lines(capsys)) == count
    log_event("after")  # nobody writes it
    assert capsys.readouterr().err == ""


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_nothing_of_what_is_read_is_in_any_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Parsers and libraries quote files; an error of this package names none but by its name without folders."""
    with writing_log("json", "debug"):
        log_failure("request", raised(ValueError(f"invalid literal for int(): '{WORD}^JANE'")), route="/x")
        for name in ("pydicom", "hypercorn.error", "asyncio", "sqlalchemy"):
            logger = logging.getLogger(name)
            logger.error("cannot parse %s", f"{WORD}^JANE", exc_info=raised(KeyError(WORD)))
            logger.warning("%s", WORD)
        logging.getLogger("lookalike.other").error("read %s", WORD)
    found = lines(capsys)
    assert not [line for line in found if WORD in json.dumps(line)]
    assert found[0]["error"] == "ValueError"
    assert [line["error"] for line in found if line["logger"] == "pydicom"] == ["KeyError", None]
    assert {line["event"] for line in found[1:]} == {"library"}


def test_where_a_bug_is_stands_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    from lookalike.filters import parse

    with pytest.raises(TypeError) as caught:
        parse(None)  # type: ignore[arg-type]
    with writing_log("json", "info"):
        log_failure("request", caught.value)
    (line,) = lines(capsys)
    assert str(line["at"]).startswith("lookalike/filters.py:")


def test_who_cannot_keep_up_loses_lines_and_is_told_how_many() -> None:
    held = _Lines(queue.Queue(2))
    for _ in range(5):
        held.enqueue(held.prepare(logging.LogRecord("lookalike", 20, "", 0, "", None, None)))
    assert (held.lines.qsize(), held.dropped) == (2, 3)
    held.lines.get()
    held.enqueue(held.prepare(logging.LogRecord("lookalike", 20, "", 0, "", None, None)))
    held.lines.get()
    assert held.lines.get().fields["dropped"] == 3


def test_a_line_has_no_line_break(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "text"):
        with writing_log(form, "info"):  # type: ignore[arg-type]
            log_request("GET", "/a\nb", 200, 0, "c\r\nd", str(Path("e\x1b[2J")))
        (line,) = capsys.readouterr().err.splitlines()
        assert line.isprintable()
