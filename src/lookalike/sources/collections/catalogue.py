"""The catalogue of collections, and how to open a copy of one.

A source is written ``[NAME=]PATH[?key=value&...]``: the declaration's name (``folder`` if left out,
``medmnist`` for an .npz file), where the copy lies, and how to read it (``Options``; ``as`` gives it
another name, ``contains`` names the known collections that its pictures come from).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from lookalike.errors import UsageError
from lookalike.plugins import suggestion
from lookalike.sources.collections import medmnist
from lookalike.sources.collections.chest import read_chexpert, read_mimic, read_nih
from lookalike.sources.collections.collection import UNCERTAIN, Dataset, Declaration, LabelledPicture, Options
from lookalike.sources.collections.folders import read_folder, read_mednist, read_radimagenet
from lookalike.sources.collections.segmented import read_msd, read_totalsegmentator
from lookalike.text import absolute

DECLARATIONS: Final[dict[str, Declaration]] = {
    each.name: each
    for each in (
        Declaration(
            "chestx-ray14",
            "NIH ChestX-ray14",
            "Data_Entry_2017.csv, train_val_list.txt, test_list.txt, images_001/images/*.png ...",
            "no restriction; link, citation and acknowledgement of the NIH Clinical Center asked for",
            "Wang et al., ChestX-ray8, CVPR 2017, arXiv 1705.02315",
            "https://nihcc.app.box.com/v/ChestXray-NIHCC",
            ("chestx-ray14", "chestx-ray8", "nih14", "nih-chestx-ray14", "nih-cxr", "nih-chest-xray"),
            read_nih,
        ),
        Declaration(
            "chexpert",
            "CheXpert",
            "train.csv, valid.csv, train/patient00001/study1/view1_frontal.jpg ...",
            "Stanford University Dataset Research Use Agreement",
            "Irvin et al., CheXpert, AAAI 2019, arXiv 1901.07031",
            "https://stanfordmlgroup.github.io/competitions/chexpert/",
            ("chexpert",),
            read_chexpert,
        ),
        Declaration(
            "mimic-cxr",
            "MIMIC-CXR-JPG",
            "mimic-cxr-2.0.0-{metadata,split,chexpert}.csv.gz, files/p10/p10000032/s50414267/*.jpg ...",
            "PhysioNet Credentialed Health Data License 1.5.0",
            "Johnson et al., MIMIC-CXR-JPG, 2019, arXiv 1901.07042",
            "https://physionet.org/content/mimic-cxr-jpg/",
            ("mimic-cxr", "mimic-cxr-jpg", "mimic"),
            read_mimic,
        ),
        Declaration(
            "radimagenet",
            "RadImageNet",
            "RadiologyAI_{train,val,test}.csv, radiology_ai/CT/abd/normal/*.png ...",
            "on request, see the homepage",
            "Mei et al., RadImageNet, Radiology: Artificial Intelligence 4(5), e210315, 2022",
            "https://www.radimagenet.com/",
            ("radimagenet",),
            read_radimagenet,
        ),
        Declaration(
            "medmnist",
            "MedMNIST v2",
            "one .npz file, for instance pneumoniamnist.npz or adrenalmnist3d_64.npz",
            "CC BY 4.0 (DermaMNIST CC BY-NC 4.0)",
            "Yang et al., MedMNIST v2, Scientific Data 10:41, 2023",
            "https://medmnist.com/",
            ("medmnist",),
            medmnist.read_medmnist,
        ),
        Declaration(
            "mednist",
            "MedNIST",
            "AbdomenCT/ BreastMRI/ CXR/ ChestCT/ Hand/ HeadCT/ with 64 px *.jpeg",
            "CC BY-SA 4.0",
            "B. J. Erickson, Mayo Clinic, from TCIA, RSNA Bone Age and ChestX-ray14",
            "https://github.com/Project-MONAI/MONAI",
            ("mednist", "chestx-ray14", "rsna-bone-age"),
            read_mednist,
        ),
        Declaration(
            "msd",
            "Medical Segmentation Decathlon",
            "Task01_BrainTumour ... Task10_Colon (or one of them) with dataset.json, imagesTr/, labelsTr/",
            "CC BY-SA 4.0",
            "Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13:4128, 2022",
            "https://medicaldecathlon.com/",
            ("msd", "medical-segmentation-decathlon"),
            read_msd,
        ),
        Declaration(
            "totalsegmentator",
            "TotalSegmentator",
            "meta.csv, s0000/ct.nii.gz, s0000/segmentations/liver.nii.gz ...",
            "CC BY 4.0",
            "Wasserthal et al., TotalSegmentator, Radiology: Artificial Intelligence 5(5), e230024, 2023",
            "https://doi.org/10.5281/zenodo.6802613",
            ("totalsegmentator",),
            read_totalsegmentator,
        ),
        Declaration(
            "folder",
            "a folder of your own",
            "labels.csv with a column file and a label column, or a folder a class",
            "your own",
            "",
            "",
            (),
            read_folder,
        ),
    )
}

_KEYS: Final = (*(field.name for field in fields(Options)), "as", "contains")


def open_dataset(source: str) -> Dataset:
    """Find every labelled picture that is present in a copy of a collection.

    source: ``[NAME=]PATH[?key=value&...]``. Raises UsageError: an unknown name or key, a folder that is
    not laid out as published, or no labelled picture in it.
    """
    declaration, root, query = _parsed(source)
    options, shown, also = _options(dict(parse_qsl(query)))
    if not root.exists():
        raise UsageError(f"no such file or folder: {root}; {declaration.name} is {declaration.layout}")
    pictures, missing, dropped = _kept(declaration.read(root, options), options)
    if not pictures:
        raise UsageError(f"{root} holds no labelled picture of {declaration.title}; its layout is {declaration.layout}")
    name = shown or (declaration.name if declaration.name not in ("folder", "medmnist") else root.stem)
    contains = frozenset((*declaration.contains, *_of_file(declaration, root), *also))
    return Dataset(name, declaration, root, pictures, contains, missing, dropped, query)


def open_collection(uri: str) -> Dataset:
    """Open a collection by its URI, ``NAME:PATH[?key=value&...]``. Raises UsageError."""
    return open_dataset(uri.replace(":", "=", 1))


def _parsed(source: str) -> tuple[Declaration, Path, str]:
    """The declaration, the copy's path, and the keys as written."""
    name, equals, rest = source.partition("=")
    if equals and re.fullmatch(r"[a-z][a-z0-9-]*", name) and not Path(source).exists():
        if name not in DECLARATIONS:
            raise UsageError(f"no collection is called {name!r}.{suggestion(name, DECLARATIONS)}")
        source = rest
    else:
        name = ""
    place, _, query = source.partition("?") if not Path(source).exists() else (source, "", "")
    root = absolute(place)
    return DECLARATIONS[name or ("medmnist" if root.suffix == ".npz" else "folder")], root, query


