"""Where something may have happened inside a group of pictures, by the bytes its frames take. Pure NumPy.

An encoder that looks for cuts puts a key frame on each, unless one was there less than about a second before. A cut
inside a group then lies near its beginning, and a frame of many bytes betrays it. An encoder that puts key frames at
fixed distances leaves cuts anywhere. A dissolve or fade takes many bytes for a while.

The thresholds were chosen on the files of ``docs/splitting-measured.md`` that are named there as tuned on.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from panda_hf.splitting.drops import BEFORE_FRAMES as BEFORE_DROP
from panda_hf.splitting.drops import NOTHING_BYTES, drop_of
from panda_hf.splitting.sequences import Booleans, last_of, windows
from panda_hf.splitting.swells import Swells

if TYPE_CHECKING:
    from panda_hf.video.encoder_options import EncoderOptions
    from panda_hf.video.packets import PacketIndex

Sizes = npt.NDArray[np.int64]

MIN_MEAN_FRAMES = 24
"""Key frames closer together than this cost more than they save."""

MAX_GROUP_SECONDS, MAX_GROUP_BYTES = 30.0, 2**26
"""Longer or bigger groups are neither skipped nor held in memory: the whole video is decoded."""

NEIGHBOURS = 12
"""A frame is held against so many frames on either side."""

BIG_AMONG_NEIGHBOURS = 0.85
"""The neighbours' size that counts: this quantile, since every second or fourth frame is bigger than those between."""

OTHERS, BIG_AMONG_OTHERS = 4, 0.5
"""One that is no B-frame also against so many on either side that are none, and this quantile: of many B-frames in a
row all are small."""

SPIKE, SPIKE_OF_KEY = 2.0, 0.25
"""A frame so many times as big as its neighbours, and as this share of a key frame, may be the first of a shot."""

LATE_SPIKE, LATE_SPIKE_OF_KEY = 3.0, 0.6
"""Later in a group an encoder that looks for cuts seldom misses one; its frame is nearly as big as a key frame. Few
are three to five times as big as those around them, and few of these lie on cuts: one of 92 in 456 films, but also the
cut in one of the clips of Panda-70M that are at hand."""

SLIGHT, SLIGHT_OF_KEY = 1.8, 0.15
"""A frame so many times as big as its neighbours, and as this share of the key frame before it, may be a jump cut,
late in a group where an encoder looks for cuts: it is looked at alone."""

AFTER_SPIKE = 3
"""To judge a frame that may begin a shot, so many after it are looked at."""

HEAD_SECONDS, HEAD_OF_LONGEST = 1.0, 0.1
"""So soon after a key frame, or within such a share of the longest distance between them, an encoder that looks for
cuts may place no other (x264 takes the shorter of the two if it is not told otherwise)."""

HUSH, HUSH_FRAMES, HUSH_BUSIER = 0.035, 5, 0.7
"""The biggest of so many frames in a row is so small a share of what it is elsewhere (this quantile): black, or a
still picture, between moving ones. Every second or fourth frame is always small."""
HUSH_BYTES, HUSH_BETWEEN = 25, 4.0
"""So few bytes do too, if elsewhere there are so many times more."""

LONG_SECONDS = 4.0
"""In groups so long movement goes far, and an encoder asks little of a cut at their end."""

AGITATED, AGITATED_FAR = 0.3, 0.4
"""The last frames before a key frame are so big, held against it, that movement may have called for it, not a cut: the
one between pictures alike, the other between such as are far apart."""
TAIL_FRAMES = 4

NEARLY_DUE = 0.8
"""The longer a group, the less x264 asks of a cut: early that a frame costs nine tenths as much with reference to the
last as without, in groups of so much of the longest two thirds (``scenecut_internal``)."""

STIRRED, STIRRED_OF_KEY, BEFORE_FRAMES = 1.25, 0.1, 36
"""Or they are so many times as big as those before them, of which so many count, and not next to nothing beside the
key frame: something comes into a calm picture. A cut does not show in the frames before it."""

