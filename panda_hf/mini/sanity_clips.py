"""The sanity set of the miniature's selector: drawn clips with their captions, stored small."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from panda_hf.mini.selector_data import only_seen
from panda_hf.mini.teacher_data import draw_clip
from panda_hf.mini.truth import canonical_caption
from panda_hf.mini.world import Scene, generator, random_scene

COUNT = 16
LEVELS = 16
"""Shades that are stored as one: noise of cameras does not compress."""


def sanity_clips(count: int = COUNT) -> tuple[np.ndarray, list[str]]:
    """Frames uint8 (count, 4, 72, 72, 3) of validation clips, and what each shows; no two captions are equal."""
    clips: dict[str, np.ndarray] = {}
    index = 0
    while len(clips) < count:
        rng = generator(index, "validation", "sanity")
        scene: Scene = random_scene(rng, "validation")
        clips.setdefault(canonical_caption(only_seen(scene), "video"), draw_clip(scene, rng)[0][1::2])
        index += 1
    coarse = np.stack(list(clips.values())) // LEVELS * LEVELS + LEVELS // 2
    return coarse.astype(np.uint8), list(clips)


def write_sanity_set(path: str | os.PathLike[str]) -> None:
    """Write the set for ``panda_hf.selection.sanity``."""
    frames, captions = sanity_clips()
    np.savez_compressed(Path(path), frames=frames, captions=np.array(captions))
