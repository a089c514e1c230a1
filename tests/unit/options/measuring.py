"""Options of commands that train and measure."""

from __future__ import annotations

from typing import Final

from options.row import GALLERY, JSON, SEED, SPACE, Command, Shown, Told, these

MEASURING: Final[dict[str, Command]] = {
    "adapt": Command(
        {"": "--gallery {g} --name made --kind linear"},
        {
            "--gallery": GALLERY,
            "--name": Told("--name another", "name", "another"),
            "--kind": Told("--kind published", "kind", "published"),
            "--field": Told("--field site", "field", "site"),
            "--labels": Told("--labels odd,even", "labels", "even"),
            "--replace": Told("--replace", "replace", True),
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "tune": Command(
        {"": "--gallery {g} --name made --to {out}"},
        {
            "--gallery": GALLERY,
            "--name": Told("--name another", "name", "another"),
            "--method": Told("--method views", "method", "views"),
            "--field": Told("--field site", "field", "site"),
            "--labels": Told("--labels odd,even", "labels", "even"),
            "--to": Told("--to {out}-more", "to", "{out}-more"),
            "--mirror": Told("--mirror off", "mirror", "off"),
            "--epochs": Told("--epochs 3", "epochs", 3),
            "--seed": SEED,
            "--json": Shown("--json", "elsewhere", "test_tune.py::test_what_is_no_better_is_thrown_away"),
        },
    ),
    # Only the options that a protocol offers are tried with it.
    "evaluate": Command(
        {
            "": "--gallery {g}",
            "outside": "--gallery {g} --queries {picture} --query-labels {table}",
            "3d-mir": "--gallery {g} --protocol 3d-mir",
            "c-mir": "--gallery {g} --protocol c-mir",
            "classifiers": "--gallery {g} --protocol classifiers",
            "ct-clip": "--gallery {g} --protocol ct-clip",
            "denner": "--gallery {g} --protocol denner",
            "khun-jush": "--gallery {g} --protocol khun-jush",
            "localisation": "--gallery {g} --protocol localisation",
            "multilabel": "--gallery {g} --protocol multilabel",
            "radir": "--gallery {g} --protocol radir",
            "regions": "--gallery {g} --protocol regions",
        },
        {
            "--gallery": GALLERY,
            "--protocol": Told("--protocol medimageinsight", "protocol", "medimageinsight"),
            "--space": SPACE,
            "--folds": Told("--folds 3", "folds", 3),
            "--queries": Told("--queries {picture2}", "queries", "{picture2}"),
            "more_queries": Told("{picture2}", "queries", "{picture2}"),
            "--query-labels": Told("--query-labels {folder}/other.csv", "query_labels", "{folder}/other.csv"),
            "--label-column": Told("--label-column site", "label_columns", "site"),
            "--patient-column": Told("--patient-column who", "patient_column", "who"),
            "--queries-from": Told("--queries-from {other}", "queries_from", "{other}"),
            "--against": Told("--against {other}", "against", "{other}"),
            "--fused": Told("--fused", "fused", True),
            "--by": Told("--by site,who", "by", "who"),
            "--levels": Told("--levels label,who", "levels", "who"),
            "--sizes": Told("--sizes 5,9", "sizes", 9),
            "--draws": Told("--draws 3", "draws", 3),
            "--slices": Told("--slices random:5", "slices", "random:5"),
            "--weights": Told("--weights gaussian:0.33", "weights", "gaussian:0.33"),
            "--rank": Told("--rank pool:max", "ranks", "pool:max"),
            "--index": Told("--index hnsw", "index", "hnsw"),
            "--level": Told("--level site", "levels", "site"),
            "--sweep": Told("--sweep sigma", "sweep", "sigma"),
            "--position": Told("--position 0.4", "position", 0.4),
            "--split": Told("--split none", "split", "none"),
            "--region": Told("--region liver", "region", "liver"),
            "--text": Told("--text caption", "text", "caption"),
            "--absent": Told("--absent", "absent", True),
            "--structure": Told("--structure liver", "structures", "liver"),
            "--anatomy": Told("--anatomy site", "anatomies", "site"),
            "--report": Told("--report caption", "report", "caption"),
            "--texts": Told("--texts vectors:t.npz", "texts", "vectors:t.npz"),
            "--method": Told("--method centroid", "methods", "centroid"),
            "--neighbours": Told("--neighbours 7", "neighbours", 7),
            "--weighting": Told("--weighting uniform", "weighting", "uniform"),
            "--multi-label": Told("--multi-label", "multi_label", True),
            "--template": Told("--template {{label}}", "templates", "{{label}}"),
            "--modality": Told("--modality x-ray", "modality", "x-ray"),
            "--body-part": Told("--body-part chest", "body_part", "chest"),
            "--view": Told("--view lateral", "view", "lateral"),
            "--abstain": Told("--abstain 0.07", "abstain", 0.07),
            "--set": Told("--set 0.8", "set", 0.8),
            "--where": Told("--where label=even", "where", "label=even"),
            "--k": Told("-k 7", "k", 7),
            "--seed": SEED,
            "--samples": Told("--samples 77", "samples", 77),
            "--figure": Shown("--figure {out}.png", "elsewhere", "test_cli_volumes.py::test_sweeps_are_drawn"),
            "--format": Shown("--format csv", "text", "class,"),
            "--out": Shown("--out {out}.txt", "text", "P@"),
            "--curves": Shown("--curves {out}.png", "picture"),
            "--bars": Shown("--bars {out}.png", "picture"),
            "--cell": Shown("--cell even odd", "text", "even taken for odd"),
            "--json": JSON,
        },
        {
            "": these("more_queries --figure"),
            "outside": these("--protocol --figure --cell"),  # one query has one cell
            # What the output looks like is decided by the same lines whatever the protocol.
            **{
                protocol: these("more_queries --figure --format --out --curves --bars --cell --json")
                for protocol in (
                    *("3d-mir", "c-mir", "classifiers", "ct-clip", "denner", "khun-jush", "localisation"),
                    *("multilabel", "radir", "regions"),
                )
            },
        },
    ),
    "benchmark encoders": Command(
        {"": "--encoders lite0-inner --data {folder} --cache {out}-cache"},
        {
            "--encoders": Told("--encoders lite0-last,lite0-inner", "encoders", "lite0-last"),
            "--data": Told("--data {picture2}", "data", "{picture2}"),
            "--protocol": Told("--protocol multilabel", "protocols", "multilabel"),
            "--cache": Told("--cache {out}-other", "cache", "{out}-other"),
            "--k": Told("--k 7", "k", 7),
            "--combined": Told("--combined", "combined", True),
            "--seed": SEED,
            "--format": Shown("--format markdown", "text", "| lite0-inner"),
            "--out": Shown("--out {out}.txt", "text", "lite0-inner"),
            "--curves": Shown("--curves {out}.png", "picture"),
            "--json": JSON,
        },
    ),
    "benchmark index": Command(
        {"": "--sizes 600 --dims 8 --kinds flat --queries 5"},
        {
            "--sizes": Told("--sizes 77,78", "sizes", 77),
            "--dims": Told("--dims 9", "dims", 9),
            "--kinds": Told("--kinds lsh", "kinds", "lsh"),
            "--queries": Told("--queries 7", "queries", 7),
            "--figure": Shown("--figure {out}.png", "picture"),
            "--seed": SEED,
            "--json": JSON,
        },
    ),
}
