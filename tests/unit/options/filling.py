"""Options of commands that fill a gallery."""

from __future__ import annotations

from typing import Final

from options.row import GALLERY, JSON, Command, Shown, Told, these

FILLING: Final[dict[str, Command]] = {
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
}
