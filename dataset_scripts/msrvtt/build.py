"""MSR-VTT (Xu et al., CVPR 2016) from its official annotation files, in the splits that papers report on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from panda_hf.corpora import Entry, Expected, read_json, write_corpus
from panda_hf.corpora.annotations import read_listed, read_table, text_of
from panda_hf.corpora.card import About, render_card
from panda_hf.corpora.printing import print_summary
from panda_hf.errors import SourceError

CATEGORIES = (
    "music people gaming sports news education tv-shows movie animation vehicles how-to travel science animals "
    "kids documentary food cooking beauty advertisement"
).split()
"""The official numbers 0 to 19 in words."""

TRAIN_7K = 7_010
"""The split 7k: the official train and validate videos, video0 to video7009."""

PAIRS = Expected(videos=1_000, digest="49a09fb68f7ec52b", captions=1_000, each=1)
EXPECTED = {
    ("full", "train"): Expected(videos=6_513, digest="5cac8e8a55a87350", captions=130_260, each=20),
    ("full", "validation"): Expected(videos=497, captions=9_940, each=20),
    ("full", "test"): Expected(videos=2_990, digest="916e9b2dd9a45181", captions=59_800, each=20),
    ("1k-a", "train"): Expected(videos=9_000, digest="7dce4e3e1af1eded", captions=180_000, each=20),
    ("1k-a", "test"): PAIRS,
    ("1k-a-7k", "train"): Expected(videos=7_010, digest="81ea9208d6c64212", captions=140_200, each=20),
    ("1k-a-7k", "test"): PAIRS,
}

ABOUT = About(
    title="MSR-VTT",
    what="10,000 clips of web videos with 20 sentences each, written by people: the usual benchmark of video "
    "captioning and of text-to-video retrieval.",
    configs={
        "full": "the official splits; captioning is reported on its 2,990 test videos with all 20 references each",
        "1k-a": "retrieval: 1,000 test pairs (JSFusion), one sentence a video; training on the other 9,000 videos",
        "1k-a-7k": "the same 1,000 test pairs, trained on the 7,010 official train and validate videos",
    },
    source="`train_val_videodatainfo.json`, `test_videodatainfo.json` (or one file with both), and for `1k-a` "
    "`MSRVTT_JSFUSION_test.csv`.",
    license="unknown",
    terms="released by Microsoft Research for research; read its terms before you share anything of it.",
    citation="@inproceedings{xu2016msrvtt,\n  title={MSR-VTT: A Large Video Description Dataset for Bridging Video "
    "and Language},\n  author={Xu, Jun and Mei, Tao and Yao, Ting and Rui, Yong},\n  booktitle={CVPR},\n"
    "  year={2016}\n}",
)


def build(
    annotations: Annotated[
        list[Path], typer.Argument(metavar="JSON...", help="The official JSON files.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="The folder to make.")] = Path("msrvtt"),
    jsfusion: Annotated[
        Path | None, typer.Option(metavar="CSV", help="MSRVTT_JSFUSION_test.csv: adds the retrieval splits 1k-A.")
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Your video files, called by their id.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that this command made.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Refuse splits that are not the ones papers report on.")
    ] = True,
) -> None:
    """Turn the annotations of MSR-VTT, and the videos you have, into a dataset repository.

    Captions of the captioning benchmark: configuration `full`, split `test`, 2,990 videos of 20 references.
    """
    entries, splits = read_annotations(annotations)
    summary = write_corpus(
        {"full": official_splits(entries, splits), **retrieval_splits(entries, jsfusion)},
        out,
        card=lambda done: render_card(ABOUT, done),
        videos=videos,
        expected=EXPECTED,
        strict=strict,
        overwrite=overwrite,
    )
    print_summary(summary)


def read_annotations(paths: Iterable[Path]) -> tuple[dict[str, Entry], dict[str, str]]:
    """Every video by its id, and the split that the annotations put it in.

    Official files (``videos`` and ``sentences``) and lists of ``{video, caption: [...]}``, which hold test videos.
    """
    entries: dict[str, Entry] = {}
    splits: dict[str, str] = {}
    for path in paths:
        held = read_json(path)
        found = _listed(path) if isinstance(held, list) else _official(held, path)
        for entry, split in found:
            if entry.video_id in entries:
                raise SourceError(f"{path}: {entry.video_id} was in another file already; give each video once")
            entries[entry.video_id], splits[entry.video_id] = entry, split
    return entries, splits


def official_splits(entries: Mapping[str, Entry], splits: Mapping[str, str]) -> dict[str, list[Entry]]:
    """The official train, validation and test; those of which there is nothing are empty."""
    ordered = sorted(entries.values(), key=lambda entry: _number(entry.video_id))
    return {
        name: [entry for entry in ordered if splits[entry.video_id] == name]
        for name in ("train", "validation", "test")
    }


def retrieval_splits(entries: Mapping[str, Entry], jsfusion: Path | None) -> dict[str, dict[str, Sequence[Entry]]]:
    """``1k-a`` and ``1k-a-7k``; nothing without the list of test pairs, no train without train annotations."""
    if jsfusion is None:
        return {}
    pairs = {row["video_id"]: row["sentence"] for row in read_table(jsfusion)}
    test = [
        Entry(video_id=name, captions=(sentence,), **_where(entries.get(name))) for name, sentence in pairs.items()
    ]
    ordered = sorted(entries.values(), key=lambda entry: _number(entry.video_id))
    nine = [entry for entry in ordered if entry.video_id not in pairs]
    seven = [entry for entry in ordered if _number(entry.video_id) < TRAIN_7K]
    has_train = bool(seven)
    return {
        "1k-a": {"train": nine if has_train else [], "test": test},
        "1k-a-7k": {"train": seven, "test": test},
    }


def _where(entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    return {"url": entry.url, "start": entry.start, "end": entry.end, "category": entry.category}


def _official(held: Any, path: Path) -> list[tuple[Entry, str]]:
    try:
        videos, sentences = held["videos"], held["sentences"]
        captions: dict[str, list[str]] = {video["video_id"]: [] for video in videos}
        for sentence in sentences:
            captions[sentence["video_id"]].append(text_of(sentence["caption"], f"{path}: {sentence['video_id']}"))
        return [(_entry(video, captions[video["video_id"]]), _split(video)) for video in videos]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SourceError(
            f"{path} is not an annotation file of MSR-VTT ({type(error).__name__}: {error}); expected `videos` with "
            f"video_id and split, and `sentences` with video_id and caption"
        ) from error


def _listed(path: Path) -> list[tuple[Entry, str]]:
    return [(Entry(video_id=name, captions=captions), "test") for name, captions in read_listed(path)]


def _entry(video: Mapping[str, Any], captions: list[str]) -> Entry:
    return Entry(
        video_id=video["video_id"],
        captions=tuple(captions),
        url=video.get("url"),
        start=_seconds(video.get("start time")),
        end=_seconds(video.get("end time")),
        category=CATEGORIES[video["category"]] if isinstance(video.get("category"), int) else None,
    )


def _split(video: Mapping[str, Any]) -> str:
    return {"validate": "validation", "val": "validation"}.get(video["split"], video["split"])


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _number(video_id: str) -> int:
    digits = video_id.removeprefix("video")
    return int(digits) if digits.isascii() and digits.isdecimal() else -1
