"""The service's log: a line for each request and each thing that went wrong, as JSON or as text, on standard error.

A line holds what this program says itself and nothing of what it was given: a route's template and never the path that
was asked for, the name of a key, the type of an exception and where in the code it came from. Of other libraries'
messages, which may quote a file, the logger's name and the exception's type are kept. Who did what with which record
is the audit log's. Lines are written by a thread of their own; where that cannot keep up they are dropped and counted.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, Final, Literal, TypeAlias

from lookalike.errors import LookalikeError
from lookalike.server.serialise import without_paths
from lookalike.text import one_line

LogFormat: TypeAlias = Literal["text", "json"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
_PACKAGE: Final = "lookalike"
_WAITING: Final = 10_000  # lines
_FIELDS: Final = "fields"
_ACCESS: Final = logging.getLogger("lookalike.access")
_SERVER: Final = logging.getLogger("lookalike.server")


def log_request(method: str, route: str, status: int, seconds: float, caller: str | None, gallery: str | None) -> None:
    """A line for an answered request. route: its template. caller: the name of its key, or by what else it is known."""
    if _ACCESS.isEnabledFor(logging.INFO):
        told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        _log(_ACCESS, logging.INFO, "request", {**told, "caller": caller, "gallery": gallery})


def log_event(event: str, **fields: str | float | None) -> None:
    """A line for something that the service did. event, fields: words and numbers of this program's own."""
    _log(_SERVER, logging.INFO, event, fields)


def log_failure(event: str, error: BaseException, **fields: str | float | None) -> None:
    """A line for something that failed: the message of an error of this package, of any other its type and place."""
    told = {"error": type(error).__name__, **_place(error)}
    if isinstance(error, LookalikeError):
        told["message"] = one_line(without_paths(str(error)))
    _log(_SERVER, logging.ERROR, event, {**told, **fields})


@contextmanager
def writing_log(form: LogFormat, level: LogLevel) -> Iterator[None]:
    """Within, the log is written."""
    root, ours = logging.getLogger(), logging.getLogger(_PACKAGE)
    lines = _Lines(queue.Queue(_WAITING))
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_Formatted(form))
    listener = QueueListener(lines.lines, stream)
    root.addHandler(lines)
    ours.setLevel(level.upper())
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(lines)
        ours.setLevel(logging.NOTSET)
        listener.stop()


class _Lines(QueueHandler):
    """Makes a line's fields in the thread that logs, and waits for nobody. dropped: lines since the last one."""

    def __init__(self, lines: queue.Queue[logging.LogRecord]) -> None:
        super().__init__(lines)
        self.lines, self.dropped = lines, 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": one_line(record.name),
            **_said(record),
        }
        line = logging.LogRecord(record.name, record.levelno, "", 0, "", None, None)
        setattr(line, _FIELDS, fields)
        return line

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            if self.dropped and not self.lines.full():
                getattr(record, _FIELDS)["dropped"], self.dropped = self.dropped, 0
            self.lines.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _Formatted(logging.Formatter):
    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, _FIELDS)
        if self._json:
            return json.dumps(fields)
        head = " ".join(str(fields.pop(name)) for name in ("time", "level", "logger", "event"))
        return " ".join([head, *(f"{name}={_text(value)}" for name, value in fields.items())])


def _said(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a line may say: fields of this program's own, of any other library the type of what was raised."""
    if (fields := getattr(record, _FIELDS, None)) is not None and record.name.startswith(_PACKAGE):
        return dict(fields)
    kind = record.exc_info[0] if record.exc_info else None
    return {"event": "library", "error": kind.__name__ if kind is not None else None}


def _log(logger: logging.Logger, level: int, event: str, fields: Mapping[str, Any]) -> None:
    logger.log(level, event, extra={_FIELDS: {"event": event, **fields}})


def _place(error: BaseException) -> dict[str, str]:
    """Where in this package an exception came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"/{_PACKAGE}/" in frame.filename]
    if not frames:
        return {}
    name = frames[-1].filename.rpartition(f"/{_PACKAGE}/")[2]
    return {"at": f"{_PACKAGE}/{name}:{frames[-1].lineno}"}


def _text(value: object) -> str:
    text = "-" if value is None else one_line(str(value))
    return json.dumps(text) if " " in text or not text else text
