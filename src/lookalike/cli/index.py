"""lookalike index"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from lookalike.cli.label_match import print_labels
from lookalike.cli.noting import noted_import
from lookalike.cli.output import (
    counted,
    gallery_option,
    interruptible,
    json_option,
    label_columns_option,
    linked_option,
    print_file,
    print_json,
    print_notes,
    progress_bar,
    store_option,
)

if TYPE_CHECKING:
    from lookalike.gallery import Gallery


@click.command("index")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@gallery_option
@click.option("--dataset", metavar="[NAME=]PATH", help="A public collection as its owners publish it, instead.")
@click.option("--vectors", metavar="FILE", help="Vectors made elsewhere: .parquet, .npz, .npy, .h5, .csv, flat FAISS.")
@click.option("--labels", metavar="TABLE.csv", help="A table with a column `file` and one or more label columns.")
@label_columns_option
@click.option(
    "--patient-column", metavar="NAME", help="The table's patient column.  [default: patient_id, subject, ...]"
)
@click.option("--overwrite-labels", is_flag=True, help="The table's labels count, also where a person set others.")
@click.option(
    "--encoder",
    metavar="NAME",
    help="The encoder of a new gallery; auto: the strongest that needs no download.  [default: lite0]",
)
@click.option(
    "--plane",
    type=click.Choice(["native", "axial", "coronal", "sagittal"]),
    help="Cut volumes along; native: the plane each was taken in.  [default: native]",
)
@click.option("--slices", metavar="RULE", help="all, every:N, random:N, even:N or middle:N.  [default: all]")
@click.option(
    "--window",
    metavar="NAME",
    help="Grey window of CT: auto, lung, soft-tissue, bone, brain, wide, channels; or the file's: file:2, file:NAME.",
)
@click.option(
    "--index", "kind", default="auto", show_default=True, help="The index of a new gallery: auto, flat, hnsw, ..."
)
@click.option(
    "--engine",
    metavar="milvus://HOST:PORT",
    help="The engine that searches from now on; embedded: the gallery itself.  [default: as it was; new: embedded]",
)
@click.option(
    "--four-d",
    type=click.Choice(["refuse", "split"]),
    default="refuse",
    show_default=True,
    help="A file with several time points or channels: refused, or a volume each.",
)
@click.option(
    "--burned-in",
    type=click.Choice(["keep", "mask", "refuse"]),
    help="Text in the pixels of a new gallery's files: it stays, is masked, or the file is refused.  [default: keep]",
)
@click.option("--patches", is_flag=True, help="Keep patch vectors too, for searches of a region (search --box).")
@linked_option
@store_option
@click.option("--where-source", metavar="FILTER", help="Leave out files by their headers: 'Modality!=SR'.")
@click.option("--reports", metavar="sr|FOLDER", help="Keep reports: structured ones (sr), or text files in a folder.")
@click.option(
    "--report-column", "report_columns", multiple=True, metavar="NAME", help="A column of the table with reports."
)
@click.option("--sentences", metavar="NAME", help="What reads reports, for search --report.  [default: minilm]")
@click.option(
    "--on",
    metavar="ray://HOST:PORT",
    help="Decode and encode on a Ray cluster; ray: the one of this machine; here: without one.  [default: here]",
)
@click.option("--verbose", "-v", is_flag=True, help="List what was passed over, with its kind.")
@json_option
def command(
    sources: tuple[str, ...],
    gallery: str,
    dataset: str | None,
    vectors: str | None,
    labels: str | None,
    label_columns: tuple[str, ...],
    patient_column: str | None,
    overwrite_labels: bool,
    encoder: str | None,
    plane: Literal["native", "axial", "coronal", "sagittal"] | None,
    slices: str | None,
    window: str | None,
    kind: str,
    engine: str | None,
    four_d: Literal["refuse", "split"],
    burned_in: Literal["keep", "mask", "refuse"] | None,
    patches: bool,
    linked: bool | None,
    store: str | None,
    where_source: str | None,
    reports: str | None,
    report_columns: tuple[str, ...],
    sentences: str | None,
    on: str | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Read images and make them findable.

    Files and folders (walked recursively): DICOM, PNG, JPEG, TIFF, BMP, JPEG 2000, GIF, WebP, PNM.
    What is there already is skipped, so a run that was cut short is finished by running it again. Files that
    cannot be read are listed with a reason, masks and what else is no image is counted by kind; the rest go on.
    Volumes (series, NIfTI, Analyze, .mgz, NRRD, MetaImage) are cut into slices.
    A SOURCE may be a URI too: file:/scans, chexpert:/data/CheXpert, or one of a plug-in.

    --vectors imports vectors that were made elsewhere (the source vectors:FILE[?key=value]). Where the encoder that
    made them is known and on this machine, texts and new pictures can ask.

    --dataset reads labels, splits and patients too: chestx-ray14, chexpert, mimic-cxr, radimagenet, medmnist,
    mednist, msd, totalsegmentator, or a folder; a source may end in ?key=value: chexpert=DIR?uncertain=ones.

    \b
    Example:
      lookalike index scans/ --gallery chest --labels scans/labels.csv --label-column class
      lookalike index --dataset chexpert=CheXpert-v1.0-small --gallery chexpert
      lookalike index --vectors chest.parquet --gallery chest-vectors
    """
    from lookalike.errors import UsageError
    from lookalike.gallery import gallery_to_fill
    from lookalike.grey import checked_window
    from lookalike.plugins import plugin_names, suggestion
    from lookalike.slices import slice_rule
    from lookalike.sources.collections.catalogue import open_dataset
    from lookalike.sources.source import source_of
    from lookalike.sources.vector_files.source import vectors_in
    from lookalike.types import VolumeRecipe
    from lookalike.verbs.encoders import encoder_in_runtime
    from lookalike.verbs.index import encoder_of_new, index

    if bool(sources or vectors) == bool(dataset):
        raise click.UsageError("give SOURCE..., files and folders, and --vectors FILE, or else --dataset")
    if dataset and (labels or label_columns or patches or report_columns):
        raise click.UsageError(
            "--dataset goes without --labels, --label-column, --report-column and --patches; a folder's table is "
            "PATH?table=NAME&labels=COLUMN"
        )
    given = [open_dataset(dataset)] if dataset else [source_of(source) for source in sources]
    told = None if vectors is None else vectors_in(vectors)
    slice_rule(slices or "all")
    checked_window(window or "auto")
    if kind != "auto" and kind not in plugin_names("lookalike.indexes"):
        raise UsageError(f"no index is called {kind!r}.{suggestion(kind, plugin_names('lookalike.indexes'))}")
    volumes = VolumeRecipe(
        plane or "native", slices or "all", window or "auto", four_d=four_d, burned_in=burned_in or "keep"
    )
    every = [*given, *([] if told is None else [told])]
    encoder, note = encoder_in_runtime(gallery, encoder or encoder_of_new(gallery, every), given)
    with (
        gallery_to_fill(
            gallery, encoder=encoder, volumes=volumes, index=kind, linked=linked, engine=engine, store=store
        ) as opened,
        interruptible(lambda: _kept(opened)),
        progress_bar("files") as progress,
        noted_import(opened, "index"),
    ):
        if burned_in not in (None, opened.volume_recipe.burned_in):
            raise UsageError(
                "what is done with text in pixels is chosen when a gallery is made; this one was made with --burned-in "
                f"{opened.volume_recipe.burned_in}: name a new gallery"
            )
        opened.encoder_note = note or opened.encoder_note
        result = index(
            opened,
            given,
            labels=labels,
            label_columns=label_columns,
            patient_column=patient_column,
            overwrite_labels=overwrite_labels,
            patches=patches,
            where_source=where_source,
            vectors=told,
            reports=reports,
            report_columns=report_columns,
            sentences=sentences,
            on=on,
            progress=progress,
        )
    if as_json:
        print_json(result)
        return
    print_notes(
        f"{result.added} records added, {result.skipped} files skipped, {len(result.refused)} refused, "
        f"{result.ignored} other files passed over, in {result.seconds:.1f} s. "
        f"The gallery holds {result.records} records."
    )
    if result.reports:
        print_notes(f"{counted(result.reports, 'report')} kept. They are patients' data: only admins are shown them.")
    if result.kinds:
        print_notes(f"passed over: {', '.join(map(counted, result.kinds.values(), result.kinds))}")
    for each in result.set_apart if verbose else ():
        print_file(f"  passed over  {each.kind:24} ", each.source)
    print_labels(result)
    for refusal in result.refused:
        print_file(f"  refused  {refusal.reason:28} ", refusal.source)
        if refusal.detail:
            print_notes(f"{'':40}{refusal.detail}")


def _kept(gallery: Gallery) -> str:
    """What an interrupted run leaves."""
    count = gallery.store.count()
    again = "Run the same command again: it finishes what is not there yet."
    return f"{count} records are kept in the gallery. {again}" if count else f"Nothing was stored yet. {again}"
