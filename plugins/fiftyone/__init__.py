"""Two operators for FiftyOne: what looks like a sample or a text, and what a gallery says of the samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types

from .service import Service, ServiceError, record_id, votes

ID, SCORE, VOTES, LABELS = "lookalike_id", "lookalike_score", "lookalike_votes", "lookalike_labels"


class FindLookalikes(foo.Operator):
    """The samples that look like the selected one, or like a text, the most similar first."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(name="find_lookalikes", label="Lookalike: find similar images", dynamic=True)

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = _inputs(ctx)
        inputs.int("k", label="How many", default=12, min=1)
        inputs.str("text", label="Words", description="Instead of a selected sample, or beside it")
        inputs.str("where", label="Filter", description="Of the gallery's records: Modality=CR and PatientAge>=60")
        return types.Property(inputs, view=types.View(label="Find similar images"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        asked, text = list(ctx.selected or []), ctx.params.get("text") or ""
        if len(asked) > 1 or not (asked or text):
            raise ValueError("select the one sample that is asked with, or give words")
        sample = ctx.dataset[asked[0]] if asked else None
        files = [] if sample is None else [sample.filepath]
        k, where = int(ctx.params.get("k") or 12), ctx.params.get("where") or ""
        hits = _service(ctx).search(files, text=text, k=k, where=where)
        if sample is not None:
            said = [fo.Classification(label=label, confidence=share) for label, share in votes(hits).items()]
            sample[VOTES] = fo.Classifications(classifications=said)
            sample.save()
        found = _samples_of(ctx.dataset, [hit["id"] for hit in hits])
        shown = [(found[hit["id"]], hit["score"]) for hit in hits if hit["id"] in found]
        if shown:
            ctx.dataset.set_values(SCORE, dict(shown), key_field="id")
            ctx.ops.set_view(ctx.dataset.select([id for id, _score in shown], ordered=True))
            ctx.ops.reload_dataset()
        told = [{"id": hit["id"], "score": hit["score"], "labels": ", ".join(hit["labels"])} for hit in hits]
        return {"hits": told, "shown": len(shown), "elsewhere": len(hits) - len(shown)}

    def resolve_output(self, _ctx: Any) -> types.Property:
        outputs = types.Object()
        outputs.int("shown", label="Found among the samples")
        outputs.int("elsewhere", label="In the gallery alone")
        row = types.Object()
        row.str("id", label="Record")
        row.float("score", label="Cosine")
        row.str("labels", label="Labels")
        outputs.list("hits", row, label="Hits", view=types.TableView())
        return types.Property(outputs)


class BringLabels(foo.Operator):
    """The labels that a gallery's records of the same files bear, as a field of the samples."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(name="bring_labels", label="Lookalike: bring labels", dynamic=True)

    def resolve_input(self, ctx: Any) -> types.Property:
        inputs = _inputs(ctx)
        inputs.str("field", label="Into the field", default=LABELS)
        return types.Property(inputs, view=types.View(label="Bring labels of the same files"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        chosen = ctx.dataset.select(ctx.selected) if ctx.selected else ctx.view
        ids = _ids(chosen)
        labels = _service(ctx).labels(ids)
        said = {
            ids[each]: fo.Classifications(classifications=[fo.Classification(label=label) for label in names])
            for each, names in labels.items()
        }
        if said:
            ctx.dataset.set_values(ctx.params.get("field") or LABELS, said, key_field="id")
            ctx.ops.reload_dataset()
        return {"labelled": len(said), "elsewhere": len(ids) - len(said)}

    def resolve_output(self, _ctx: Any) -> types.Property:
        outputs = types.Object()
        outputs.int("labelled", label="Samples that the gallery holds")
        outputs.int("elsewhere", label="Samples that it does not")
        return types.Property(outputs)


def _inputs(ctx: Any) -> types.Object:
    inputs = types.Object()
    inputs.str("url", label="Service", default=ctx.secret("FIFTYONE_LOOKALIKE_URL"), required=True)
    return inputs


def _service(ctx: Any) -> Service:
    url = ctx.params.get("url") or ctx.secret("FIFTYONE_LOOKALIKE_URL")
    if not url:
        raise ServiceError("name the service: its address as `url`, or FIFTYONE_LOOKALIKE_URL")
    return Service(url, ctx.secret("FIFTYONE_LOOKALIKE_KEY") or "")


def _ids(samples: Any) -> dict[str, str]:
    """The ids of samples by those of the records of their files, which are noted in a field."""
    if not samples._dataset.has_field(ID):
        samples._dataset.add_sample_field(ID, fo.StringField)
    new = samples._dataset.select([sample.id for sample in samples if sample[ID] is None])
    new.set_values(ID, [record_id(file) if Path(file).is_file() else "" for file in new.values("filepath")])
    return {each: id for id, each in zip(*samples.values(["id", ID]), strict=True) if each}


def _samples_of(dataset: Any, records: list[str]) -> dict[str, str]:
    """The samples of records, by the records' ids."""
    wanted = set(records)
    return {each: id for each, id in _ids(dataset.view()).items() if each in wanted}


def register(plugin: Any) -> None:
    """Called by FiftyOne."""
    plugin.register(FindLookalikes)
    plugin.register(BringLabels)