CALM_AFTER, CALM_BEFORE, CALM_OF_KEY, NO_RISE, CALM_SECONDS = 3, 6, 0.2, 1.1, 0.48
"""What moves so that a key frame is called for goes on moving. It was no movement if so many frames after it are so
small beside it, so many before it at most so many times as big as is usual in their group, and no light changed for so
long before it; B-frames do not count."""

SETTLED_OF_KEY = 0.5
"""Nor if all had become calm before it: if the last frame, held against what is usual, and the biggest after it, held
against so much of the key frame, come to less than 1. Of 140 groups in 83 films at whose end movement was to be looked
for, and there was no cut, that leaves out one."""

LIVELY = 0.35
"""The biggest of ``CALM_AFTER`` frames right after a key frame takes so much of it where fast movement began there."""

WORTH_A_PICTURE = 3.0
"""So many times the bytes of a key frame, and movement may have turned one picture into another."""

LEAST_KEY = 0.3
"""Key frames of a flash or of black are small: no frame is held against less than this share of the usual one."""

IRREGULAR_SHARE = 0.2
"""An encoder looks for cuts where at least so many groups are shorter than the longest."""

REGULAR_SHARE = 0.995
"""A group of so nearly the longest length ended because it was long enough."""


def is_worth_it(index: PacketIndex) -> bool:
    """Whether a video's groups of pictures are long enough to skip and short enough to hold."""
    spans = index.groups
    if len(index.times) < MIN_MEAN_FRAMES * len(spans):
        return False
    ends = [*index.times[index.keys[1:]].tolist(), index.end]
    longest = max(end - start for start, end in zip(index.times[index.keys].tolist(), ends, strict=True))
    biggest = int(np.add.reduceat(index.sizes, index.keys).max())
    return longest <= MAX_GROUP_SECONDS and biggest <= MAX_GROUP_BYTES


@dataclasses.dataclass(frozen=True)
class GroupDoubt:
    """What the bytes say of one group.

    ``inside``: the last frame, counted from the key frame, that must be decoded; 0: none. ``irregular``: the next key
    frame came earlier than it had to. ``agitation``: the biggest of the frames before the next key frame, held against
    that; 0 if all is calm after that one and nothing rose before it; infinite if it was nearly due: an encoder then
    asks less of a cut (calm counts there only in long groups, of an encoder that told how long they may become).
    ``nothing``: every frame says no more than that nothing changes. ``stirred``: the frames before the next key frame
    are bigger than those before them. ``thrifty``: the bytes would not do to turn the picture into another one.
    ``turned``: the last of the frames of which light or bytes tell, be it little, that they may have turned the
    picture into another one; 0: no light is known to change. ``drop``: the frame with which next to no bytes begin to
    follow at once, so that the picture may be black from there on; 0: none. ``before``: what ``inside`` is if nothing
    counts from that frame on. ``lively``: the first frames are so big beside its own key frame that fast movement may
    have begun with that. ``spikes``: of the frames that may begin a shot because they are big those long after the key
    frame, counted from it. ``besides``: what ``inside`` is if none of these does. ``slight``: they and
    late ones less big, of which only a look at them tells. ``even``: the next key frame may have been asked for, or
    shots may be of one length; only the pictures tell.
    """

    inside: int
    irregular: bool
    agitation: float
    stirred: bool
    nothing: bool
    thrifty: bool
    turned: int = 0
    drop: int = 0
    before: int = 0
    lively: bool = False
    spikes: tuple[int, ...] = ()
    besides: int = 0
    slight: tuple[int, ...] = ()
    even: bool = False

    def up_to_spike(self, spike: int) -> GroupDoubt:
        """The same if a frame so long after the key frame may begin a shot."""
        return dataclasses.replace(self, inside=max(self.inside, spike + AFTER_SPIKE))

    def without_spikes(self, count: int) -> GroupDoubt:
        """The same if the last ``count`` of the spikes begin no shot."""
        kept = self.spikes[: len(self.spikes) - count]
        inside = max(self.besides, kept[-1] + AFTER_SPIKE) if kept else self.besides
        return dataclasses.replace(self, spikes=kept, inside=min(self.inside, inside))

    def is_agitated(self, is_far: bool = False) -> bool:
        """Whether movement may have called for the next key frame; ``is_far``: to which it would have to go far."""
        return self.agitation >= (AGITATED_FAR if is_far else AGITATED)


