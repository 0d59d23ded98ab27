"""VATEX (Wang et al., ICCV 2019), English and Chinese captions, from its official annotation files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from panda_hf.corpora import Entry, Expected, read_json, write_corpus
from panda_hf.corpora.annotations import text_of
from panda_hf.corpora.card import About, render_card
from panda_hf.corpora.printing import print_summary
from panda_hf.errors import SourceError

LANGUAGES = {"en": "enCap", "zh": "chCap"}
EXPECTED = {
    (language, split): Expected(videos=videos, captions=10 * videos)
    for language in LANGUAGES
    for split, videos in (("train", 25_991), ("validation", 3_000), ("test", 6_000))
}
_ID = re.compile(r"(.+)_(\d{6})_(\d{6})")

ABOUT = About(
    title="VATEX",
    what="Ten-second clips of web videos with ten English and ten Chinese captions each.",
    configs={"en": "English captions", "zh": "Chinese captions, of which half are translations"},
    source="`vatex_training_v1.0.json`, `vatex_validation_v1.0.json`, `vatex_public_test_english_v1.1.json`. This "
    "builder follows their documented form; it was tried on files of that form, not on the real ones.",
    license="cc-by-4.0",
    terms="the annotations are released under CC BY 4.0; the videos belong to their makers.",
    citation="@inproceedings{wang2019vatex,\n  title={VATEX: A Large-Scale, High-Quality Multilingual Dataset for "
    "Video-and-Language Research},\n  author={Wang, Xin and Wu, Jiawei and Chen, Junkun and Li, Lei and Wang, "
    "Yuan-Fang and Wang, William Yang},\n  booktitle={ICCV},\n  year={2019}\n}",
    languages=("en", "zh"),
)


def build(
    annotations: Annotated[list[Path], typer.Argument(metavar="JSON...", help="The official JSON files, or some.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")] = Path("vatex"),
    videos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Your video files, called by their id.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that this command made.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Refuse splits that are not the ones papers report on.")
    ] = True,
) -> None:
    """Turn the annotations of VATEX, and the videos you have, into a dataset repository."""
    parts: dict[str, dict[str, list[Entry]]] = {language: {} for language in LANGUAGES}
    for path in annotations:
        split = split_of(path)
        if split in parts["en"]:
            raise SourceError(f"{path}: another file is of the split {split} already; give each split once")
        held = read_json(path)
        for language, key in LANGUAGES.items():
            parts[language][split] = read_entries(held, key, path)
    summary = write_corpus(
        parts,
        out,
        card=lambda done: render_card(ABOUT, done),
        videos=videos,
        expected=EXPECTED,
        strict=strict,
        overwrite=overwrite,
    )
    print_summary(summary)


def split_of(path: Path) -> str:
    """The split that an official file name tells.

    Raises:
        SourceError: when the name tells none.
    """
    for word, split in (("train", "train"), ("val", "validation"), ("test", "test")):
        if word in path.name.casefold():
            return split
    raise SourceError(f"{path.name}: of which split? Its name should say training, validation or test")


def read_entries(held: Any, key: str, path: Path) -> list[Entry]:
    """The videos that have captions in one language; the English test file has no Chinese ones."""
    try:
        return [_entry(item, key, path) for item in held if item.get(key)]
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{path}: expected a list of {{videoID, enCap, chCap}}; {type(error).__name__}: {error}"
        ) from error


def _entry(item: dict[str, Any], key: str, path: Path) -> Entry:
    name = text_of(item["videoID"], str(path))
    captions = tuple(text_of(caption, f"{path}: {name}") for caption in item[key])
    match = _ID.fullmatch(name)
    if match is None:
        return Entry(video_id=name, captions=captions)
    source, start, end = match.groups()
    url = f"https://www.youtube.com/watch?v={source}"
    return Entry(video_id=name, captions=captions, url=url, start=float(start), end=float(end))
