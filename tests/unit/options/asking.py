"""Options of commands that ask a gallery."""

from __future__ import annotations

from typing import Final

from options.row import GALLERY, JSON, LISTED, SEED, SPACE, Command, Shown, Told, these

ASKING: Final[dict[str, Command]] = {
    "search": Command(
        {"picture": "{picture} --gallery {g}", "region": "{picture} --gallery {g} --box 0.1,0.1,0.6,0.7"},
        {
            "query": Told("", "query", "{picture}"),
            "--gallery": GALLERY,
            "--id": Told("--id {id}", "id", "{id}"),
            "--text": Told("--text edema", "text", "edema"),
            "--study": Told("--study {id}", "study", "{id}"),
            "--report": Told("--report edema", "report", "edema"),
            "--report-weight": Told("--report-weight 0.5", "report_weight", 0.5),
            "--k": Told("-k 7", "k", 7),
            "--where": Told("--where label=even", "where", "label=even"),
            "--space": SPACE,
            "--same-patient": Told("--same-patient", "same_patient", True),
            "--positive": Told("--like {id}", "positive", "{id}"),
            "--negative": Told("--unlike {id}", "negative", "{id}"),
            "--group-by": Told("--per study", "group_by", "study"),
            "--one-per-patient": Told("--one-per-patient", "group_by", "patient"),
            "--only-priors": Told("--only-priors", "only_priors", True),
            "--before": Told("--before 30", "before", "30"),
            "--exclude-priors": Told("--exclude-priors", "exclude_priors", True),
            "--figure": Shown("--figure {out}.png", "picture"),
            "--rank": Told("--rank max", "rank", "max"),
            "--weights": Told("--weights gaussian:0.3", "weights", "gaussian:0.3"),
            "--beside": Told("--beside {other}", "beside", "{other}"),
            "--box": Told("--box 0.2,0.3,0.5,0.6", "box", (0.2, 0.3, 0.5, 0.6)),
            "--mask": Told("--mask {picture2}", "mask", "{picture2}"),
            "--slice": Told("--slice 3", "slice", 3),
            "--slices": Told("--slices 0-0", "slices", (0, 0)),
            "--context": Told("--no-context", "context", False),
            "--evidence": Shown("--evidence {out}.html", "page", "not a medical device"),
            "--json": JSON,
            "--output": LISTED,
        },
        {
            "picture": these("--slice --slices --context"),
            "region": these(
                "--study --text --report --space --rank --weights --positive --negative --one-per-patient --group-by"
            ),
        },
    ),
    "classify": Command(
        {
            "query": "{picture} --gallery {g}",
            "each": "--each {folder} --gallery {g}",
            "folds": "--gallery {g} --folds 2",
        },
        {
            "query": Told("", "query", "{picture}"),
            "--gallery": GALLERY,
            "--id": Told("--id {id}", "id", "{id}"),
            "--method": Told("--method centroid", "method methods", "centroid"),
            "--k": Told("-k 7", "k neighbours", 7),
            "--space": SPACE,
            "--where": Told("--where label=even", "where", "label=even"),
            "--box": Told("--box 0.1,0.1,0.6,0.7", "box", (0.1, 0.1, 0.6, 0.7)),
            "--slice": Told("--slice 0", "slice", 0),
            "--slices": Told("--slices 0-0", "slices", (0, 0)),
            "--label": Told("--label edema", "labels", "edema"),
            "--modality": Told("--modality x-ray", "modality", "x-ray"),
            "--body-part": Told("--body-part chest", "body_part", "chest"),
            "--view": Told("--view lateral", "view", "lateral"),
            "--prompts": Told("--prompts {out}.json", "prompts", "{out}.json"),
            "--set": Told("--set 0.8", "set", 0.8),
            "--each": Told("--each {more}", "sources", "{more}"),
            "--folds": Told("--folds 4", "folds", 4),
            "--confusion": Shown("--confusion {out}.png", "picture"),
            "--seed": SEED,
            "--json": JSON,
            "--output": LISTED,
        },
        {
            "query": these("--folds --confusion --each"),
            "each": these(
                "query --id --box --slice --slices --label --modality --body-part --view --prompts --folds --confusion"
            ),
            "folds": these(
                "query --each --id --where --box --slice --slices --label --modality --body-part --view --prompts"
            ),
        },
    ),
    "map": Command(
        {"": "--gallery {g} --method tsne"},
        {
            "--gallery": GALLERY,
            "--method": Told("--method umap", "method", "umap"),
            "--space": SPACE,
            "--where": Told("--where label=even", "where", "label=even"),
            "--color": Shown("--figure {out}.html --color site", "page", '"color":1'),
            "--figure": Shown("--figure {out}.html", "page", "t-SNE map"),
            "--groups": Shown("--groups", "text", "group"),
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "draft": Command(
        {"": "{picture} --gallery {g}"},
        {
            "query": Told("", "query", "{picture}"),
            "--gallery": GALLERY,
            "--id": Told("--id {id}", "id", "{id}"),
            "--endpoint": Told("--endpoint http://localhost:1/v1", "endpoint", "http://localhost:1/v1"),
            "--model": Told("--model tiny", "model", "tiny"),
            "--k": Told("-k 7", "k", 7),
            "--where": Told("--where label=even", "where", "label=even"),
            "--space": SPACE,
            "--send-picture": Told("--send-picture", "send_picture", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "send": Command(
        {"": "sr --id {id} --to {folder} --gallery {g}"},
        {
            "kind": Told("", "kind", "sr"),
            "--gallery": GALLERY,
            "--id": Told("", "id", "{id}"),
            "--to": Told("", "to", "{folder}"),
            "--record": Told("--record {id}", "record", "{id}"),
            "--k": Told("-k 7", "k", 7),
            "--where": Told("--where label=even", "where", "label=even"),
            "--space": SPACE,
            "--pacs": Told("--pacs dicomweb+http://pacs", "pacs", ("dicomweb+http://pacs",)),
            "--json": JSON,
        },
        answer=True,
    ),
}
