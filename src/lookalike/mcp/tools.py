"""The tools of one gallery. They look and change nothing, but for labels where whoever started this allowed it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from lookalike.errors import LookalikeError, MissingExtraError, UsageError
from lookalike.gallery import Gallery
from lookalike.mcp.answers import PICTURE, told_classes, told_gallery, told_record, told_search
from lookalike.pictures import stored_thumbnail
from lookalike.text import DISCLAIMER
from lookalike.verbs.audit_log import note_in_audit_log
from lookalike.verbs.classify import classify
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.explain import explain
from lookalike.verbs.gallery import gallery_info
from lookalike.verbs.records import browse, facets, record_info
from lookalike.verbs.search import allowed_query, search

MOST_AT_ONCE: Final = 50  # hits or records of one answer
_BY: Final = "mcp"


class Tools:
    """What programs may ask of a gallery, or of a part of it. user: as whom it is noted in the audit log."""

    def __init__(self, gallery: Gallery, seen: Gallery, user: str) -> None:
        self._gallery, self._seen, self._user = gallery, seen, user

    def gallery(self) -> dict[str, Any]:
        """What the gallery holds: how many records, the encoder, the fields and labels that filters can ask for."""
        return told_gallery(gallery_info(self._seen), facets(self._seen))

    def search(
        self,
        id: str = "",
        file: str = "",
        text: str = "",
        where: str = "",
        k: int = 10,
        space: str = "base",
        one_per_patient: bool = False,
    ) -> dict[str, Any]:
        """Find the records that look most like one of them (id), an image file in a folder of the gallery (file), or
        words (text, for encoders that take text). where: only records for which this holds, such as 'label=effusion
        and PatientAge>=60'. Scores are cosines; percentile says how unusual such a score is among the gallery's own
        records. The query's own patient is left out.
        """
        found = search(
            self._seen,
            self._file(file),
            id=id or None,
            text=text or None,
            where=where or None,
            k=self._few(k),
            space=space,
            group_by="patient" if one_per_patient else None,
            pictures=False,
        )
        self._note("search", [hit.id for hit in found.hits])
        return told_search(found)

    def classify(self, id: str = "", file: str = "", method: str = "knn", where: str = "") -> dict[str, Any]:
        """Which labels a record (id) or an image file (file) bears by its neighbours, with calibrated probabilities and
        the records that say so; it abstains where nothing similar is there.
        """
        found = classify(self._seen, self._file(file), id=id or None, method=method, where=where or None)
        self._note("search", [each.id for each in found.evidence if each.id])
        return told_classes(found)

    def explain(self, id: str, record: str) -> dict[str, Any]:
        """Where two records are alike: for each of both the grid of cosines of its patches with the other's best."""
        found = explain(self._seen, id=id, record=record)
        self._note("look", [id, record])
        return {
            name: {"slice": side.slice, "heat": [[round(each, 3) for each in row] for row in side.heat]}
            for name, side in (("query", found.query), ("hit", found.hit))
        }

    def evaluate(self, space: str = "base") -> str:
        """How well the gallery's labels are found again: precision at k, each record asked among those of other
        patients, with 95 % intervals and what could mislead them. Takes a while in large galleries.
        """
        self._note("compute", [])
        folds = None if space == "base" else 5  # an adapted space has seen its own queries
        return str(evaluate(self._seen, space=space, folds=folds))

    def records(self, where: str = "", limit: int = 20, cursor: str = "") -> dict[str, Any]:
        """A page of the records that satisfy a filter, in the order of indexing; next_cursor starts the next page."""
        page = browse(self._seen, where=where or None, limit=self._few(limit), cursor=cursor or None)
        self._note("look", [each.id for each in page.items])
        return {"items": [told_record(each) for each in page.items], "next_cursor": page.next_cursor}

    def record(self, id: str) -> dict[str, Any]:
        """One record: labels and attributes."""
        found = record_info(self._seen, id)
        self._note("look", [found.id])
        return told_record(found)

    def picture(self, id: str) -> bytes:
        """The thumbnail (JPEG) of a record."""
        jpeg = stored_thumbnail(self._seen, id)
        self._note("look", [id])
        return jpeg

    def label(self, ids: list[str], add: list[str] | None = None, remove: list[str] | None = None) -> dict[str, Any]:
        """Add and remove labels of records. It is one change, which a person can undo."""
        for each in ids:
            record_info(self._seen, each)
        done = label(self._gallery, ids, add=add or (), remove=remove or (), by=_BY)
        self._note("label", ids)
        return {"changed": done.changed, "undo": f"lookalike records undo {done.change}" if done.change else ""}

    def _file(self, file: str) -> str | None:
        return allowed_query(self._gallery, file) if file else None

    def _few(self, number: int) -> int:
        if not 1 <= number <= MOST_AT_ONCE:
            raise UsageError(f"from 1 to {MOST_AT_ONCE} at once, got {number}")
        return number

    def _note(self, kind: Any, ids: list[str]) -> None:
        note_in_audit_log(self._gallery, kind, self._user, records=tuple(ids), patients=(), detail={"what": _BY})


def serve_tools(tools: Tools, *, may_label: bool) -> None:
    """Answer on standard input and output until these are closed. Raises MissingExtraError."""
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError:
        raise MissingExtraError("the Model Context Protocol", "mcp") from None

    def told(call: Callable[..., Any]) -> Callable[..., Any]:
        """What is wrong is said to the program that asked, in the words of the product."""

        @wraps(call)
        def answer(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            except LookalikeError as error:
                raise ToolError(str(error)) from None

        return answer

    server = MCPServer("lookalike", instructions=f"Pixel-based search for medical images. {DISCLAIMER}")
    looks = (tools.gallery, tools.search, tools.classify, tools.explain, tools.evaluate, tools.records, tools.record)
    for each in looks:
        server.add_tool(told(each), annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    if may_label:
        server.add_tool(told(tools.label), annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
    server.resource(PICTURE, mime_type="image/jpeg", description="The thumbnail of a record")(told(tools.picture))
    server.run("stdio")
