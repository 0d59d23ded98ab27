"""What the miniature's teachers really write about clips, judged by the truth: the selector's last lessons."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import card_of
from panda_hf.mini.render import render_scene_frames
from panda_hf.mini.speech import scene_text
from panda_hf.mini.truth import score_caption
from panda_hf.mini.world import Scene, Split, generator, pick, random_scene
from panda_hf.models.checkpoints import resolve
from panda_hf.models.umt.processing_umt import resize_frames
from panda_hf.schema import caption_column
from panda_hf.stage import Batch
from panda_hf.training.selector import SelectorExample, learned_targets
from panda_hf.video import pack_frames

TEACHERS = ("mini_image", "mini_video", "mini_text")
SIZES = ((180, 320), (180, 320), (180, 320), (144, 256), (224, 398), (224, 298))
"""Heights and widths of frames as ``SampleFrames`` gives them for the films of this world."""
BATCH = 50


@dataclasses.dataclass(frozen=True)
class Judged:
    """A clip with one candidate of each teacher and its fact score."""

    frames: np.ndarray
    captions: tuple[str, ...]
    scores: tuple[float, ...]


def judged_clips(
    split: Split, count: int, folder: Path, size: int, teachers: Sequence[str] = TEACHERS
) -> list[Judged]:
    """Draw clips, let every teacher caption them, score what they wrote; kept in ``folder``, batch by batch.

    Args:
        split: of the film world.
        count: clips, rounded up to whole batches.
        folder: a later call goes on with what the same teachers wrote there.
        size: of the kept frames, which are square.
        teachers: who captions.
    """
    folder = folder / fingerprint(teachers)
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Judged] = []
    for number in range(-(-count // BATCH)):
        path = folder / f"{split}-{number:04d}"
        if not path.with_suffix(".json").exists():
            _judge(split, number, path, size, teachers)
        frames = np.load(path.with_suffix(".npy"))
        rows = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        found += [Judged(f, tuple(row["captions"]), tuple(row["scores"])) for f, row in zip(frames, rows, strict=True)]
    return found


def fingerprint(teachers: Sequence[str] = TEACHERS) -> str:
    """A name for the present weights of these shipped teachers: others would write other captions."""
    digest = hashlib.sha256()
    for teacher in teachers:
        digest.update((Path(resolve(card_of(teacher).checkpoint)) / "model.safetensors").read_bytes())
    return digest.hexdigest()[:12]


def _judge(split: Split, number: int, path: Path, size: int, teachers: Sequence[str]) -> None:
    scenes, batch = zip(*(_clip(split, number * BATCH + i) for i in range(BATCH)), strict=True)
    rows: Batch = {column: [row[column] for row in batch] for column in batch[0]}
    written = [Caption(teacher=teacher)(rows)[caption_column(teacher)] for teacher in teachers]
    judged = [
        {"captions": [c or "" for c in captions], "scores": [score_caption(c, scene).f1 for c in captions]}
        for scene, captions in zip(scenes, zip(*written, strict=True), strict=True)
    ]
    np.save(path.with_suffix(".npy"), np.stack([resize_frames(row["raw"], size) for row in batch]))
    path.with_suffix(".json").write_text(json.dumps(judged), encoding="utf-8")


def _clip(split: Split, index: int) -> tuple[Scene, dict]:
    """A scene, and the columns that captioning reads of a clip cut from it."""
    rng = generator(index, split, "selection")
    scene = random_scene(rng, split)
    first, last = rng.uniform(0.0, 0.12), rng.uniform(0.88, 1.0)
    times = scene.duration * (first + (last - first) * (np.arange(8) + 0.5) / 8)
    frames = render_scene_frames(scene, times.tolist(), pick(rng, SIZES))
    text = scene_text(scene, rng)
    row = {"clip_id": f"{split}.{index}", "frames": pack_frames(frames, times.tolist()), "raw": frames}
    return scene, {**row, **text._asdict()}


class JudgedCandidates(Dataset[SelectorExample]):
    """Judged clips as examples: all to the best candidate, as an annotator would, or forgiving near misses."""

    def __init__(self, clips: Sequence[Judged], forgiveness: float = 0.0) -> None:
        self.clips, self.forgiveness = clips, forgiveness

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> SelectorExample:
        clip = self.clips[index]
        return SelectorExample(clip.frames, clip.captions, learned_targets(clip.scores, self.forgiveness))


def mean_scores(clips: Sequence[Judged]) -> dict[str, float]:
    """Mean fact score of each teacher, and of a choice that always takes the best: the room a selector has."""
    scores = np.array([clip.scores for clip in clips])
    return {**dict(zip(TEACHERS, scores.mean(axis=0).tolist(), strict=True)), "best": float(scores.max(axis=1).mean())}
