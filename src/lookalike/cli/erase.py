"""lookalike erase"""

from __future__ import annotations

import sys

import click

from lookalike.cli.noting import command_user, note_command
from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes, print_table


@click.command("erase")
@gallery_option
@click.option("--patient", metavar="GROUP", help="The patient's group, whose hash stands in every record.")
@click.option("--patient-id", metavar="ID", help="Instead, the id that files and tables have; - reads it from a line.")
@click.option("--proof", metavar="FILE", help="A new file for the proof, which names nobody.")
@click.option("--check", metavar="FILE", help="Nothing is erased: is this proof genuine, and is all of it still gone?")
@click.option("--may-return", "returns", is_flag=True, help="Nothing is erased: the patient is taken again.")
@json_option
def command(
    gallery: str,
    patient: str | None,
    patient_id: str | None,
    proof: str | None,
    check: str | None,
    returns: bool,
    as_json: bool,
) -> None:
    """Remove a patient everywhere, and prove it: what was removed where, what a search finds afterwards, which backups
    still hold it. Never the original files. From then on the patient is left out of whatever is indexed, pulled or
    received; what is kept for that is a keyed pseudonym.

    \b
    Example:
      lookalike erase --patient 3c59dc048e8850243be8079a5c74d079 --proof erased.json --gallery chest
      lookalike erase --check erased.json --gallery chest
      lookalike erase --patient-id 4711 --may-return --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.erase import erase_patient

    if check is not None:
        _check(gallery, check, as_json)
        return
    if patient_id == "-":
        patient_id = sys.stdin.readline().strip()
    if returns:
        _let_return(gallery, patient, patient_id, as_json)
        return
    with open_gallery(gallery) as opened:

        def noted(ids: tuple[str, ...]) -> None:
            note_command("erase", opened, ids, [patient] if patient else [], removed=len(ids))

        done = erase_patient(
            opened, patient=patient, patient_id=patient_id, proof=proof, by=command_user(), noted=noted
        )
    if as_json:
        print_json(done)
    else:
        print_table([["removed", "rows"], *([table, str(count)] for table, count in done.rows.items())])
        print_table([["folder", "files"], *([folder, str(count)] for folder, count in done.files.items())])
        print_notes(
            f"{counted(len(done.records), 'record')} erased. {sum(done.words.values())} words that named them were "
            f"searched for in {counted(done.searched_files, 'file')}: found in {done.found}."
        )
        if done.passed_over:
            names = counted(done.passed_over, "name")
            print_notes(
                f"{names} of their files not searched for: the names of others that stay hold the same letters."
            )
        kept = "is left out from now on (--may-return ends it)" if done.kept_out else "may come again: no key is here"
        print_notes(f"The patient {kept}.")
        if done.engine:
            told = "gave no answer" if done.left_in_engine is None else f"gives {done.left_in_engine} of their vectors"
            print_notes(f"The index engine {done.engine} {told}.")
        if done.beyond:
            print_notes(f"Not looked into: {done.beyond}.")
        if done.backups:
            said = {True: "holds it: throw it away", False: "does not hold it", None: "cannot be looked into"}
            print_table([["backup", "made", "state"], *([b.name, b.created, said[b.holds]] for b in done.backups)])
    if not done.clean:
        sys.exit(1)


def _let_return(gallery: str, patient: str | None, patient_id: str | None, as_json: bool) -> None:
    from lookalike.gallery import open_gallery
    from lookalike.verbs.erase import may_return

    with open_gallery(gallery) as opened:
        found = may_return(opened, patient=patient, patient_id=patient_id)
        note_command("erase", opened, (), [patient] if patient else [], may_return=found.was_kept_out)
    if as_json:
        print_json(found)
    else:
        print_notes("The patient is taken again." if found.was_kept_out else "No such patient was left out.")


def _check(gallery: str, proof: str, as_json: bool) -> None:
    from lookalike.gallery import open_gallery
    from lookalike.verbs.erase import check_erasure

    with open_gallery(gallery) as opened:
        found = check_erasure(opened, proof)
    if as_json:
        print_json(found)
    else:
        genuine = "The proof is genuine" if found.genuine else "The proof is not genuine, or of another gallery"
        print_notes(f"{genuine}: {counted(found.records, 'record')} erased, {found.back} in the gallery again.")
    if not found.genuine or found.back:
        sys.exit(1)
