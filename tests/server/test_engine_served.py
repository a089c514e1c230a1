"""A service whose gallery's index engine is away for a while."""

from __future__ import annotations

import threading
from pathlib import Path

from served import eventually, make_gallery, problem, serving

from lookalike.gallery import open_gallery

AWAY = "milvus://127.0.0.1:9"


def named(folder: Path, engine: str) -> None:
    with open_gallery(folder) as gallery:
        gallery.engine.name(engine)


def test_a_service_is_ready_by_itself_once_its_engine_answers(tmp_path: Path) -> None:
    """Until then it says what is missing, and answers what needs no engine."""
    folder = make_gallery(tmp_path)
    named(folder, AWAY)
    told, log = f"the index engine {AWAY} gave no answer", tmp_path / "server.log"
    returns = threading.Event()

    def come_back() -> None:
        eventually(lambda: log.exists() and told in log.read_text(), bool)
        returns.set()
        named(folder, "embedded")

    back = threading.Thread(target=come_back)
    back.start()
    with serving(folder) as server:  # which is entered once it is ready
        assert returns.is_set()
        back.join()
        asked = {"query": {"ids": [server.get("/records").json()["items"][0]["id"]]}}
        assert server.post("/search", asked).status_code == 200
        named(folder, AWAY)
        answer = eventually(lambda: server.post("/search", asked), lambda answer: answer.status_code != 200)
        problem(answer, 503, "engine")  # a service looks for changes some times a second
        assert server.get("/records").status_code == 200
