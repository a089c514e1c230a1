"""The process that does one job, and the one that has loaded what jobs need and forks it for each.

A process of its own, so that a job takes neither memory nor the interpreter lock from searches and can be killed at
any moment. It records progress and result in the gallery's database. It ends with the server, which holds the other
end of its socket open.
"""

from __future__ import annotations

import html
import importlib
import json
import math
import os
import select
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final, TextIO, TypeAlias

from lookalike.configuration.resolve import setting_value
from lookalike.errors import DatabaseGoneError, LookalikeError
from lookalike.forking import AS_IT_IS, fork, serve_forks
from lookalike.gallery import Gallery, open_gallery
from lookalike.job_queue import Task, count_erasures, end_job, end_job_since, task_of
from lookalike.job_steps import log_step, log_warning, steps_followed_by
from lookalike.learning_curves import curves_followed_by
from lookalike.progress import Progress
from lookalike.server.jobs.erased import ErasedMeanwhile
from lookalike.server.jobs.noted import NotedProgress
from lookalike.server.serialise import plain, shown_name, without_paths
from lookalike.verbs.gallery import part_of

_TRIES: Final = 5
_OVERTAKEN: Final = (
    "records were removed while it ran, again and again, and what it had made was removed with them, since it may hold "
    "something of them; start it again when no more are being removed"
)

_Done: TypeAlias = tuple[Any, dict[str, str]]  # the verb's result as JSON, and its printed reports by format
_Work: TypeAlias = Callable[[Gallery, Mapping[str, Any], Progress], _Done]


