"""In which order a person sees clips and captions: their own, the same at every start. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence


def clip_order(annotator: str, clip_ids: Sequence[str], *, shared: int = 0, seed: int = 0) -> list[str]:
    """Clips as ``annotator`` meets them.

    Places come from hashes, so clips that are added or taken away later leave the order of the others as it is.

    Args:
        annotator: who.
        clip_ids: all clips.
        shared: that many clips come first for everybody, in an own order, so that agreement is known early.
        seed: another seed, other orders.
    """
    common = set(sorted(clip_ids, key=lambda clip: _place(seed, "shared", clip))[:shared])
    return sorted(clip_ids, key=lambda clip: (clip not in common, _place(seed, "clip", annotator, clip)))


def caption_order(annotator: str, clip_id: str, captions: int, *, seed: int = 0) -> tuple[int, ...]:
    """Which caption stands at each place, so that no teacher profits from the first place.

    Args:
        annotator: who.
        clip_id: of which clip.
        captions: how many there are.
        seed: another seed, other orders.

    Returns:
        A permutation of ``range(captions)``.
    """
    return tuple(sorted(range(captions), key=lambda k: _place(seed, "caption", annotator, clip_id, k)))


def _place(*parts: str | int) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode()).digest()
