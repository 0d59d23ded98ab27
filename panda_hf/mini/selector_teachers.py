"""What the miniature's teachers really write about clips, and the truth about these: what simulated people judge."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import card_of, teachers_of
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.side_by_side import helpers, results
from panda_hf.mini.speech import scene_text
from panda_hf.mini.teacher_data import saved, saved_text
from panda_hf.mini.truth import FactScore, score_caption
from panda_hf.mini.world import Scene, Split, generator, pick, random_scene
from panda_hf.models.checkpoints import resolve
from panda_hf.models.umt.processing_umt import resize_frames
from panda_hf.schema import caption_column
from panda_hf.stage import Batch, Row
from panda_hf.video import pack_frames

TEACHERS = teachers_of("mini")
SIZES = ((180, 320), (180, 320), (180, 320), (144, 256), (224, 398), (224, 298))
"""Heights and widths of frames as ``SampleFrames`` gives them for the films of this world."""
BATCH = 50
"""Clips per file."""
OF_ONE_FRAME = 25
"""Clips at once for teachers that see one frame; those of several frames are faster in the usual, smaller batches."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """A clip with one candidate of each teacher, and the truth.

    Attributes:
        clip_id: ``<split>.<index>``.
        frames: uint8 (8, size, size, 3).
        captions: of the teachers, in their order; empty where one wrote none.
        scene: the truth.
        title, description, subtitle: what the text teachers read; ``None``: there is none.
    """

    clip_id: str
    frames: np.ndarray
    captions: tuple[str, ...]
    scene: Scene
    title: str | None
    description: str | None
    subtitle: str | None

    @cached_property
    def scores(self) -> tuple[FactScore, ...]:
        """How true each caption is."""
        return tuple(score_caption(caption, self.scene) for caption in self.captions)


def judged_clips(
    split: Split,
    count: int,
    folder: Path,
    size: int,
    teachers: Sequence[str] = TEACHERS,
    workers: int = 1,
) -> list[Judged]:
    """Draw clips and let every teacher caption them; kept in ``folder``, batch by batch and teacher by teacher.

    Args:
        split: of the film world.
        count: clips.
        folder: a later call goes on with what the same weights wrote there.
        size: of the kept frames, which are square.
        teachers: who captions.
        workers: processes; what is written does not depend on them.
    """
    with helpers(workers) as pool:
        results(to_caption(pool, split, count, folder, size, teachers))
    found: list[Judged] = []
    for number in range(batches(count)):
        notes = [_note(folder, teacher, split, number) for teacher in teachers]
        written = zip(*(json.loads(note.read_text(encoding="utf-8")) for note in notes), strict=True)
        shown = np.load(frames_file(folder, size, split, number), mmap_mode="r")
        found += [_judged(split, number * BATCH + i, shown[i], captions) for i, captions in enumerate(written)]
    return found[:count]


def to_caption(
    pool: Executor, split: Split, count: int, folder: Path, size: int, teachers: Sequence[str] = TEACHERS
) -> list[Future[None]]:
    """Submit what :func:`judged_clips` of the same arguments would find missing, batch by batch."""
    submitted: list[Future[None]] = []
    for number in range(batches(count)):
        frames = frames_file(folder, size, split, number)
        notes = {teacher: _note(folder, teacher, split, number) for teacher in teachers}
        missing = {teacher: note for teacher, note in notes.items() if not note.exists()}
        if missing or not frames.exists():
            submitted.append(pool.submit(_make, split, number, frames, missing, size))
    return submitted


def batches(count: int) -> int:
    """Files that so many clips fill."""
    return -(-count // BATCH)


def frames_file(folder: Path, size: int, split: Split, number: int) -> Path:
    """Where a batch of frames lies, uint8 (clips, 8, size, size, 3)."""
    return folder / f"frames-{size}" / f"{split}-{number:04d}.npy"


@cache
def fingerprint(teacher: str) -> str:
    """A name for the present weights of a teacher: others would write other captions."""
    card, digest = card_of(teacher), hashlib.sha256()
    for checkpoint in (card.checkpoint, *(part for _, part in card.parts)):
        digest.update((Path(resolve(checkpoint)) / "model.safetensors").read_bytes())
    return digest.hexdigest()[:12]


def _note(folder: Path, teacher: str, split: Split, number: int) -> Path:
    return folder / f"{teacher}-{fingerprint(teacher)}" / f"{split}-{number:04d}.json"


def _make(split: Split, number: int, frames: Path, notes: dict[str, Path], size: int) -> None:
    """Draw a batch of clips, keep small frames, and what each of the teachers of ``notes`` writes."""
    batch = [_clip(split, number * BATCH + i) for i in range(BATCH)]
    rows: Batch = {column: [row[column] for row in batch] for column in batch[0]}
    for path in (frames, *notes.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not frames.exists():
        saved(frames, np.stack([resize_frames(row["raw"], size) for row in batch]))
    for teacher, path in notes.items():
        captions = [caption or "" for caption in _captioner(teacher)(rows)[caption_column(teacher)]]
        saved_text(path, json.dumps(captions))


def _captioner(teacher: str) -> Caption:
    stage = Caption(teacher=teacher)
    several = "video" in card_of(teacher).sees
    return stage if several else dataclasses.replace(stage, model_batch_size=OF_ONE_FRAME)


def _drawn(split: Split, index: int) -> tuple[Scene, np.random.Generator]:
    rng = generator(index, split, "selection")
    return random_scene(rng, split), rng


def _clip(split: Split, index: int) -> Row:
    """The columns that captioning reads of a clip cut from a scene, and ``raw``, its frames."""
    scene, rng = _drawn(split, index)
    times, size = _times_and_size(scene, rng)
    frames = render_scene_frames(scene, times.tolist(), size)
    row = {"clip_id": f"{split}.{index}", "frames": pack_frames(frames, times.tolist()), "raw": frames}
    return {**row, **scene_text(scene, rng)._asdict()}


def _judged(split: Split, index: int, frames: np.ndarray, captions: Sequence[str]) -> Judged:
    scene, rng = _drawn(split, index)
    _times_and_size(scene, rng)  # the text is drawn after them
    text = scene_text(scene, rng)
    return Judged(f"{split}.{index}", frames, tuple(captions), scene, text.title, text.description, text.subtitle)


def _times_and_size(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int]]:
    first, last = rng.uniform(0.0, 0.12), rng.uniform(0.88, 1.0)
    times = scene.duration * (first + (last - first) * (np.arange(8) + 0.5) / 8)
    return times, pick(rng, SIZES)


def mean_scores(clips: Sequence[Judged], teachers: Sequence[str] = TEACHERS) -> dict[str, float]:
    """Mean fact score of each teacher, and of a choice that always takes the best: the room a selector has."""
    scores = np.array([[score.f1 for score in clip.scores] for clip in clips])
    return {**dict(zip(teachers, scores.mean(axis=0).tolist(), strict=True)), "best": float(scores.max(axis=1).mean())}
