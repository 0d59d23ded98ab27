"""A captioning benchmark in the shape of MSR-VTT: clips of the miniature with 20 reference captions each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from panda_hf.corpora import CorpusSummary, Entry, write_corpus
from panda_hf.corpora.card import About, render_card
from panda_hf.mini.films import write_films
from panda_hf.mini.score import clip_rows_of
from panda_hf.mini.truth import paraphrases
from panda_hf.mini.world import Scene, generator
from panda_hf.video import cut_clip

REFERENCES = 20
"""Captions a clip, as in MSR-VTT."""

ABOUT = About(
    title="Miniature MSR-VTT",
    what="Clips of made-up films, each its own file, with 20 reference captions: paraphrases of what is true of the "
    "clip. It shows that evaluation works; its scores say nothing about real videos.",
    configs={"full": f"one clip per scene of films that no training saw, {REFERENCES} references each"},
    source="made by `panda-hf mini benchmark`.",
    license="cc0-1.0",
    terms="made by a program; use it as you like.",
    citation="@misc{panda_hf_mini, title={The miniature of panda_hf}}",
)


def write_benchmark(out: str | Path, films: int, first_seed: int = 0, *, overwrite: bool = False) -> CorpusSummary:
    """Write ``OUT``, a dataset repository with configuration ``full`` and split ``test``, and its clips as files.

    The references state only what can be seen: captioners are evaluated without title and subtitles, as in the paper.

    Args:
        out: the folder to make; the clips go to ``<out>-clips`` beside it.
        films: how many test films to cut into clips.
        first_seed: seed of the first film.
        overwrite: replace an earlier benchmark.
    """
    folder = Path(out).with_name(Path(out).name + "-clips")
    with tempfile.TemporaryDirectory() as made:
        entries = list(_entries(write_films(made, "test", films, first_seed), folder))
    return write_corpus(
        {"full": {"test": entries}},
        out,
        card=lambda done: render_card(ABOUT, done),
        videos=folder,
        overwrite=overwrite,
    )


def _entries(paths: list[Path], folder: Path) -> Iterator[Entry]:
    for path in paths:
        for row, scene in clip_rows_of(path):
            cut_clip(row["video"], row["start"], row["end"], folder / f"{row['clip_id']}.mp4", preset="ultrafast")
            yield Entry(video_id=row["clip_id"], captions=_references(row["clip_id"], scene))


def _references(clip_id: str, scene: Scene) -> tuple[str, ...]:
    seed = int.from_bytes(clip_id.encode()[-6:], "big")
    return tuple(paraphrases(scene, generator(seed, "test", "references"), REFERENCES, modality="video"))
