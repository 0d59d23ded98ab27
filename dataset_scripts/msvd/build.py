"""MSVD (Chen and Dolan, ACL 2011) from its annotation files, in the split 1,200 / 100 / 670 that papers report on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from panda_hf.corpora import Entry, Expected, read_id_list, read_listed, write_corpus
from panda_hf.corpora.annotations import read_table
from panda_hf.corpora.card import About, render_card
from panda_hf.corpora.printing import print_summary
from panda_hf.errors import SourceError

LISTS = {"train": "train_list.txt", "validation": "val_list.txt", "test": "test_list.txt"}
"""The usual names of the lists of ids."""

EXPECTED = {
    ("captions", "train"): Expected(videos=1_200, digest="223a750f33fcec3c"),
    ("captions", "validation"): Expected(videos=100, digest="0e6b31c93757d251"),
    ("captions", "test"): Expected(videos=670, digest="8d2c6c42af984fd0", captions=27_763),
}

ABOUT = About(
    title="MSVD",
    what="1,970 short clips of web videos, each described by about 40 people in one English sentence: a benchmark of "
    "video captioning and retrieval.",
    configs={"captions": "captioning, and retrieval with many sentences a video, are reported on the 670 test videos"},
    source="`video_corpus.csv` or `AllVideoDescriptions.txt` with the lists of ids of the splits, or the test "
    "annotations that Panda-70M published.",
    license="unknown",
    terms="released by Microsoft Research for research; read its terms before you share anything of it.",
    citation="@inproceedings{chen2011collecting,\n  title={Collecting Highly Parallel Data for Paraphrase "
    "Evaluation},\n  author={Chen, David and Dolan, William},\n  booktitle={ACL},\n  year={2011}\n}",
)


def build(
    annotations: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="video_corpus.csv, AllVideoDescriptions.txt, or a JSON list of test."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")] = Path("msvd"),
    splits: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where train_list.txt, val_list.txt, test_list.txt are.")
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Your video files, called by their id.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that this command made.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Refuse splits that are not the ones papers report on.")
    ] = True,
) -> None:
    """Turn the annotations of MSVD, and the videos you have, into a dataset repository."""
    if annotations.suffix.casefold() == ".json":
        parts = {"test": [Entry(video_id=name, captions=captions) for name, captions in read_listed(annotations)]}
    else:
        parts = split_entries(read_captions(annotations), splits)
    summary = write_corpus(
        {"captions": parts},
        out,
        card=lambda done: render_card(ABOUT, done),
        videos=videos,
        expected=EXPECTED,
        strict=strict,
        overwrite=overwrite,
    )
    print_summary(summary)


def read_captions(path: Path) -> dict[str, list[str]]:
    """English captions by id, ``<video>_<start>_<end>``, of the official table or of the list of descriptions."""
    pairs = _table_pairs(path) if path.suffix.casefold() == ".csv" else _line_pairs(path)
    captions: dict[str, list[str]] = {}
    for video_id, caption in pairs:
        captions.setdefault(video_id, []).append(caption)
    return captions


def split_entries(captions: Mapping[str, list[str]], splits: Path | None) -> dict[str, list[Entry]]:
    """The entries of each split whose list is in the folder ``splits``.

    Raises:
        SourceError: without lists, or when a list names a video without captions.
    """
    lists = {} if splits is None else {name: splits / file for name, file in LISTS.items() if (splits / file).exists()}
    if not lists:
        raise SourceError(f"which videos are in which split? Give --splits, a folder with {', '.join(LISTS.values())}")
    parts: dict[str, list[Entry]] = {}
    for name, path in lists.items():
        ids = read_id_list(path)
        unknown = [video_id for video_id in ids if video_id not in captions]
        if unknown:
            raise SourceError(f"{path}: {len(unknown)} of {len(ids)} videos have no captions, such as {unknown[0]!r}")
        parts[name] = [Entry(video_id=video_id, captions=tuple(captions[video_id])) for video_id in ids]
    return parts


def _table_pairs(path: Path) -> list[tuple[str, str]]:
    try:
        return [
            (f"{row['VideoID']}_{row['Start']}_{row['End']}", row["Description"].strip())
            for row in read_table(path)
            if row["Language"] == "English" and row["Description"].strip()
        ]
    except KeyError as error:
        raise SourceError(
            f"{path} has no column {error}; expected VideoID, Start, End, Language, Description"
        ) from error


def _line_pairs(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the descriptions {path} cannot be read: {error}") from error
    pairs = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    broken = next((pair for pair in pairs if len(pair) < 2), None)
    if broken is not None:
        raise SourceError(f"{path}: {broken[0]!r} has no description after it")
    return [(video_id, caption.strip()) for video_id, caption in pairs]