def _options(keys: Mapping[str, str]) -> tuple[Options, str, Sequence[str]]:
    """The keys' meaning: how to read, the name to show, the collections that the pictures come from."""
    for key in keys:
        if key not in _KEYS:
            raise UsageError(f"a source has no key {key!r}.{suggestion(key, _KEYS)}")
    uncertain = keys.get("uncertain", "zeros")
    if uncertain not in UNCERTAIN:
        raise UsageError(f"uncertain must be one of {', '.join(UNCERTAIN)}, got {uncertain!r}")
    changes: dict[str, Any] = {key: value for key, value in keys.items() if key not in ("as", "contains")}
    if "labels" in changes:
        changes["labels"] = tuple(changes["labels"].split(","))
    also = [part for part in keys.get("contains", "").split(",") if part]
    return replace(Options(), **changes), keys.get("as", ""), also


def _kept(found: Iterable[LabelledPicture], options: Options) -> tuple[tuple[LabelledPicture, ...], int, int]:
    """The labelled pictures that are present; how many are missing, and how many are dropped as uncertain."""
    pictures, missing, dropped = [], 0, 0
    for picture in found:
        if picture.uncertain and options.uncertain == "drop":
            dropped += 1
        elif picture.pixels is None and not picture.path.is_file():
            missing += 1
        elif picture.labels:
            pictures.append(picture)
    return tuple(pictures), missing, dropped


def _of_file(declaration: Declaration, root: Path) -> tuple[str, ...]:
    if declaration.name != "medmnist":
        return ()
    flag = root.stem.partition("_")[0]
    return (flag, *medmnist.CONTAINS.get(flag, ()))


def seen(trained_on: Iterable[str], contains: Iterable[str]) -> tuple[str, ...]:
    """The collections that an encoder was trained on and a copy's pictures come from, whatever their spelling."""
    known = {_plain(name) for name in trained_on}
    return tuple(sorted(name for name in contains if _plain(name) in known))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