class _Frames(NamedTuple):
    """What is known of the frames of a group after its key frame, [n] each; see :class:`ByteRules`."""

    sizes: npt.NDArray[np.float64]
    others: Booleans
    intra: Booleans
    fading: Booleans | None

    def first(self, count: int) -> _Frames:
        fading = None if self.fading is None else self.fading[:count]
        return _Frames(self.sizes[:count], self.others[:count], self.intra[:count], fading)


class ByteRules:
    """The rules for one video.

    Args:
        sizes: bytes of each frame, as shown.
        groups: each key frame and the frames after it, half-open.
        fps: mean frame rate.
        intra: whether each frame is known to be coded without others; ``None``: no more is known than the key frames.
        bidirectional: whether each is known to be a B-frame; ``None``: of none.
        told: what the encoder says that it looked for; ``None``: it is judged by the lengths of the groups.
        fading: whether each is coded from another made brighter or darker; ``None``: that is not known.
    """

    def __init__(
        self,
        sizes: Sizes,
        groups: list[tuple[int, int]],
        fps: float,
        intra: Booleans | None = None,
        bidirectional: Booleans | None = None,
        told: EncoderOptions | None = None,
        fading: Booleans | None = None,
    ) -> None:
        self._sizes, self._groups, self._fps = sizes, groups, fps
        self._intra = np.zeros(len(sizes), bool) if intra is None else intra
        self._bidirectional = np.zeros(len(sizes), bool) if bidirectional is None else bidirectional
        lengths = np.array([last - first for first, last in groups[:-1]] or [groups[0][1]])
        self._regular_length = REGULAR_SHARE * lengths.max()
        self._repeats = int(np.sum(lengths >= self._regular_length)) > 1
        self._told = told
        self._asked_for = _asked_for([first for first, _ in groups], int(lengths.max()))
        varies = bool(np.mean(lengths < self._regular_length) >= IRREGULAR_SHARE)
        self.seeks_cuts = varies if told is None else told.seeks_cuts
        """Whether the encoder put key frames where shots begin."""
        self._is_even = self._are_even(int(lengths.max()))
        self._fading = fading if self.seeks_cuts else None
        self._swells = Swells(fps, self.seeks_cuts)
        self._least_key = LEAST_KEY * float(np.median(sizes[[first for first, _ in groups]]))
        longest = (told.longest if told is not None else None) or 0
        self._head = max(2, round(HEAD_SECONDS * fps), round(HEAD_OF_LONGEST * longest))

    @classmethod
    def of(cls, index: PacketIndex, fps: float) -> ByteRules:
        """The rules for a video of so many frames a second."""
        known = index.intra, index.bidirectional, index.encoder, index.fading
        return cls(index.sizes, index.groups, fps, *known)

    def doubt(self, number: int) -> GroupDoubt:
        """What the bytes say of the ``number``-th group."""
        first, last = self._groups[number]
        frames = self._frames(first, last)
        irregular = self.seeks_cuts and not self._had_to_end(first, last)
        if last - first == 1:
            return GroupDoubt(0, irregular, 0.0, False, True, True)
        next_key = self._sizes[last] if last < len(self._sizes) else self._sizes[first]
        key = max(self._least_key, min(self._sizes[first], next_key))
        likely, spikes, slight = self._spikes(frames, key, max(self._least_key, self._sizes[first]))
        late = self._late(frames)
        besides = self._besides_spikes(frames, key)
        inside = max(besides, last_of(likely, AFTER_SPIKE))
        drop, before = self._drop(frames, key) if inside else (0, 0)
        return GroupDoubt(
            inside,
            irregular,
            0.0 if self._is_calm(first, last) else self._agitation(frames.sizes, next_key),
            _is_stirred(frames.sizes, next_key),
            bool(frames.sizes.max() <= NOTHING_BYTES),
            bool(frames.sizes.sum() < WORTH_A_PICTURE * key),
            self._turned(frames.fading, spikes),
            drop,
            before,
            self._is_lively(first, last),
            _places(late & likely),
            max(besides, last_of(likely & ~late, AFTER_SPIKE)),
            _places(late & slight),
            self._is_even and last in self._asked_for,
        )

    def _are_even(self, distance: int) -> bool:
        """Whether key frames lie at one ``distance``, less than the encoder had to keep, and none lies elsewhere, or
        one between most of them: they were asked for, or shots are of one length."""
        longest = None if self._told is None else self._told.longest
        if longest is not None and distance >= REGULAR_SHARE * longest:
            return False
        whole = sum(first in self._asked_for and last in self._asked_for for first, last in self._groups)
        asked_for = len(self._asked_for)
        return asked_for > 0 and (asked_for == len(self._groups) or 2 * whole < asked_for)

    def _frames(self, first: int, last: int) -> _Frames:
        here = slice(first + 1, last)
        fading = None if self._fading is None else self._fading[here]
        return _Frames(self._sizes[here].astype(float), ~self._bidirectional[here], self._intra[here], fading)

    def _besides_spikes(self, frames: _Frames, key: float) -> int:
        """What ``inside`` of :class:`GroupDoubt` is if no frame is too big for its neighbours."""
        return max(
            last_of(frames.intra, AFTER_SPIKE),
            last_of(_hushes(frames.sizes), 2 * HUSH_FRAMES),
            self._swells.last(frames.sizes, key, frames.fading, frames.others),
        )

    def _late(self, frames: _Frames) -> Booleans:
        """Those frames of which a look at them alone may tell whether they begin a shot: where cuts seldom lack a key
        frame, those that refer to none but frames before them."""
        late = frames.others & ~frames.intra
        late[: self._head if self.seeks_cuts else len(late)] = False
        return late

    def _turned(self, fading: Booleans | None, spikes: Booleans) -> int:
        """See :class:`GroupDoubt`."""
        if fading is None or not fading.any():
            return 0
        return max(last_of(fading, self._swells.around), last_of(spikes, AFTER_SPIKE))

    def _drop(self, frames: _Frames, key: float) -> tuple[int, int]:
        """See :class:`GroupDoubt`: ``drop`` and ``before``."""
        drop = drop_of(frames.sizes, frames.others) if self.seeks_cuts else 0
        earlier = frames.first(max(0, drop - 1))
        if not drop or (earlier.fading is not None and earlier.fading[-BEFORE_DROP:].any()):
            return 0, 0
        before = max(self._besides_spikes(earlier, key), last_of(self._spikes(earlier, key, key)[0], AFTER_SPIKE))
        return (drop, before) if not before or before < drop - BEFORE_DROP else (0, 0)

    def is_long(self, length: int) -> bool:
        """Whether a group of so many frames is long."""
        return length >= LONG_SECONDS * self._fps

    def _had_to_end(self, first: int, last: int) -> bool:
        """Whether a group became as long as the encoder lets them, or ended where its user asked for a key frame."""
        if self._told is None:
            return self._repeats and last - first >= self._regular_length
        is_full = self._told.longest is not None and last - first >= REGULAR_SHARE * self._told.longest
        return is_full or last in self._asked_for

    def _agitation(self, sizes: npt.NDArray[np.float64], next_key: float) -> float:
        """That of a group by its frames after the key frame; see :class:`GroupDoubt`."""
        return np.inf if self._is_nearly_due(1 + len(sizes)) else float(sizes[-TAIL_FRAMES:].max() / next_key)

    def _is_calm(self, first: int, last: int) -> bool:
        """Whether all is calm after the next key frame and nothing rose before it."""
        if self._is_nearly_due(last - first) and (self._told is None or not self.is_long(last - first)):
            return False
        span = round(CALM_SECONDS * self._fps)
        if self._fading is not None and self._fading[max(first + 1, last - span) : last].any():
            return False
        after = self._others(last + 1, last + 1 + span)[:CALM_AFTER]
        before = self._others(first + 1, last)
        if not (len(before) and len(after)) or self._sizes[last] < self._least_key:
            return False
        usual, key = np.median(before) + 1, float(self._sizes[last])
        if before[-1] / usual + after.max() / (SETTLED_OF_KEY * key) < 1:
            return True
        return bool(after.mean() < CALM_OF_KEY * key and before[-CALM_BEFORE:].max() < NO_RISE * usual)

    def _is_lively(self, first: int, last: int) -> bool:
        """Whether much moves in the first frames of a group."""
        after = self._others(first + 1, last)[:CALM_AFTER]
        return bool(len(after) and after.max() >= LIVELY * max(self._least_key, self._sizes[first]))

    def _others(self, first: int, last: int) -> Sizes:
        """Bytes of those frames of a stretch that are no B-frames."""
        return self._sizes[first:last][~self._bidirectional[first:last]]

    def _is_nearly_due(self, length: int) -> bool:
        """Whether a group is nearly as long as the encoder lets them become, or as any is."""
        longest = self._regular_length if self._told is None else self._told.longest
        return longest is not None and length >= NEARLY_DUE * longest

    def _spikes(self, frames: _Frames, key: float, own: float) -> tuple[Booleans, Booleans, Booleans]:
        """Those that may be the first of a shot; those with the ones where an encoder would seldom miss one; and such
        as are looked at alone, held against the key frame of their ``own`` group."""
        sizes, others = frames.sizes, frames.others
        usual = _usual(sizes, NEIGHBOURS, BIG_AMONG_NEIGHBOURS)
        if OTHERS < np.count_nonzero(others) < len(sizes):
            usual[others] = np.maximum(usual[others], _usual(sizes[others], OTHERS, BIG_AMONG_OTHERS))
        spikes = (sizes >= SPIKE * usual) & (sizes >= SPIKE_OF_KEY * key)
        likely = spikes.copy()
        if self.seeks_cuts:
            late = (sizes >= LATE_SPIKE * usual) & (sizes >= LATE_SPIKE_OF_KEY * key)
            likely[self._head :] &= late[self._head :]
        return likely, spikes, (sizes >= SLIGHT * usual) & (sizes >= SLIGHT_OF_KEY * own)