def _index(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.index import index

    done = index(
        gallery,
        given["sources"],
        labels=given["labels"],
        label_columns=given["label_columns"],
        where_source=given.get("where_source"),
        overwrite_labels=given.get("overwrite_labels", False),
        reports=given.get("reports"),
        report_columns=given.get("report_columns", ()),
        progress=progress,
    )
    return plain(done), {}


def _adapt(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.adapt import adapt

    options = {name: given[name] for name in ("kind", "field", "labels", "seed", "replace") if name in given}
    return plain(adapt(gallery, given["name"], **options, progress=progress)), {}


def _tune(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.tune import tune

    options = {name: given[name] for name in ("method", "field", "labels", "mirror", "epochs", "seed")}
    done = plain(tune(gallery, given["name"], **options, progress=progress))
    return {**done, "folder": ""}, {}  # where it lies on the server is nobody's business


def _evaluate(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.evaluation.protocols.protocol import PRECISION, remote_options
    from lookalike.verbs.evaluate import evaluate

    protocol = given["protocol"] or PRECISION
    options = {name: given[name] for name in ("space", "folds", "seed", "k")}
    options |= remote_options(protocol, given.get("options") or {}, gallery.store.spaces())
    report = evaluate(gallery, protocol=protocol, progress=progress, **options)
    return plain(report), {
        "md": report.tables("markdown"),
        "csv": report.tables("csv"),
        "tex": report.tables("latex"),
        "html": _page(str(report)),
    }


def _page(text: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Evaluation</title>'
        f"<pre>{html.escape(text)}</pre></html>"
    )


def _map(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.map import map_gallery

    drawn = map_gallery(gallery, method=given["method"], space=given["space"], progress=progress)
    return {"method": drawn.method, "space": drawn.space, "records": len(drawn.ids)}, {}


def _audit(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.audit import audit

    return plain(audit(gallery, *given["fields"], space=given["space"], progress=progress)), {}


def _duplicates(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.audit import audit_duplicates

    return plain(audit_duplicates(gallery, **given, progress=progress)), {}


def _outliers(gallery: Gallery, given: Mapping[str, Any], _progress: Progress) -> _Done:
    from lookalike.verbs.audit import audit_outliers

    return plain(audit_outliers(gallery, **given)), {}


def _drift(gallery: Gallery, given: Mapping[str, Any], _progress: Progress) -> _Done:
    from lookalike.verbs.audit import audit_drift

    return plain(audit_drift(gallery, **given)), {}


def _metadata(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.audit import audit_metadata

    found = audit_metadata(gallery, **given, progress=progress)
    return plain(found), {"csv": found.table()}


def _quality(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.audit import audit_quality

    return plain(audit_quality(gallery, **given, progress=progress)), {}


def _export(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.server.jobs.cohort import packed_cohort

    return plain(packed_cohort(gallery, given, progress)), {}


def _split(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.cohorts.split import split_cohort

    return plain(split_cohort(gallery, **given, progress=progress)), {}


def _migrate(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.migrate import migrate

    return plain(migrate(gallery, **given, progress=progress)), {}


def _pull(gallery: Gallery, _given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.pull import pull

    given = {name: setting_value(f"pull.{name}") for name in ("stable", "at_once", "rate", "disk")}
    return plain(pull(gallery, setting_value("pacs.sources"), **given, progress=progress)), {}


def _merge(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.galleries.merge import merge_into

    done = plain(merge_into(gallery, given["galleries"], progress=progress))
    return {**done, "folder": "", "notes": [*map(without_paths, done["notes"])]}, {}  # nobody's business, as above


def _backup(gallery: Gallery, _given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.backup import backup_gallery

    done = plain(backup_gallery(gallery, setting_value("backup.folder"), progress=progress))
    return {**done, "folder": shown_name(done["folder"])}, {}  # where it lies on the server is nobody's business


def _verify(gallery: Gallery, given: Mapping[str, Any], progress: Progress) -> _Done:
    from lookalike.verbs.backup import backup_info, verify_gallery

    return plain(verify_gallery(backup_info(gallery, given["id"]).folder, progress=progress)), {}


def _remind(gallery: Gallery, _given: Mapping[str, Any], _progress: Progress) -> _Done:
    from lookalike.verbs.reminder import count_untrained

    return plain(count_untrained(gallery)), {}


WORK: Final[dict[str, _Work]] = {
    "index": _index,
    "adapt": _adapt,
    "tune": _tune,
    "evaluate": _evaluate,
    "map": _map,
    "audit": _audit,
    "duplicates": _duplicates,
    "outliers": _outliers,
    "drift": _drift,
    "metadata": _metadata,
    "quality": _quality,
    "export": _export,
    "split": _split,
    "migrate": _migrate,
    "pull": _pull,
    "merge": _merge,
    "backup": _backup,
    "verify": _verify,
    "remind": _remind,
}
REPEATABLE: Final = (
    "index",
    "map",
    "evaluate",
    "audit",
    "duplicates",
    "outliers",
    "drift",
    "metadata",
    "split",
    "quality",
    "migrate",
    "pull",
    "merge",
    "backup",
    "verify",
    "remind",
    "export",
)  # running these again loses and repeats nothing
BESIDE: Final = ("migrate", "backup", "verify")  # other jobs need not wait for these
_LEARNING: Final = ("adapt", "evaluate", "map", "audit", "metadata", "quality")
_AGAIN: Final = b"a"  # says that the gallery's database went away, so that it is to be done again
_LEARNS: Final = b"l"  # asks for a process that has loaded what these need, which takes a second
_SETTINGS: Final = ("seed", "bootstrap_samples", "folds", "dim")  # numbers of a result that count nothing
_DRAWN: Final = ("adapt", "tune")  # their trainings tell curves
_NAMED_BY_JOB: Final = ("export",)  # what these make is found by their job's id
WRITERS: Final = ("index", "pull", "merge", "adapt")  # only one of these is done at a time


class JobProcess:
    """A process that does a job. Raises OSError if there can be none."""

    def __init__(self, folder: str, identity: str, kind: str) -> None:
        told = {"folder": folder, "identity": identity, "environment": dict(os.environ)}
        self._told, self._letter = json.dumps(told).encode() + b"\n", _LEARNS if kind in _LEARNING else AS_IT_IS
        self._lock, self._killed, self._held, self._hears = threading.Lock(), False, -1, True
        self._control = self._asked()

    def _asked(self) -> socket.socket:
        control = fork(__name__, letter=self._letter)
        with suppress(OSError):  # what should fork it is being killed
            control.sendall(self._told)
        return control

    def wait(self) -> bool:
        """Wait until it has ended; whether the gallery's database went away, and nothing came of it. Called once."""
        held = _begun(self._control)
        if not held and not self._killed:  # what should fork it was killed as it was asked: there is another now
            self._control.close()
            with suppress(OSError):
                self._control = self._asked()
                held = _begun(self._control)
        if not held:
            return False
        with self._lock:
            self._held = held[0]
            self._kill() if self._killed else None
        select.select([held[0]], [], [])
        with self._lock:
            self._held = -1
            os.close(held[0])
        with self._control as control, suppress(OSError):
            return control.recv(1, socket.MSG_DONTWAIT) == _AGAIN
        return False

    def kill(self) -> None:
        """End it at any moment, be it about to start."""
        with self._lock:
            self._killed = True
            self._kill()

    def tell_erasure(self, number: int, words: Collection[str]) -> None:
        """Tell it what was removed; never waits, so that one that does not listen is told no more."""
        line = ErasedMeanwhile.line(number, words)
        with suppress(OSError):
            self._hears = self._hears and self._control.send(line, socket.MSG_DONTWAIT) == len(line)
            return
        self._hears = False

    def _kill(self) -> None:
        if self._held >= 0:
            with suppress(ProcessLookupError):  # it has ended by itself, and nobody has waited for it yet
                signal.pidfd_send_signal(self._held, signal.SIGKILL)


def _begun(control: socket.socket) -> list[int]:
    """The descriptor that says when a job's process has ended; none where there never was one."""
    with suppress(OSError):
        return socket.recv_fds(control, 1, 1)[1]
    return []


def _serve_job(descriptor: int) -> None:
    """What a fork does: the job that its socket tells of."""
    with socket.socket(fileno=descriptor) as control:
        socket.send_fds(control, [b"."], [os.pidfd_open(os.getpid())])
        told = control.makefile()
        asked = json.loads(told.readline())
        erased = ErasedMeanwhile()
        threading.Thread(target=_end_with_server, args=(told, erased), daemon=True).start()
        os.environ.clear()
        os.environ.update(asked["environment"])
        with suppress(OSError):
            os.nice(10)  # searches come first
        try:
            do_job(asked["folder"], asked["identity"], erased)
        except DatabaseGoneError:
            control.sendall(_AGAIN)


def _load(letter: bytes) -> None:
    if letter == _LEARNS:
        with suppress(ImportError):
            importlib.import_module("sklearn.linear_model")


def do_job(folder: str, identity: str, erased: ErasedMeanwhile | None = None) -> None:
    """Run a job, and record its result or its error. It is done again if records were removed meanwhile, which it may
    name; but adding records goes on, and says in numbers only what came of it, and a result that is all that there is
    of a job may do without what was removed. erased: what is told of that; None where nobody tells.

    Raises DatabaseGoneError; one that may be done again is then to be.
    """
    words = (erased or ErasedMeanwhile()).words
    with open_gallery(folder) as gallery:
        gallery.patience = math.inf
        task, note = task_of(gallery, identity), NotedProgress(gallery, identity)
        seen = part_of(gallery, task.within) if task.within else gallery
        for _ in range(_TRIES):
            note.begin()
            before = count_erasures(gallery)
            if end_job_since(gallery, identity, before, words, **_outcome(seen, task, note)):
                return
        end_job(gallery, identity, error=_OVERTAKEN)


def _outcome(gallery: Gallery, task: Task, progress: NotedProgress) -> dict[str, Any]:
    """How a job ends, as ``end_job`` takes it."""
    try:
        given = {**task.arguments, "job": task.id} if task.kind in _NAMED_BY_JOB else task.arguments
        with steps_followed_by(progress.step), curves_followed_by(progress.point if task.kind in _DRAWN else None):
            result, reports = WORK[task.kind](gallery, given, progress)
            _log_result(result)
    except LookalikeError as error:
        if isinstance(error, DatabaseGoneError) and task.kind in REPEATABLE:
            raise
        return {"error": without_paths(str(error))}
    except MemoryError:
        return {"error": "out of memory; free memory and start it again"}
    except Exception as error:
        return {"error": f"unexpected {type(error).__name__}; this is a bug: please report it"}
    else:
        return {"result": result, "reports": reports}
    finally:
        with suppress(LookalikeError):
            progress.note()


def _log_result(result: Any) -> None:
    """What came of a job in numbers: what was refused, by reason, and how much is to be read in the result."""
    told = result if isinstance(result, Mapping) else {}
    refused = Counter(str(each["reason"]) for each in told.get("refused") or () if isinstance(each, Mapping))
    for reason, count in sorted(refused.items()):
        log_warning(f"refused: {reason}", files=count)
    if warnings := told.get("warnings"):
        log_warning("warnings, which the result holds", warnings=len(warnings))
    if notes := told.get("notes"):
        log_step("notes, which the result holds", notes=len(notes))
    counts = {name: value for name, value in told.items() if type(value) is int and name not in _SETTINGS}
    log_step("done", **counts)


def _end_with_server(told: TextIO, erased: ErasedMeanwhile) -> None:
    """Listen to the server for as long as there is one."""
    with suppress(ValueError):  # it ended in the middle of a line
        for line in told:
            erased.hear(line)
    os._exit(1)


if __name__ == "__main__":
    serve_forks(int(sys.argv[1]), _serve_job, _load)
