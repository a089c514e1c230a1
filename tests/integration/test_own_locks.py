"""SQLite's locks are a process's, and go when it closes any descriptor of the database: nothing but SQLite opens it."""

from __future__ import annotations

from pathlib import Path

from conftest import write_pictures
from lookalike.gallery import open_gallery
from lookalike.store.edit import label_changes
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.index import index
from lookalike.verbs.records import remove
from started import ran

# Does everything that is done to a gallery, and prints what Python code opened of its database.
DO = """
import sys
from pathlib import Path
opened = []
def note(event, arguments):
    if event == "open" and "gallery.db" in str(arguments[0]):
        opened.append(str(arguments[0]))
sys.addaudithook(note)
from lookalike.gallery import open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.doctor import doctor
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.gallery import relocate
from lookalike.verbs.index import index
from lookalike.verbs.map import map_gallery
from lookalike.verbs.curation.labelling import label, undo_labels
from lookalike.verbs.records import remove
from lookalike.verbs.search import search
pictures = Path(sys.argv[2])
with open_gallery(sys.argv[1], create=True) as gallery:
    index(gallery, [pictures], labels=pictures / "labels.csv")
    id, other, *_ = [record.id for record in gallery.store.records().values()]
    search(gallery, pictures / "p00.png", k=3)
    label(gallery, [id], add=["new"])
    undo_labels(gallery)
    adapt(gallery, name="new", kind="linear")
    evaluate(gallery, samples=5)
    map_gallery(gallery, method="tsne")
    relocate(gallery, pictures, pictures)
    remove(gallery, [id])
    remove(gallery, patient=gallery.store.record(other).patient)
    doctor(gallery)
print(opened)
"""

LOOK = """
import lookalike, sys
with lookalike.open(sys.argv[1]) as gallery:
    print(*gallery.store.record(sys.argv[2]).labels, sep=", ")
"""


def test_nothing_but_sqlite_opens_the_database(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    done = ran("-c", DO, tmp_path / "g", pictures)
    assert done.stdout.splitlines()[-1:] == ["[]"], done


def test_what_is_written_after_a_removal_is_there_when_another_process_has_come_and_gone(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "g", create=True) as gallery:
        index(gallery, [pictures])
        ids = [record.id for record in gallery.store.records().values()]
        for number, identity in enumerate(ids[:3]):
            remove(gallery, [identity])
            # Who closes a database last removes its log: this one must not, as it is still open here.
            assert not ran("-c", LOOK, tmp_path / "g", ids[5]).returncode
            label(gallery, [ids[5]], set=[f"said {number}"], by="reader")
            assert ran("-c", LOOK, tmp_path / "g", ids[5]).stdout == f"said {number}\n"
        assert len(label_changes(gallery.store, None, 9)) == 3