def _asked_for(keys: list[int], distance: int) -> frozenset[int]:
    """Those key frames that lie ``distance`` apart, give or take one frame, if they do so up to the end; else none."""
    if distance < 2:  # so near each other that the same one would be found again
        return frozenset()
    known, found = set(keys), [keys[0]]
    while keys[-1] - found[-1] >= distance - 1:
        ahead = (found[-1] + distance + more for more in (0, -1, 1))
        following = next((place for place in ahead if place in known), None)
        if following is None:
            return frozenset()
        found.append(following)
    return frozenset(found) if len(found) > 2 else frozenset()


def _places(where: Booleans) -> tuple[int, ...]:
    """The frames marked, counted from the key frame."""
    return tuple((where.nonzero()[0] + 1).tolist())


def _is_stirred(sizes: npt.NDArray[np.float64], next_key: float) -> bool:
    """Whether the last frames are bigger than those before them."""
    tail, before = sizes[-TAIL_FRAMES:], sizes[-TAIL_FRAMES - BEFORE_FRAMES : -TAIL_FRAMES]
    if len(before) < TAIL_FRAMES:
        return False
    return bool(tail.mean() >= STIRRED * before.mean() and tail.max() >= STIRRED_OF_KEY * next_key)


def _hushes(sizes: npt.NDArray[np.float64]) -> Booleans:
    """Where next to no bytes begin to follow."""
    if len(sizes) < HUSH_FRAMES:
        return np.zeros(0, bool)
    most = windows(sizes, HUSH_FRAMES).max(axis=1)
    busy = np.quantile(most, HUSH_BUSIER)
    hushed = most <= max(HUSH * busy, min(HUSH_BYTES, busy / HUSH_BETWEEN))
    return np.asarray(hushed & ~np.concatenate([[False], hushed[:-1]]), np.bool_)


def _usual(sizes: npt.NDArray[np.float64], neighbours: int, quantile: float) -> npt.NDArray[np.float64]:
    """For each frame the size of the bigger ones around it."""
    reach = min(neighbours, len(sizes) - 1)
    reflected = np.concatenate([sizes[reach:0:-1], sizes, sizes[-2 : -2 - reach : -1]])
    around = windows(reflected, 2 * reach + 1)
    return np.sort(around, axis=1)[:, int(around.shape[1] * quantile)] + 1
