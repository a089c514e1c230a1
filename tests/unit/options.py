"""Every command with each option at a value that is not its default: the data of ``test_every_option``.

Words hold places: {g} a gallery of pictures with patches, {other} another one, {picture}, {picture2}, {folder},
{more} (another), {table}, {id}, {out} a path without a suffix that is the test's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

# The functions that do the work, and their homes.
VERBS: Final = (
    "lookalike.gallery:open_gallery",
    "lookalike.server.configured:config_check",
    "lookalike.server.serve:serve",
    "lookalike.verbs.adapt:adapt",
    "lookalike.verbs.audit:audit",
    "lookalike.verbs.audit:audit_drift",
    "lookalike.verbs.audit:audit_duplicates",
    "lookalike.verbs.audit:audit_metadata",
    "lookalike.verbs.audit:audit_outliers",
    "lookalike.verbs.audit:audit_quality",
    "lookalike.verbs.audit_log:export_audit_log",
    "lookalike.verbs.audit_log:note_in_audit_log",
    "lookalike.verbs.audit_log:verify_audit_log",
    "lookalike.verbs.backup:backup_gallery",
    "lookalike.verbs.backup:restore_gallery",
    "lookalike.verbs.backup:verify_gallery",
    "lookalike.verbs.benchmark_encoders:benchmark_encoders",
    "lookalike.verbs.benchmark_index:benchmark_index",
    "lookalike.verbs.backup:list_backups",
    "lookalike.verbs.classify:classify",
    "lookalike.verbs.classify:classify_each",
    "lookalike.verbs.cohorts.cohorts:combine_cohorts",
    "lookalike.verbs.cohorts.cohorts:list_cohorts",
    "lookalike.verbs.cohorts.cohorts:remove_cohort",
    "lookalike.verbs.cohorts.cohorts:save_cohort",
    "lookalike.verbs.cohorts.cohorts:show_cohort",
    "lookalike.verbs.cohorts.export:export_cohort",
    "lookalike.verbs.cohorts.split:split_cohort",
    "lookalike.verbs.demo:demo",
    "lookalike.verbs.doctor:doctor",
    "lookalike.verbs.draft:draft",
    "lookalike.verbs.encoders:encoder_runtimes",
    "lookalike.verbs.encoders:export_encoder",
    "lookalike.verbs.encoders:list_encoders",
    "lookalike.verbs.encoders:pull_encoder",
    "lookalike.verbs.encoders:verify_encoder",
    "lookalike.verbs.encoders:verify_encoders",
    "lookalike.verbs.erase:check_erasure",
    "lookalike.verbs.erase:erase_patient",
    "lookalike.verbs.evaluate:evaluate",
    "lookalike.verbs.export:export_records",
    "lookalike.verbs.export_vectors:export_vectors",
    "lookalike.verbs.gallery:adopt",
    "lookalike.verbs.gallery:gallery_info",
    "lookalike.verbs.gallery:relocate",
    "lookalike.verbs.gallery:secret_key",
    "lookalike.verbs.index:index",
    "lookalike.verbs.jobs:job_info",
    "lookalike.verbs.jobs:list_jobs",
    "lookalike.verbs.jobs:list_schedules",
    "lookalike.verbs.curation.label_next:label_next",
    "lookalike.verbs.keys:add_key",
    "lookalike.verbs.galleries.merge:merge_galleries",
    "lookalike.verbs.galleries.places:copy_gallery",
    "lookalike.verbs.galleries.places:list_galleries",
    "lookalike.verbs.galleries.places:rename_gallery",
    "lookalike.verbs.keys:list_keys",
    "lookalike.verbs.keys:remove_key",
    "lookalike.verbs.map:map_gallery",
    "lookalike.verbs.map.fields:map_groups",
    "lookalike.verbs.migrate:migrate",
    "lookalike.verbs.migrate:move_store",
    "lookalike.verbs.receive:receive",
    "lookalike.verbs.pull:follow",
    "lookalike.verbs.pull:pull",
    "lookalike.verbs.curation.decisions:decide",
    "lookalike.verbs.curation.decisions:list_decisions",
    "lookalike.verbs.curation.decisions:undo_decision",
    "lookalike.verbs.curation.adjudicate:adjudicate",
    "lookalike.verbs.curation.readings:give_readings",
    "lookalike.verbs.curation.readings:list_readers",
    "lookalike.verbs.curation.readings:list_readings",
    "lookalike.verbs.curation.readings:list_rounds",
    "lookalike.verbs.curation.readings:close_round",
    "lookalike.verbs.curation.readings:own_readings",
    "lookalike.verbs.curation.adjudicate:reading_agreement",
    "lookalike.verbs.curation.readings:remove_readings",
    "lookalike.verbs.curation.readings:start_round",
    "lookalike.verbs.curation.labelling:import_labels",
    "lookalike.verbs.curation.labelling:label",
    "lookalike.verbs.curation.labelling:label_log",
    "lookalike.verbs.records:list_records",
    "lookalike.verbs.records:read_report",
    "lookalike.verbs.records:record_info",
    "lookalike.verbs.records:remove",
    "lookalike.verbs.records:study_records",
    "lookalike.verbs.curation.labelling:undo_labels",
    "lookalike.verbs.search:search",
    "lookalike.verbs.send:send",
    "lookalike.verbs.timeline:timeline",
    "lookalike.verbs.tune:tune",
)
GOES_ON: Final = ("open_gallery",)  # watched, and called all the same


@dataclass(frozen=True)
class Told:
    """words: what is typed. keyword: what the verb, or a value that it is given, calls it (several names: any of
    them). value: what stands there, or among several things there.
    """

    words: str
    keyword: str
    value: Any


@dataclass(frozen=True)
class Shown:
    """An option of the output. kind: picture, page, text or json. has: what the file, or without {out} the terminal,
    must hold and must not hold without the option.
    """

    words: str
    kind: str
    has: str = ""


@dataclass(frozen=True)
class Command:
    """modes: the fewest words that run the command, for each way of using it. options: by their longest name, or an
    argument's own. not_heard: options that a mode has no use for, which it refuses or passes over.
    """

    modes: dict[str, str]
    options: dict[str, Told | Shown]
    not_heard: dict[str, frozenset[str]] = field(default_factory=dict)
    answer: bool = False  # a run takes too long, or a network: only how an answer is printed is looked at


def these(text: str) -> frozenset[str]:
    return frozenset(text.split())


GALLERY: Final = Told("--gallery {other}", "folder", "{other}")
JSON: Final = Shown("--json", "json")
LISTED: Final = Shown("--output json", "json")
SEED: Final = Told("--seed 7", "seed", 7)
DECIDED: Final = Told("--decided", "decided", True)
ELSEWHERE: Final = "postgresql://nobody@127.0.0.1:1/nothing"  # nothing listens there
SPACE: Final = Told("--space other", "space", "other")

COMMANDS: Final[dict[str, Command]] = {
    "index": Command(
        {"files": "{folder} --gallery {out}", "collection": "--dataset {folder} --gallery {out}"},
        {
            "sources": Told("{more}", "path root", "{more}"),
            "--gallery": Told("--gallery {out}-else", "folder", "{out}-else"),
            "--dataset": Told("--dataset {more}", "name", "more"),
            "--vectors": Shown(
                "", "elsewhere", "test_import.py::test_the_option_is_the_source_and_keeps_words_that_ask"
            ),
            "--labels": Told("--labels {table}", "labels", "{table}"),
            "--label-column": Told("--label-column site", "label_columns", "site"),
            "--patient-column": Told("--patient-column who", "patient_column", "who"),
            "--overwrite-labels": Told("--overwrite-labels", "overwrite_labels", True),
            "--encoder": Told("--encoder lite0-last", "encoder", "lite0-last"),
            "--plane": Told("--plane coronal", "plane", "coronal"),
            "--slices": Told("--slices even:3", "slices", "even:3"),
            "--window": Told("--window bone", "window", "bone"),
            "--index": Told("--index hnsw", "index", "hnsw"),
            "--engine": Told("--engine milvus://127.0.0.1:7", "engine", "milvus://127.0.0.1:7"),
            "--four-d": Told("--four-d split", "four_d", "split"),
            "--burned-in": Told("--burned-in mask", "burned_in", "mask"),
            "--patches": Told("--patches", "patches", True),
            "--linked": Told("--linked", "linked", True),
            "--store": Shown("", "elsewhere", "test_postgresql.py::test_a_gallery_is_made_by_a_command"),
            "--where-source": Told("--where-source kind=picture", "where_source", "kind=picture"),
            "--reports": Told("--reports sr", "reports", "sr"),
            "--report-column": Told("--report-column site", "report_columns", "site"),
            "--sentences": Told("--sentences tiny", "sentences", "tiny"),
            "--on": Shown("", "elsewhere", "test_ray.py::test_a_cluster_gives_what_this_machine_gives"),
            "--verbose": Shown("--verbose", "text", "  passed over  table"),
            "--json": JSON,
        },
        {
            "files": these("--dataset"),
            "collection": these("sources --labels --label-column --report-column --patches --verbose"),
        },
    ),
    "pull": Command(
        {"": "dicomweb+http://127.0.0.1:1/x --gallery {out}"},
        {
            "sources": Told("dicomweb+https://pacs.example/y", "sources", "dicomweb+https://pacs.example/y"),
            "--gallery": Told("--gallery {out}-else", "folder", "{out}-else"),
            "--encoder": Told("--encoder lite0-last", "encoder", "lite0-last"),
            "--linked": Told("--linked", "linked", True),
            "--store": Shown("", "elsewhere", "test_postgresql.py::test_what_is_pulled_or_received_may_be_there_too"),
            "--follow": Told("--follow", "every", 300.0),
            "--every": Told("--follow --every 7", "every", 7.0),
            "--stable": Told("--stable 7", "stable", 7.0),
            "--at-once": Told("--at-once 7", "at_once", 7),
            "--rate": Told("--rate 7", "rate", 7.0),
            "--disk": Told("--disk 7", "disk", 7.0),
            "--reports": Told("--reports sr", "reports", "sr"),
            "--remove-gone": Told("--remove-gone", "remove_gone", True),
            "--retry-refused": Told("--retry-refused", "retry_refused", True),
            "--json": JSON,
        },
        answer=True,
    ),
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
    "audit confounds": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--label": Told("--label site", "label_field", "site"),
            "--against": Told("--against site", "other_field", "site"),
            "--space": SPACE,
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "audit duplicates": Command(
        {"": "--gallery {g}"}, {"--gallery": GALLERY, "--decided": DECIDED, "--json": JSON, "--output": LISTED}
    ),
    "audit outliers": Command(
        {"": "--gallery {g} --reference label=even"},
        {
            "--gallery": GALLERY,
            "--reference": Told("--reference label=odd", "reference", "label=odd"),
            "--reference-cohort": Told("--reference-cohort c", "reference_cohort", "c"),
            "--reference-gallery": Told("--reference-gallery {other}", "reference_gallery", "{other}"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--space": SPACE,
            "--neighbours": Told("--neighbours 3", "neighbours", 3),
            "--limit": Told("--limit 4", "limit", 4),
            "--outlier": Told("--outlier site=north", "outlier", "site=north"),
            "--per": Told("--per study", "per", "study"),
            "--seed": SEED,
            "--decided": DECIDED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "audit metadata": Command(
        {"": "--gallery {g} --field site"},
        {
            "--gallery": GALLERY,
            "--field": Told("--field label_even", "fields", "label_even"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--space": SPACE,
            "--neighbours": Told("--neighbours 3", "neighbours", 3),
            "--seed": SEED,
            "--table": Shown("--table {out}.csv", "text", "record,source,field,recorded,suggested"),
            "--decided": DECIDED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "audit drift": Command(
        {"": "--gallery {g} --before site=north --after site=south"},
        {
            "--gallery": GALLERY,
            "--before": Told("--before label=odd", "before", "label=odd"),
            "--after": Told("--after label=even", "after", "label=even"),
            "--seed": SEED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "audit quality": Command(
        {"": "--gallery {g} --fault blank"},
        {
            "--gallery": GALLERY,
            "--fault": Told("--fault clipped", "faults", "clipped"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--part": Told("--part site", "part", "site"),
            "--seed": SEED,
            "--decided": DECIDED,
            "--json": JSON,
            "--output": LISTED,
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
    "receive": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--linked": Told("--gallery {out} --linked", "linked", True),
            "--store": Shown("", "elsewhere", "test_postgresql.py::test_what_is_pulled_or_received_may_be_there_too"),
            "--aet": Told("--aet OTHER", "aet", "OTHER"),
            "--host": Told("--host 192.0.2.7", "host", "192.0.2.7"),
            "--port": Told("--port 7", "port", 7),
            "--allow": Told("--allow PACS@192.0.2.7", "allow", "PACS@192.0.2.7"),
            "--tls-cert": Told("--tls-cert c.pem", "tls_cert", "c.pem"),
            "--tls-key": Told("--tls-key k.pem", "tls_key", "k.pem"),
            "--tls-ca": Told("--tls-ca a.pem", "tls_ca", "a.pem"),
            "--inbox": Told("--inbox {out}", "inbox", "{out}"),
            "--stable": Told("--stable 7", "stable", 7.0),
            "--idle": Told("--idle 7", "idle", 7.0),
            "--associations": Told("--associations 7", "associations", 7),
            "--max-object-mb": Told("--max-object-mb 7", "max_object_mb", 7),
            "--quota-gb": Told("--quota-gb 7", "quota_gb", 7.0),
            "--once": Told("--once", "once", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "serve": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": Told("--gallery {other}", "path", "{other}"),
            "--config": Shown("--config", "elsewhere", "test_configuration.py::test_a_service_has_what_the_file_says"),
            "--host": Told("--host 192.0.2.7", "host", "192.0.2.7"),
            "--port": Told("--port 7", "port", 7),
            "--no-browser": Told("--no-browser", "browser", False),
            "--import": Told("--import new={folder}", "new", "{folder}"),
            "--allow-host": Told("--allow-host look.example", "hosts", "look.example"),
            "--tls-cert": Told("--tls-cert /c.pem", "tls_cert", "/c.pem"),
            "--tls-key": Told("--tls-key /k.pem", "tls_key", "/k.pem"),
            "--behind-proxy": Told("--behind-proxy", "behind_proxy", True),
            "--max-upload-mb": Told("--max-upload-mb 7", "max_upload", 7 << 20),
            "--oidc-issuer": Told("--oidc-issuer https://i.example", "issuer", "https://i.example"),
            "--oidc-client": Told("--oidc-issuer https://i.example --oidc-client look", "client_id", "look"),
            "--oidc-claim": Told("--oidc-issuer https://i.example --oidc-claim groups", "claim", "groups"),
            "--oidc-audience": Told("--oidc-issuer https://i.example --oidc-audience api", "audience", "api"),
            "--oidc-ca": Told("--oidc-issuer https://i.example --oidc-ca {table}", "ca", "{table}"),
            "--oidc-check-seconds": Told("--oidc-issuer https://i --oidc-check-seconds 7", "check_seconds", 7.0),
            "--grant": Told("--grant doctors=contributor", "value", "doctors"),
            "--trusted-proxy": Told("--trusted-proxy 10.0.0.7", "trusted_proxies", "10.0.0.7/32"),
            "--proxy-user-header": Told("--proxy-user-header X-User", "user_header", "X-User"),
            "--proxy-groups-header": Told("--proxy-groups-header X-Groups", "groups_header", "X-Groups"),
            "--public-url": Told("--public-url https://look.example", "public_url", "https://look.example"),
            "--session-hours": Told("--session-hours 2", "session_seconds", 7200.0),
            "--audit-log": Told("--audit-log {folder}", "audit_log", "{folder}"),
            "--log-format": Told("--log-format json", "log_format", "json"),
            "--log-level": Told("--log-level error", "log_level", "error"),
            "--workers": Told("--workers 7", "workers", 7),
            "--processes": Told("--processes 3", "processes", 3),
            "--json": JSON,
        },
        answer=True,
    ),
    "gallery backup": Command(
        {"": "{out} --gallery {g}"}, {"to": Told("", "to", "{out}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "gallery restore": Command(
        {"": "{folder} --gallery {g}"},
        {
            "source": Told("", "source", "{folder}"),
            "--gallery": Told("--gallery {other}", "gallery", "{other}"),
            "--json": JSON,
        },
        answer=True,
    ),
    "gallery backups": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "gallery list": Command(
        {"": "{folder}"}, {"folders": Told("", "folders", "{folder}"), "--json": JSON, "--output": LISTED}
    ),
    "gallery rename": Command(
        {"": "new --gallery {g}"},
        {
            "name": Told("", "name", "new"),
            "--gallery": Told("--gallery {other}", "gallery", "{other}"),
            "--json": Shown("--json", "elsewhere", "test_gallery_places.py::test_the_commands_say_where_it_is"),
        },
    ),
    "gallery copy": Command(
        {"": "{out} --gallery {g}"}, {"to": Told("", "to", "{out}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "gallery merge": Command(
        {"": "{g} --into {out}"},
        {
            "galleries": Told("", "galleries", "{g}"),
            "--into": Told("--into {out}-else", "into", "{out}-else"),
            "--json": JSON,
        },
    ),
    "jobs list": Command(
        {"": "--gallery {g}"},
        {"--gallery": GALLERY, "--limit": Told("--limit 3", "limit", 3), "--json": JSON, "--output": LISTED},
    ),
    "jobs show": Command(
        {"": "{job} --gallery {g}"}, {"id": Told("", "id", "{job}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "gallery schedules": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "gallery verify": Command({"": "{g}"}, {"source": Told("", "source", "{g}"), "--json": JSON}),
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
    "records label": Command(
        {"": "someone --gallery {g} --set one"},
        {
            "ids": Told("{id}", "ids", "{id}"),
            "--gallery": GALLERY,
            "--set": Told("--set two", "set", "two"),
            "--add": Told("--add three", "add", "three"),
            "--remove": Told("--remove four", "remove", "four"),
            "--json": JSON,
        },
        answer=True,
    ),
    "records remove": Command(
        {"": "someone --gallery {g}"},
        {
            "ids": Told("{id}", "ids", "{id}"),
            "--gallery": GALLERY,
            "--patient": Told("--patient group", "patient", "group"),
            "--json": JSON,
        },
        answer=True,
    ),
    "erase": Command(
        {"": "--gallery {g} --patient group", "check": "--gallery {g} --check {table}"},
        {
            "--gallery": GALLERY,
            "--patient": Told("--patient other", "patient", "other"),
            "--patient-id": Told("--patient-id someone", "patient_id", "someone"),
            "--proof": Told("--proof {out}", "proof", "{out}"),
            "--check": Told("--check {folder}", "proof", "{folder}"),
            "--may-return": Shown("--may-return", "elsewhere", "test_kept_out.py::test_by_command"),
            "--json": Shown("--json", "elsewhere", "test_erase_proof.py::test_by_command"),
        },
        {"check": these("--patient --patient-id --proof --may-return --json")},
    ),
    "audit-log verify": Command(
        {"": ""},
        {
            "--audit-log": Told("--audit-log {folder}", "folder", "{folder}"),
            "--expect": Told("--expect 1:x", "expect", "1:x"),
            "--first": Told("--first 7", "first", 7),
            "--json": JSON,
        },
    ),
    "audit-log export": Command(
        {"": "{out}"},
        {
            "out": Told("", "out", "{out}"),
            "--audit-log": Told("--audit-log {folder}", "folder", "{folder}"),
            "--since": Told("--since 2027-01-31", "since", "2027-01-31"),
            "--until": Told("--until 2027-01-31", "until", "2027-01-31"),
            "--json": JSON,
        },
    ),
    "records report": Command(
        {"": "{id} --gallery {g}"}, {"id": Told("", "id", "{id}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "records study": Command(
        {"": "{id} --gallery {g}"},
        {"id": Told("", "id", "{id}"), "--gallery": GALLERY, "--json": JSON, "--output": LISTED},
    ),
    "records timeline": Command(
        {"": "{id} --gallery {g}"},
        {
            "id": Told("", "id", "{id}"),
            "--gallery": GALLERY,
            "--like": Told("--like {id}", "like", "{id}"),
            "--space": SPACE,
            "--k": Told("-k 7", "k", 7),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "records export": Command(
        {"": "--gallery {g} --out {out} --burned-in keep"},
        {
            "--gallery": GALLERY,
            "--out": Told("--out {out}-else", "out", "{out}-else"),
            "--to": Shown("", "elsewhere", "test_export_vectors.py::test_the_command_writes_a_file"),
            "--space": Shown("", "elsewhere", "test_export_vectors.py::test_the_command_writes_a_file"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--burned-in": Told("--burned-in refuse", "burned_in", "refuse"),
            "--dates": Told("--dates shifted", "dates", "shifted"),
            "--characteristics": Told("--characteristics", "characteristics", True),
            "--column": Told("--column site", "columns", "site"),
            "--defaced": Told("--defaced", "defaced", True),
            "--json": JSON,
        },
    ),
    "decisions make": Command(
        {"": "quality keep {id} --gallery {g} --about blank"},
        {
            "audit": Told("", "audit", "quality"),
            "decision": Told("", "decision", "keep"),
            "ids": Told("", "ids", "{id}"),
            "--gallery": GALLERY,
            "--about": Told("--about clipped", "about", "clipped"),
            "--value": Told("--value x", "value", "x"),
            "--json": JSON,
        },
        answer=True,
    ),
    "decisions list": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--audit": Told("--audit quality", "audit", "quality"),
            "--decision": Told("--decision drop", "decision", "drop"),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "decisions undo": Command(
        {"": "1 --gallery {g}"}, {"number": Told("", "number", 1), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "readings give": Command(
        {"": "r {id} --gallery {g}"},
        {
            "round": Told("", "round", "r"),
            "ids": Told("", "ids", "{id}"),
            "--gallery": GALLERY,
            "--label": Told("--label a --label b", "labels", ("a", "b")),
            "--reader": Told("--reader anna", "reader", "anna"),
            "--json": JSON,
        },
        answer=True,
    ),
    "readings start": Command(
        {"": "s --gallery {g} --label a --reader anna --reader ben"},
        {
            "round": Told("", "round", "s"),
            "ids": Told("{id}", "ids", "{id}"),
            "--gallery": GALLERY,
            "--where": Told("--where label=even", "where", "label=even"),
            "--label": Told("--label b", "labels", "b"),
            "--reader": Told("--reader eve", "readers", "eve"),
            "--json": JSON,
        },
        answer=True,
    ),
    "readings close": Command(
        {"": "r2 --gallery {g}"}, {"round": Told("", "round", "r2"), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "readings own": Command(
        {"": "r --gallery {g}"},
        {
            "round": Told("", "round", "r"),
            "--gallery": GALLERY,
            "--reader": Told("--reader anna", "reader", "anna"),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "readings readers": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "readings rounds": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "readings list": Command(
        {"": "r --gallery {g}"},
        {"round": Told("", "round", "r"), "--gallery": GALLERY, "--json": JSON, "--output": LISTED},
    ),
    "readings agreement": Command(
        {"": "r --gallery {g}"}, {"round": Told("", "round", "r"), "--gallery": GALLERY, "--seed": SEED, "--json": JSON}
    ),
    "readings adjudicate": Command(
        {"": "r {id} --gallery {g}"},
        {
            "round": Told("", "round", "r"),
            "ids": Told("", "ids", "{id}"),
            "--gallery": GALLERY,
            "--label": Told("--label a --label b", "labels", ("a", "b")),
            "--agreed": Told("--agreed", "agreed", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "readings remove": Command(
        {"": "r --gallery {g}"}, {"round": Told("", "round", "r"), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "cohort save": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--every": Told("--every", "every", True),
            "--where": Told("--where site=north", "where", "site=north"),
            "--id": Told("--id a --id b", "ids", ("a", "b")),
            "--table": Told("--table {table}", "table", "{table}"),
            "--like": Told("--like a --like b", "like", ("a", "b")),
            "--text": Told("--text t", "text", "t"),
            "--k": Told("-k 7", "k", 7),
            "--space": SPACE,
            "--replace": Told("--replace", "replace", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "cohort combine": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--all-of": Told("--all-of a --all-of b", "all_of", ("a", "b")),
            "--any-of": Told("--any-of a --any-of b", "any_of", ("a", "b")),
            "--none-of": Told("--none-of a --none-of b", "none_of", ("a", "b")),
            "--replace": Told("--replace", "replace", True),
            "--json": JSON,
        },
        answer=True,
    ),
    "cohort list": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "cohort show": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--limit": Told("--limit 7", "limit", 7),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "cohort split": Command(
        {"": "c --gallery {g}"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--sizes": Told("--sizes 80,0,20", "sizes", (0.8, 0.0, 0.2)),
            "--field": Told("--field site", "field", "site"),
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "cohort export": Command(
        {"": "c --gallery {g} --out {out} --burned-in keep"},
        {
            "name": Told("", "name", "c"),
            "--gallery": GALLERY,
            "--out": Told("--out {out}-else", "out", "{out}-else"),
            "--format": Told("--format coco", "format", "coco"),
            "--burned-in": Told("--burned-in refuse", "burned_in", "refuse"),
            "--dates": Told("--dates shifted", "dates", "shifted"),
            "--characteristics": Told("--characteristics", "characteristics", True),
            "--column": Told("--column site", "columns", "site"),
            "--defaced": Told("--defaced", "defaced", True),
            "--json": JSON,
        },
    ),
    "cohort remove": Command(
        {"": "c --gallery {g}"}, {"name": Told("", "name", "c"), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "records list": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--where": Told("--where site=north", "where", "site=north"),
            "--limit": Told("--limit 7", "limit", 7),
            "--order": Told("--order -source", "order", "-source"),
            "--field": Shown("--field site", "text", "south"),
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "records show": Command(
        {"": "{id} --gallery {g}"}, {"id": Told("", "id", "{id}"), "--gallery": GALLERY, "--json": JSON}
    ),
    "records import": Command(
        {"": "{table} --gallery {g}"},
        {"table": Told("", "table", "{table}"), "--gallery": GALLERY, "--json": JSON},
        answer=True,
    ),
    "mcp": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--where": Shown("", "elsewhere", "test_mcp.py::test_only_a_part_is_there_and_labels_need_leave"),
            "--may-label": Shown("", "elsewhere", "test_mcp.py::test_only_a_part_is_there_and_labels_need_leave"),
        },
    ),
    "records next": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--budget": Told("--budget 7", "budget", 7),
            "--by": Told("--by outlier", "by", "outlier"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--space": SPACE,
            "--seed": SEED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "records undo": Command(
        {"": "--gallery {g}"}, {"change": Told("7", "change", 7), "--gallery": GALLERY, "--json": JSON}, answer=True
    ),
    "records log": Command(
        {"": "--gallery {g}"},
        {"--gallery": GALLERY, "--limit": Told("--limit 7", "limit", 7), "--json": JSON, "--output": LISTED},
    ),
    "gallery adopt": Command(
        {"": "{other}"},
        {
            "gallery": Told("", "gallery", "{other}"),
            "--root": Told("--root /a --root /b", "root", ("/a", "/b")),
            "--key-file": Told("--key-file /k", "key_file", "/k"),
            "--encoder": Told("--encoder e.onnx", "encoder", ("e.onnx",)),
            "--store": Told(f"--store {ELSEWHERE}", "store", ELSEWHERE),
            "--json": JSON,
        },
        answer=True,
    ),
    "gallery info": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON}),
    "gallery migrate": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--encoder": Told("--encoder lite0-last", "encoder", "lite0-last"),
            "--back": Told("--back", "back", True),
            "--drop": Told("--drop", "drop", True),
            "--without-missing": Told("--without-missing", "without_missing", True),
            "--store": Shown("", "elsewhere", "test_postgresql.py::test_a_gallery_moves_there_and_back"),
            "--json": JSON,
        },
        answer=True,
    ),
    "gallery key": Command(
        {"": "{g}"},
        {"gallery": Told("", "folder", "{g}"), "--out": Told("--out /k", "out", "/k"), "--json": JSON},
        answer=True,
    ),
    "gallery relocate": Command(
        {"": "/old /new --gallery {g}"},
        {"old": Told("", "old", "/old"), "new": Told("", "new", "/new"), "--gallery": GALLERY, "--json": JSON},
        answer=True,
    ),
    "config check": Command({"": ""}, {"--config": Told("--config /c.toml", "file", "/c.toml"), "--json": JSON}),
    "config show": Command(
        {"": ""}, {"--config": Told("--config /c.toml", "file", "/c.toml"), "--json": JSON, "--output": LISTED}
    ),
    "keys add": Command(
        {"": "someone --gallery {g}"},
        {
            "name": Told("", "name", "someone"),
            "--gallery": GALLERY,
            "--role": Told("--role admin", "role", "admin"),
            "--expires": Told("--expires 90d", "expires", "90d"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--json": JSON,
        },
    ),
    "keys list": Command({"": "--gallery {g}"}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
    "keys remove": Command(
        {"": "gone --gallery {g}"}, {"name": Told("", "name", "gone"), "--gallery": GALLERY, "--json": JSON}
    ),
    "encoders list": Command({"": ""}, {"--json": JSON, "--output": LISTED}),
    "encoders pull": Command(
        {"": "dinov2-b --to {out}"},
        {
            "name": Told("", "name", "dinov2-b"),
            "--to": Told("--to {folder}", "to", "{folder}"),
            "--revision": Told("--revision v2", "revision", "v2"),
            "--json": JSON,
        },
        answer=True,
    ),
    "encoders verify": Command(
        {"": "lite0-last"},
        {
            "name": Told("", "name", "lite0-last"),
            "--all": Shown("--all", "elsewhere", "test_cli.py::test_encoders_verify_all"),
            "--json": JSON,
        },
    ),
    "encoders export": Command(
        {"": "dinov2-s --to {out}"},
        {
            "name": Told("", "name", "dinov2-s"),
            "--to": Told("--to {folder}", "to", "{folder}"),
            "--int8": Told("--int8", "int8", True),
            "--pictures": Told("--pictures {folder}", "pictures", "{folder}"),
            "--json": JSON,
        },
        answer=True,
    ),
    "encoders runtimes": Command(
        {"": "lite0"},
        {
            "name": Told("", "name", "lite0"),
            "--pictures": Told("--pictures {folder}", "pictures", "{folder}"),
            "--json": JSON,
        },
        answer=True,
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
    "demo": Command(
        {"": "--data {folder} --out {out}"},
        {
            "--data": Told("--data {more}", "data", "{more}"),
            "--label-column": Told("--label-column site", "label_columns", "site"),
            "--out": Told("--out {out}-else", "folder", "{out}-else"),
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "doctor": Command({"": ""}, {"--gallery": GALLERY, "--json": JSON, "--output": LISTED}),
}
