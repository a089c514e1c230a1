"""A served gallery gets another encoder: a job, and the next request is answered by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from served import Server, eventually, make_gallery, problem, serving

from lookalike.encoders import DEFAULT
from lookalike.gallery import open_gallery
from lookalike.verbs.migrate import migrate


def hits(server: Server, upload: str) -> tuple[str, list[Any]]:
    found = server.post("/search", {"query": {"image": upload}, "k": 5}).json()
    return found["encoder"], [(hit["id"], round(hit["score"], 6)) for hit in found["hits"]]


def test_a_migration_is_a_job_and_uploads_never_mix_encoders(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    picture = tmp_path / "pictures" / "p03.png"
    with serving(folder) as server:
        upload = server.upload(picture)
        before = hits(server, upload)
        for name in ("./model.onnx", "model.onnx", "someone/model", "no-such-encoder"):
            problem(server.post("/migrate", {"encoder": name}), 400, "usage")
        problem(server.post("/migrate", {}), 400, "usage")
        problem(server.post("/migrate", {"back": True}), 400, "usage")
        done = server.job(server.post("/migrate", {"encoder": "lite0-last"}))
        assert done["state"] == "done", done
        assert (done["kind"], done["result"]["encoder"], done["result"]["encoded"]) == ("migrate", "lite0-last", 12)
        assert done["progress"]["total"] == 12
        after = hits(server, upload)
        assert after == hits(server, server.upload(picture))
        assert (before[0], after[0]) == (DEFAULT, "lite0-last")
        said = server.get("/gallery").json()
        assert said["encoder"]["name"] == "lite0-last"
        assert said["beside"] == {"encoder": DEFAULT, "former": True, "encoded": 12, "missing": {}}
        assert server.job(server.post("/migrate", {"back": True}))["state"] == "done"
        assert hits(server, upload) == before
        with open_gallery(folder) as gallery:  # another process
            migrate(gallery, "lite0-last")
        eventually(lambda: hits(server, upload), lambda found: found == after)  # in a moment
        (tmp_path / "pictures" / "p00.png").unlink()
        assert server.job(server.post("/migrate", {"drop": True}))["result"]["beside"] == ""
        failed = server.job(server.post("/migrate", {"encoder": DEFAULT}))
        assert failed["state"] == "failed"
        assert "1 gone" in failed["error"]
        assert str(tmp_path) not in failed["error"]
        assert server.get("/gallery").json()["beside"]["missing"] == {"gone": 1}
        assert hits(server, upload) == after
