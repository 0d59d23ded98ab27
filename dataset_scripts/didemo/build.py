"""DiDeMo (Hendricks et al., ICCV 2017) as paragraph retrieval uses it: all sentences of a video as one text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from panda_hf.corpora import Entry, Expected, read_id_list, read_json, write_corpus
from panda_hf.corpora.annotations import text_of
from panda_hf.corpora.card import About, render_card
from panda_hf.corpora.printing import print_summary
from panda_hf.errors import SourceError

FILES = {"train": "train_data", "validation": "val_data", "test": "test_data"}
LISTS = {"train": "train_list.txt", "validation": "val_list.txt", "test": "test_list.txt"}

EXPECTED = {
    ("paragraph", "train"): Expected(videos=8_392, digest="4c0a9cc57e590b97"),
    ("paragraph", "validation"): Expected(videos=1_065, digest="ed1624443b5acbab"),
    ("paragraph", "test"): Expected(videos=1_004, digest="cdcca842f67f430b"),
    ("paragraph-all", "validation"): Expected(videos=1_094),
    ("paragraph-all", "test"): Expected(videos=1_037),
}

ABOUT = About(
    title="DiDeMo, paragraphs",
    what="Flickr videos of up to 30 seconds, with sentences for moments in them. For paragraph retrieval the "
    "sentences of a video, in the order of the annotation file and joined by a space, are its one caption.",
    configs={
        "paragraph": "the videos of the lists that papers use, 8,392 / 1,065 / 1,004",
        "paragraph-all": "every annotated video; some of the videos cannot be had any more, so papers use the lists",
    },
    source="`train_data.json`, `val_data.json`, `test_data.json`; lists of ids `train_list.txt` and so on.",
    license="unknown",
    terms="the videos carry the licences their makers chose on Flickr.",
    citation="@inproceedings{hendricks2017localizing,\n  title={Localizing Moments in Video with Natural Language},"
    "\n  author={Hendricks, Lisa Anne and Wang, Oliver and Shechtman, Eli and Sivic, Josef and Darrell, Trevor and "
    "Russell, Bryan},\n  booktitle={ICCV},\n  year={2017}\n}",
)


def build(
    annotations: Annotated[
        list[Path], typer.Argument(metavar="JSON...", help="train_data.json, val_data.json, test_data.json, or some.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")] = Path("didemo"),
    splits: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the lists train_list.txt, val_list.txt, … are.")
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Your video files, called by their id.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that this command made.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Refuse splits that are not the ones papers report on.")
    ] = True,
) -> None:
    """Turn the annotations of DiDeMo, and the videos you have, into a dataset repository.

    Retrieval is reported on configuration `paragraph`, the videos of the lists, which needs --splits.
    """
    every = {split_of(path): read_paragraphs(path) for path in annotations}
    if len(every) < len(annotations):
        raise SourceError("two annotation files are of the same split; give each once")
    listed = {} if splits is None else {name: _listed(every[name], splits / LISTS[name]) for name in every}
    summary = write_corpus(
        {"paragraph": listed, "paragraph-all": every},
        out,
        card=lambda done: render_card(ABOUT, done),
        videos=videos,
        expected=EXPECTED,
        strict=strict,
        overwrite=overwrite,
    )
    print_summary(summary)
    if splits is None:
        typer.echo("Papers report on the configuration `paragraph`, the videos of the lists: give --splits FOLDER.")


def split_of(path: Path) -> str:
    """The split of an annotation file by its official name.

    Raises:
        SourceError: when it has another name.
    """
    for split, stem in FILES.items():
        if path.name.startswith(stem):
            return split
    raise SourceError(
        f"{path.name}: of which split? Official names are {', '.join(f'{f}.json' for f in FILES.values())}"
    )


def read_paragraphs(path: Path) -> list[Entry]:
    """One entry per video, its sentences joined in the order of the file."""
    sentences: dict[str, list[str]] = {}
    links: dict[str, str | None] = {}
    try:
        for item in read_json(path):
            name = text_of(item["video"], str(path))
            sentences.setdefault(name, []).append(text_of(item["description"], f"{path}: {name}").strip())
            links[name] = item.get("dl_link")
    except (KeyError, TypeError) as error:
        raise SourceError(
            f"{path}: expected a list of {{video, description}}; {type(error).__name__}: {error}"
        ) from error
    return [Entry(video_id=name, captions=(" ".join(said),), url=links[name]) for name, said in sentences.items()]


def _listed(entries: list[Entry], path: Path) -> list[Entry]:
    known = {entry.video_id: entry for entry in entries}
    ids = read_id_list(path)
    unknown = [video_id for video_id in ids if video_id not in known]
    if unknown:
        raise SourceError(f"{path}: {len(unknown)} of {len(ids)} videos are not annotated, such as {unknown[0]!r}")
    return [known[video_id] for video_id in ids]
