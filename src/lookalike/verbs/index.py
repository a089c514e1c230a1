"""index: read files, encode them, store records and vectors, and build the indexes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike import encoders
from lookalike.asking.reports_of_run import RunReports
from lookalike.cluster.address import HERE, checked_address
from lookalike.cluster.readers import NO_AUTHENTICATION, readers_on
from lookalike.configuration.resolve import setting_value
from lookalike.encoders import PatchEncoder
from lookalike.erasing import is_erasing, tidy
from lookalike.errors import GalleryError, UsageError
from lookalike.filters import Filter, tree_of
from lookalike.gallery import Gallery, gallery_folder
from lookalike.ingest import IndexRun
from lookalike.job_steps import log_step
from lookalike.progress import Progress
from lookalike.roots import folders_of
from lookalike.sources.files import FileSource
from lookalike.sources.item_labels import ItemLabels, LabelMatch, NamedSource, tables_beside
from lookalike.sources.kinds import counted_kinds
from lookalike.sources.labels import LabelTable, read_label_table
from lookalike.sources.left_out import check_source_filter, leave_out
from lookalike.sources.reading import Listing, Readers, list_items, read_items
from lookalike.sources.reports import STRUCTURED
from lookalike.sources.s3.address import is_bucket_uri
from lookalike.sources.source import NamedByGallery, Source, source_of
from lookalike.sources.vector_files.source import VectorSource, check_ids, check_vectors, encoder_of_vectors, vectors_in
from lookalike.store import Batch
from lookalike.store import patches as stored_patches
from lookalike.types import Refusal, SetApart

_CLUSTER: Final = "cluster"  # the fact that names the cluster that encoded last


@dataclass(frozen=True, slots=True)
class IndexResult:
    """added: new records. skipped: files whose content was there already. refused: files that could not be read,
    with reason codes. ignored: how many were passed over since they are no images: masks, reports and other
    objects, tables; kinds: how many of each kind; set_apart: which. unmatched: rows of the label table that match
    no file. records: how many the gallery now holds. labels: what the label table's rows and the images met, None
    without a table. unread_tables: tables among the files that could be given as the label table. notes: how the
    label table was read, and what it lacks; what of the files' headers was not kept, and whose pixels show text;
    which encoder was chosen, and whether it was tuned on another gallery. moved: files that lie elsewhere now.
    labels_kept: records whose labels a person set and the table says others: the person's count.
    reports: files whose records have got the words of a report, or others than before. kept_out: files of patients who
    were erased and are not taken again.
    """

    added: int
    skipped: int
    refused: tuple[Refusal, ...]
    seconds: float
    files: int
    ignored: int
    unmatched: int
    records: int
    kinds: dict[str, int]
    set_apart: tuple[SetApart, ...]
    labels: LabelMatch | None = None
    unread_tables: tuple[NamedSource, ...] = ()
    notes: tuple[str, ...] = ()
    moved: int = 0
    labels_kept: int = 0
    reports: int = 0
    kept_out: int = 0


def index(
    gallery: Gallery,
    sources: Iterable[str | os.PathLike[str] | Source],
    *,
    labels: str | os.PathLike[str] | LabelTable | None = None,
    label_columns: Sequence[str] = (),
    patient_column: str | None = None,
    overwrite_labels: bool = False,
    patches: bool = False,
    where_source: str | Filter | None = None,
    vectors: str | os.PathLike[str] | VectorSource | None = None,
    reports: str | os.PathLike[str] | None = None,
    report_columns: Sequence[str] = (),
    sentences: str | None = None,
    on: str | None = None,
    progress: Progress | None = None,
) -> IndexResult:
    """Index files, folders (walked recursively), and other sources named by a URI, into a gallery.

    What is there already (by SHA-256 of the file; in a remote source by the item's name) is skipped, so an
    interrupted run is finished by running it again; with a label table, the labels of skipped files are brought
    up to date, but not those that a person set. Content whose old place is gone gets its new place. A file that cannot
    be read is refused with a reason code and the rest go on.

    labels: a table, or its file; without one, a source that has labels of its own is asked for them.
    patient_column: by default the one that is called ``patient_id`` or a usual spelling of it.
    overwrite_labels: the table's labels count, whoever set others.
    patches: keep the patch vectors too, for searches of a region, from now on; those that the sources' records
    lack are made. With lite0 they take 38 kB a picture or slice.
    where_source: a filter on what the files' headers say (``Modality!=SR``), on ``source`` (the path) and ``kind``
    (picture, volume); what does not satisfy it is left out and counted.
    vectors: a file of vectors that were made elsewhere (.parquet, .npz, .npy, .h5, .csv, a flat FAISS index), as the
    source ``vectors:FILE``, with its keys or without.

    reports, report_columns: keep the words of reports beside the images, which are patients' data: "sr" for the DICOM
    Structured Reports among the sources, whose TEXT items are joined with the images of their study; or a folder of
    text files called as their picture, or as the folder of their study; columns of the label table. sentences: the
    encoder that reads them from now on, "minilm" by default, or the name of a model of sentence-transformers.
    on: where images are decoded and encoded: "here", "ray" (the cluster that this process or this machine is in) or
    "ray://HOST:PORT"; by default as LOOKALIKE_RAY says, else here.

    Records may be removed while it runs, and do not come back by it; other files that it reads later are new arrivals,
    whoever's they are, but for patients who were erased (``verbs.erase``): they are left out.

    Raises UsageError (a source or a label table that cannot be used, or that fits several files
    equally well), LockedError (another process is writing), DamagedFileError (encoder weights),
    ClusterError (a cluster that gives no answer, or whose nodes take no images), MissingExtraError.
    """
    started = time.monotonic()
    tree = tree_of(where_source)
    if tree is not None:
        check_source_filter(tree)
    gallery.store.check_writable()
    on = checked_address(on or setting_value("ray.address") or HERE)
    given = [_named(source_of(source), gallery, reports) for source in sources]
    given += [] if vectors is None else [vectors_in(vectors)]
    check_ids(given)
    listing = list_items(given, gallery.places.owns)
    table = _table(labels, label_columns, patient_column, report_columns)
    words = RunReports(gallery, listing, reports, report_columns, sentences)
    if is_erasing(gallery):
        tidy(gallery, gallery.patience)
    told = [note for source in given if (note := check_vectors(source, gallery.spec))]
    tuned = encoders.tuned_elsewhere(gallery.spec.name, gallery.store.id)
    with gallery.writing() as turn:
        gallery.places.allow(_local_roots(given, listing))
        gallery.places.allow_buckets(source.uri for source in given if is_bucket_uri(source.uri))
        if patches:
            _keep_patches(gallery)
        run = IndexRun(gallery, ItemLabels(table, listing), words, overwrite_labels, apart=[*listing.apart])
        with _readers(gallery, on, run) as readers:
            events = read_items(readers, listing.items, run.items, reports=words.structured)
            log_step("reading and encoding", items=len(listing.items))
            run.read(leave_out(events, tree), turn, len(listing.items), progress)
        gallery.store.write(Batch(reports=words.of_studies()))
        turn.leave()
        log_step("bringing the index up to date")
        gallery.index()
    match = run.labels.match()
    return IndexResult(
        added=run.added,
        skipped=run.skipped,
        refused=tuple(run.refused),
        files=listing.files,
        ignored=len(run.apart),
        unmatched=0 if match is None else match.rows - match.rows_met,
        records=gallery.store.count(),
        seconds=time.monotonic() - started,
        kinds=counted_kinds(run.apart),
        set_apart=tuple(run.apart),
        labels=match,
        unread_tables=tables_beside(listing) if match is None else (),
        notes=(
            *filter(None, [gallery.encoder_note, tuned, *told]),
            *(note for source in given for note in getattr(source, "notes", ())),
            *(*run.labels.notes, *run.remarks.notes, *run.notes),
        ),
        moved=run.moved,
        labels_kept=run.labels_kept,
        reports=words.given,
        kept_out=len(run.left_out),
    )


@contextmanager
def _readers(gallery: Gallery, on: str, run: IndexRun) -> Iterator[Readers]:
    """What reads: this machine's decoding processes, or the workers of a cluster."""
    if on == HERE:
        yield gallery.readers
        return
    with readers_on(on, gallery.spec, gallery.volume_recipe, patches=run.patches) as readers:
        yield readers
        run.notes += readers.notes
    if gallery.store.noted(_CLUSTER) != on:
        run.notes.append(NO_AUTHENTICATION)
        gallery.store.note(_CLUSTER, on)


def encoder_of_new(folder: str | os.PathLike[str], sources: Sequence[str | os.PathLike[str] | Source]) -> str | None:
    """The encoder that a new gallery of imported vectors has in place of the default one; None where there is a gallery
    already, or no vectors are among the sources. Raises UsageError.
    """
    try:
        gallery_folder(folder)
    except GalleryError:
        return encoder_of_vectors([source_of(source) for source in sources])
    return None


def _named(source: Source, gallery: Gallery, reports: str | os.PathLike[str] | None) -> Source:
    if not isinstance(source, NamedByGallery):
        return source
    return source.named_by(gallery.store.identity.group, reports=reports == STRUCTURED)


def _local_roots(given: Sequence[Source], listing: Listing) -> set[str]:
    """The real files and folders that are given, and the few to which links in them lead."""
    roots = {os.path.realpath(source.path) for source in given if isinstance(source, FileSource)}
    files = list(listing.real_files())
    roots |= {file for each in files if roots.intersection(each) for file in each}  # a header's data
    return roots | folders_of((file for each in files for file in each), roots)


def _table(
    labels: str | os.PathLike[str] | LabelTable | None,
    label_columns: Sequence[str],
    patient_column: str | None,
    report_columns: Sequence[str],
) -> LabelTable | None:
    if labels is None and report_columns:
        raise UsageError("columns of reports are of a label table; give that with --labels, or a folder with --reports")
    if labels is None or isinstance(labels, LabelTable):
        return labels
    return read_label_table(Path(labels), label_columns, patient_column, report_columns)


def _keep_patches(gallery: Gallery) -> None:
    if not isinstance(gallery.encoder, PatchEncoder):
        raise UsageError(
            f"the encoder {gallery.spec.name!r} gives no patch vectors (an ensemble gives none, lite0 does); "
            "leave --patches out, or index into a new gallery with another --encoder"
        )
    stored_patches.keep(gallery.store)
