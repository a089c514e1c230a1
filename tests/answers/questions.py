"""Questions as data, and how each is asked: a command, a call from Python, or a request to a running server.

A file of ``questions/`` holds one part: ``[ids]`` names records by their public ids, ``[[ask]]`` stands for one
question. ``{data}`` is the folder of real images, ``{work}`` a folder of the run's own, ``{name}`` an id of ``[ids]``
or what an earlier answer gave (``keep``), ``{wave}`` a vector of lite0-inner's length. Exactly one of these says what
is asked:

- ``run``: the words of a command; one with ``*`` or ``[`` stands for the files that match, in order.
- ``call``: a function of ``lookalike`` on the gallery ``gallery``, with ``options``; ``array`` names a picture that is
  given as its pixels, ``vector_of`` a picture that is given as its vector.
- ``get``, ``post``, ``patch``, ``delete``: a path below ``/api/v1`` of the server, with ``params``, ``headers`` and
  ``body``; ``upload``: files in the field ``file``. ``wait``: the answer is a job, which is told once it has ended.
  ``locked``: a gallery that another process is writing to meanwhile.
- ``serve``: no question; a server over this gallery, with the words of ``options``, is asked from here on.
- ``do``: no question, the words of a command that must work; with ``--json`` its answer may be kept.
- ``unpack``: no question; an archive beside this module is laid out under ``{work}``, and ``known.json`` in it says
  more names.

``drop`` names fields of the answer that say something about the machine or the hour (``json.checks.*.detail``).
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import math
import re
import shlex
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx
import numpy as np
import PIL.Image
from click.testing import CliRunner, Result

import lookalike
from lookalike.cli import main

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "server"))

from served import API, Server, serving

HERE: Final = Path(__file__).parent
Question: TypeAlias = Mapping[str, Any]
VERBS: Final = ("get", "post", "patch", "delete")
_WAVE: Final = [round(math.sin(number), 3) for number in range(384)]


def ask(part: str, data: Path, work: Path) -> Iterator[tuple[Question, dict[str, Any]]]:
    """Every question of a part with its answer, in order: what an earlier one has changed, a later one sees."""
    asked = tomllib.loads((HERE / "questions" / f"{part}.toml").read_text(encoding="utf-8"))
    known: dict[str, Any] = {"data": str(data), "work": str(work), "wave": _WAVE, **asked.get("ids", {})}
    server: Server | None = None
    with ExitStack() as running:
        for written in asked["ask"]:
            question = _filled(written, known)
            if "serve" in question:
                running.close()
                server = running.enter_context(
                    serving(Path(question["serve"]), *_words(question.get("options", "")), key=question.get("key", ""))
                )
            elif "do" in question:
                done = _of_command(_words(question["do"]))
                assert not done["exit"], done
                known |= {name: _field(done["json"], path) for name, path in question.get("keep", {}).items()}
            elif "unpack" in question:
                known |= _unpacked(HERE / question["unpack"], work)
            else:
                answer = _answer(question, server)
                known |= {name: _field(answer["json"], path) for name, path in question.get("keep", {}).items()}
                yield question, answer


def _unpacked(path: Path, work: Path) -> dict[str, Any]:
    with tarfile.open(path) as archive:
        archive.extractall(work, filter="data")
    return dict(json.loads((work / "known.json").read_text(encoding="utf-8")))


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if value == "{wave}":
        return known["wave"]
    return re.sub(r"\{(\w+)\}", lambda found: str(known[found[1]]), value) if isinstance(value, str) else value


def _field(answer: Any, path: str) -> Any:
    for step in path.split("."):
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def _words(line: str) -> list[str]:
    """A command's words; a pattern is every file that matches."""
    return [each for word in shlex.split(line) for each in (_files(word) if set(word) & set("*[") else [word])]


def _files(pattern: str) -> list[str]:
    found = sorted(glob.glob(pattern))  # noqa: PTH207 - the words are text
    if not found:
        raise FileNotFoundError(f"no file matches {pattern}")
    return found


def _answer(question: Question, server: Server | None) -> dict[str, Any]:
    if "run" in question:
        return _of_command(_words(question["run"]))
    if "call" in question:
        return {"json": _of_call(question)}
    if server is None:
        raise ValueError(f"{question['name']}: no server is running; a `serve` goes before")
    return _of_request(question, server)


def _of_command(words: list[str]) -> dict[str, Any]:
    """exit, and json, or what was printed as lines; of a refusal the message alone, without the usage."""
    result = _run(words)
    answer: dict[str, Any] = {"exit": result.exit_code}
    if result.stdout and "--json" in words:
        answer["json"] = json.loads(result.stdout)
    elif result.stdout:
        answer["lines"] = result.stdout.splitlines()
    if result.exit_code:
        answer["error"] = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    return answer


def _run(words: list[str]) -> Result:
    """Asked again where a busy machine had no time to decode something, which the answer then lacks."""
    for _ in range(3):
        result = CliRunner().invoke(main, words)
        if "over the time limit" not in result.output:
            break
    return result


def _of_call(question: Question) -> Any:
    with lookalike.open(question["gallery"]) as gallery:
        given = dict(question.get("options", {}))
        if "vector_of" in question:
            with PIL.Image.open(question["vector_of"]) as picture:
                side = gallery.spec.preprocessing.size
                pixels = np.asarray(picture.convert("RGB").resize(side[::-1]), np.uint8)
            given["vector"] = gallery.encoder.encode_inputs(pixels[None])[0]
        positional = [_array(question["array"])] if "array" in question else []
        return json.loads(json.dumps(asdict(getattr(lookalike, question["call"])(gallery, *positional, **given))))


def _array(path: str) -> np.ndarray[Any, Any]:
    with PIL.Image.open(path) as picture:
        return np.asarray(picture)


def _of_request(question: Question, server: Server) -> dict[str, Any]:
    """status, and json, lines, or of a picture its kind and size."""
    verb = next(verb for verb in VERBS if verb in question)
    paths = [Path(each) for pattern in question.get("upload", ()) for each in _files(pattern)]
    files = [("file", (path.name, path.read_bytes())) for path in paths]
    options = {"params": question.get("params"), "json": question.get("body"), "headers": question.get("headers")}
    with _written_to(question.get("locked")):
        answer = server.http.request(verb.upper(), API + question[verb], **options, files=files or None)
    if question.get("wait") and answer.status_code == 202:
        return {"status": 202, "json": server.job(answer, seconds=600)}
    return {"status": answer.status_code, **_content(answer)}


@contextmanager
def _written_to(gallery: str | None) -> Iterator[None]:
    """As another process holds a gallery while it writes."""
    if gallery is None:
        yield
        return
    with Path(gallery, "writing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _content(answer: httpx.Response) -> dict[str, Any]:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind.endswith("json"):
        return {"json": answer.json()}
    if kind.startswith("image/"):
        with PIL.Image.open(BytesIO(answer.content)) as picture:
            return {"picture": [kind, *picture.size]}
    if kind.startswith("text/"):
        return {"lines": answer.text.splitlines()}
    return {"file": hashlib.sha256(answer.content).hexdigest()[:16]} if answer.content else {}
