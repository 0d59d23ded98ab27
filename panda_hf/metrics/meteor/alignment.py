"""METEOR's search for the best alignment of a prediction and a reference: a beam from left to right.

It prefers the larger gain, then fewer chunks, then shorter distances, then what came first. Two traits of the
published scorer decide ties and are kept: gains are rounded down, and the distance of a match counts for the paths
that branch off after it from the same path, not for the path that takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from .matching import Found, Match

BEAM = 40
# One number orders paths: less gain counts 2**64, a chunk 2**40, a word of distance 1.
_GAIN, _CHUNK = 1 << 64, 1 << 40
_by_order = itemgetter(0)


class _Path(NamedTuple):
    """A path of the search: its order, where in the prediction its open chunk ends (-1: none is open), the next place
    in the reference, words of the prediction in use, and its last step (place, match, step before)."""

    order: int
    open_end: int
    next_place: int
    used: int
    steps: tuple | None


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
    for place, (matches, own_seen, own_several) in enumerate(found):
        several |= own_several | (seen & own_seen)
        seen |= own_seen
        for match in matches:
            for word in range(place, place + match.length):
                covered[word] += 1
    certain: list[Match | None] = [None] * len(found)
    for place, (matches, _, _) in enumerate(found):
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
    paths = [_Path(0, -1, 0, used, None)]
    for place, (matches, _, _) in enumerate(found):
        if len(paths) > 1:
            paths.sort(key=_by_order)
            del paths[BEAM:]
        sure = certain[place]
        following: list[_Path] = []
        for path in paths:
            if place < path.next_place:
                following.append(path)
            elif sure:
                following.append(_taken(path, place, sure))
            else:
                _branch(path, place, matches, following)
        paths = following
    paths.sort(key=_by_order)
    return min(paths[:BEAM], key=lambda path: path.order + (path.open_end != -1) * _CHUNK).steps


def _taken(path: _Path, place: int, match: Match) -> _Path:
    order, open_end, _, used, steps = path
    order += abs(place - match.start) - match.gain * _GAIN
    if open_end != -1 and open_end != match.start:
        order += _CHUNK
    return _Path(order, match.end, place + match.length, used, (place, match, steps))


def _branch(path: _Path, place: int, matches: Sequence[Match], following: list[_Path]) -> None:
    """Add a path for each match that is still free, then the one that leaves this word of the reference unmatched."""
    order, open_end, _, used, steps = path
    for match in matches:
        gain, start, end, length, _, mask = match
        if used & mask:
            continue
        own = order - gain * _GAIN
        if open_end != -1 and open_end != start:
            own += _CHUNK
        following.append(_Path(own, end, place + length, used | mask, (place, match, steps)))
        order += abs(place - start)
    if open_end != -1:
        order += _CHUNK
    following.append(_Path(order, -1, place + 1, used, steps))
