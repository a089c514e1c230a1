"""What was installed from the wheel does the main job and serves the page: `make wheel` runs this file there.

It imports nothing but the standard library, so that it needs no more than lookalike itself brings.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

COMMAND: Final = Path(sys.executable).with_name("lookalike")
SECONDS: Final = 240


def main() -> None:
    """The demo, a search and an evaluation by the command, the same search by HTTP, every file of the page."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        check(os.environ.get("PYTHONPATH", "") == "", "PYTHONPATH could bring another lookalike than the wheel's")
        where = Path(output(sys.executable, "-c", "import lookalike; print(lookalike.__file__)").strip())
        check(where.is_relative_to(sys.prefix), f"lookalike comes from {where}, not from the wheel")
        gallery, query = main_job()
        hits = asked(gallery, query)
        with served(gallery) as address:
            page_comes(address)
            check(posted_search(address, query) == hits, "the service answers otherwise than the command")
    print("The wheel does the main job and serves the page.")


def main_job() -> tuple[str, str]:
    """The demo: index, search, evaluate, adapt, evaluate; its gallery and one of its radiographs."""
    done = command("demo", "--out", "demo")
    check(done["indexed"]["added"] > 50 and not done["indexed"]["refused"], "the demo indexed too little")
    check(Path(done["figure"]).stat().st_size > 10_000, "the demo drew no figure")
    check(above_chance(done["adapted"]), "the adapted space is at chance")
    report = command("evaluate", "--gallery", done["gallery"], "--k", "1,5")
    check(report["queries"] > 50 and above_chance(report), "evaluate is at chance")
    return done["gallery"], str(next(iter(sorted(Path("demo/synthetic/images").glob("*.dcm")))))


def above_chance(report: dict[str, Any]) -> bool:
    return bool(report["macro"]["P@1"] > report["chance"]["macro"])


def asked(gallery: str, query: str) -> list[tuple[str, float]]:
    """The hits' ids and scores by the command."""
    return hits_of(command("search", query, "--gallery", gallery, "-k", "5"))


def hits_of(answer: dict[str, Any]) -> list[tuple[str, float]]:
    hits = [(hit["id"], round(hit["score"], 5)) for hit in answer["hits"]]
    check(len(hits) == 5, f"{len(hits)} hits instead of 5")
    return hits


def page_comes(address: str) -> None:
    """The page and every file that it names."""
    page = got(address).decode()
    check("<title>" in page, "no page at /")
    files = re.findall(r"(?:src|href)=\"([^\"#]+)\"", page)
    check(any(file.endswith(".js") for file in files), "the page names no script")
    for file in files:
        brought = got(address + file.lstrip("./")).decode(errors="replace")
        check(brought.strip() not in ("", page.strip()), f"{file} is empty, or the page stands in for it")


def posted_search(address: str, query: str) -> list[tuple[str, float]]:
    """The hits' ids and scores by upload and search over HTTP."""
    edge = "a-line-that-no-file-holds"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="query.dcm"\r\n\r\n'
    body = head.encode() + Path(query).read_bytes() + f"\r\n--{edge}--\r\n".encode()
    upload = posted(f"{address}api/v1/uploads", body, f"multipart/form-data; boundary={edge}")
    question = json.dumps({"query": {"image": upload["id"]}, "k": 5}).encode()
    return hits_of(posted(f"{address}api/v1/search", question, "application/json"))


@contextmanager
def served(gallery: str) -> Iterator[str]:
    """The address of `lookalike serve` on a free port; it is told to stop at the end, and must."""
    words = [COMMAND, "serve", "--gallery", gallery, "--port", "0", "--no-browser", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["address"].rstrip("/") + "/"
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(SECONDS)
    check(code == 0, f"serve ended with exit code {code}")


def got(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:
        return bytes(answer.read())


def posted(address: str, body: bytes, kind: str) -> dict[str, Any]:
    request = urllib.request.Request(address, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def command(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output(COMMAND, *words, "--json"))
    return found


def output(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
    check(done.returncode == 0, f"{' '.join(map(str, words))} failed:\n{done.stderr}")
    return done.stdout


def check(kept: bool, otherwise: str) -> None:
    """End with a sentence where a promise is broken."""
    if not kept:
        sys.exit(f"smoke test of the wheel: {otherwise}")


if __name__ == "__main__":
    main()
