"""METEOR's search for the best alignment of a prediction and a reference: a beam from left to right.

It prefers the larger gain, then fewer chunks, then shorter distances, then what came first. Two traits of the
published scorer decide ties and are kept: gains are rounded down, and the distance of a match counts for the paths
that branch off after it from the same path, not for the path that takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from .matching import Found, Match

BEAM = 40
# One number orders paths: less gain counts 2**64, a chunk 2**40, a word of distance 1.
_GAIN, _CHUNK = 1 << 64, 1 << 40
_by_order = itemgetter(0)
# From here on arrays are faster than a loop over the matches of one place.
_MANY = 200


_Path = tuple[int, int, int, int, tuple | None]
"""A path of the search, a plain tuple since there are millions: its order, where in the prediction its open chunk ends
(-1: none is open), the next place in the reference, words of the prediction in use, and its last step (place, match,
step before)."""


def align(found: Sequence[Found]) -> list[tuple[int, Match]]:
    """The alignment that METEOR finds, as places in the reference with their matches, from left to right."""
    certain = _certain(found)
    if all(own or not one.matches for own, one in zip(certain, found, strict=True)):
        return [(place, match) for place, match in enumerate(certain) if match]
    best = _search(found, certain)
    steps: list[tuple[int, Match]] = []
    while best:
        place, match, best = best
        steps.append((place, match))
    return steps[::-1]


def count_chunks(steps: Sequence[tuple[int, Match]]) -> int:
    """Stretches of matches that follow each other without a gap in both texts."""
    chunks, end, open_end = 0, -1, -1
    for place, match in steps:
        if place != end or match.start != open_end:
            chunks += 1
        end, open_end = place + match.length, match.end
    return chunks


def _certain(found: Sequence[Found]) -> list[Match | None]:
    """Matches whose words, on both sides, are in no other match: they need no search."""
    seen = several = 0
    covered = [0] * len(found)
    for place, one in enumerate(found):
        several |= one.several | (seen & one.seen)
        seen |= one.seen
        covered[place] += len(one.matches)
        for match in one.matches if one.reach > 1 else ():
            for word in range(place + 1, place + match.length):
                covered[word] += 1
    certain: list[Match | None] = [None] * len(found)
    for place, (matches, *_) in enumerate(found):
        if len(matches) == 1 and not matches[0].mask & several:
            match = matches[0]
            if all(covered[word] == 1 for word in range(place, place + match.length)):
                certain[place] = match
    return certain


def _search(found: Sequence[Found], certain: Sequence[Match | None]) -> tuple | None:
    used = 0
    for match in certain:
        if match:
            used |= match.mask
    paths: list[_Path] = [(0, -1, 0, used, None)]
    for place, (matches, *_) in enumerate(found):
        if len(paths) > 1:
            paths.sort(key=_by_order)
            del paths[BEAM:]
        sure = certain[place]
        if sure:
            paths = [path if place < path[2] else _taken(path, place, sure) for path in paths]
        elif matches:
            following: list[_Path] = []
            table = _table(matches) if len(matches) > _MANY else None
            for path in paths:
                if place < path[2]:
                    following.append(path)
                elif table is None:
                    _branch(path, place, matches, following)
                else:
                    _branch_widely(path, place, matches, table, following)
            paths = following
        else:
            paths = [path if path[1] == -1 or place < path[2] else _unmatched(path) for path in paths]
    paths.sort(key=_by_order)
    return min(paths[:BEAM], key=lambda path: path[0] + (path[1] != -1) * _CHUNK)[4]


def _unmatched(path: _Path) -> _Path:
    """The path after a word of the reference that it leaves alone: an open chunk ends."""
    order, open_end, next_place, used, steps = path
    return (order if open_end == -1 else order + _CHUNK, -1, next_place, used, steps)


def _taken(path: _Path, place: int, match: Match) -> _Path:
    order, open_end, _, used, steps = path
    order += abs(place - match.start) - match.gain * _GAIN
    if open_end != -1 and open_end != match.start:
        order += _CHUNK
    return order, match.end, place + match.length, used, (place, match, steps)


def _branch(path: _Path, place: int, matches: Sequence[Match], following: list[_Path]) -> None:
    """Add a path for each match that is still free, then the one that leaves this word of the reference unmatched."""
    order, open_end, next_place, used, steps = path
    for match in matches:
        gain, start, end, length, _, mask = match
        if used & mask:
            continue
        own = order - gain * _GAIN
        if open_end != -1 and open_end != start:
            own += _CHUNK
        following.append((own, end, place + length, used | mask, (place, match, steps)))
        order += place - start if place > start else start - place
    following.append((order if open_end == -1 else order + _CHUNK, -1, next_place, used, steps))


def _table(matches: Sequence[Match]) -> np.ndarray:
    """Gain, start and end of matches, one row each."""
    return np.array([match[:3] for match in matches]).T


def _branch_widely(
    path: _Path, place: int, matches: Sequence[Match], table: np.ndarray, following: list[_Path]
) -> None:
    """`_branch` for words that occur hundreds of times, without the paths that the beam drops in any case.

    Among matches of one gain that begin a new chunk later ones have no shorter distance: the beam keeps the first.
    """
    order, open_end, next_place, used, steps = path
    gains, starts, ends = table
    size = max(int(ends.max()), used.bit_length()) // 8 + 1
    in_use = np.unpackbits(np.frombuffer(used.to_bytes(size, "little"), dtype=np.uint8), bitorder="little")
    counts = np.concatenate([[0], np.cumsum(in_use, dtype=np.int64)])
    free = np.flatnonzero(counts[ends] == counts[starts])
    distances = np.cumsum(np.abs(starts[free] - place))
    kept = starts[free] == open_end
    for gain in np.unique(gains[free]):
        kept[np.flatnonzero(gains[free] == gain)[: BEAM + 1]] = True
    for number in np.flatnonzero(kept).tolist():
        match = matches[free[number]]
        before = int(distances[number - 1]) if number else 0
        own = order + before - match.gain * _GAIN + (open_end not in (-1, match.start)) * _CHUNK
        following.append((own, match.end, place + match.length, used | match.mask, (place, match, steps)))
    order += int(distances[-1]) if len(distances) else 0
    following.append((order if open_end == -1 else order + _CHUNK, -1, next_place, used, steps))
