"""How much of a group of pictures must be decoded, by what its bytes say and by the pictures at its ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from panda_hf.splitting.cut_judge import DIFFERS
from panda_hf.splitting.doubt import ByteRules, GroupDoubt
from panda_hf.splitting.looks import Look, apart
from panda_hf.splitting.open_group import OpenGroup

ALIKE = 0.15
"""Where key frames lie at fixed distances, a group is skipped only if its key frames are nearer than this."""

SAME = 0.05
"""If the next key frame came early and shows the picture of the last one, so near, another was shown between them."""

MOVED, MOVED_LONG = 0.45, 0.6
"""Movement seldom takes key frames farther apart, in short groups and in long ones: one that
ended because it was long enough may end with a shot, or in a dissolve."""

MAY_JUMP = 0.14
"""Key frames that did not have to come and are so far from the last frame seen may be called for by a jump cut. Such
cuts are found nearer, too, but nearer ones are seldom such cuts."""

REST_SECONDS = 1.0
"""If no more of a group would be left out and the next key frame did not have to come, nothing is."""


@dataclass(frozen=True)
class Need:
    """The rules for one video.

    Args:
        rules: what its bytes say.
        fps: frames a second.
        is_black: whether a frame is black.
    """

    rules: ByteRules
    fps: float
    is_black: Callable[[Look], bool]

    def frames(self, doubt: GroupDoubt, length: int, key: Look, next_key: Look | None) -> int:
        """How many frames after the key frame are needed to know what happened in a group.

        Args:
            doubt: what its bytes say.
            length: its frames, the key frame among them.
            key: the key frame.
            next_key: the next one; ``None``: the file ends.
        """
        rest, seeks_cuts = length - 1, self.rules.seeks_cuts
        if next_key is None:
            return doubt.inside if seeks_cuts else rest
        if doubt.irregular and doubt.inside and rest - doubt.inside <= REST_SECONDS * self.fps:
            return rest
        distance = apart(key, next_key)
        if doubt.irregular and distance < SAME and not doubt.thrifty:
            return rest
        if doubt.even and distance >= MAY_JUMP:
            return rest
        if doubt.irregular or distance < (DIFFERS if seeks_cuts else ALIKE):
            return doubt.inside
        if not seeks_cuts or doubt.thrifty or self.is_black(next_key):
            return rest
        if not self.is_far(length, key, next_key):
            return doubt.inside
        return max(doubt.inside, doubt.turned) if doubt.turned and self.rules.is_long(length) else rest

    def may_end_early(self, doubt: GroupDoubt, length: int, key: Look, next_key: Look | None) -> bool:
        """Whether all of a group is needed only because the next key frame shows another picture: no more than up to
        where that is seen; the arguments are those of :meth:`frames`."""
        if next_key is None or not self.rules.seeks_cuts or doubt.irregular or doubt.even or doubt.thrifty:
            return False
        if self.is_black(next_key):
            return False
        return self.frames(doubt, length, key, next_key) > max(doubt.inside, doubt.turned)

    def is_far(self, length: int, key: Look, next_key: Look) -> bool:
        """Whether the ends of a group of so many frames are so different that movement seldom explains it."""
        return apart(key, next_key) >= (MOVED_LONG if self.rules.is_long(length) else MOVED)

    def is_unexplained(self, doubt: GroupDoubt, key: Look, last: Look, next_key: Look | None) -> bool:
        """Whether what turned the picture of a group that was long enough must lie behind the ``last`` frame seen."""
        if next_key is None or doubt.irregular or not doubt.turned or not self.rules.seeks_cuts:
            return False
        return all(self.is_far(next_key.frame - look.frame, look, next_key) for look in (key, last))

    def may_be_movement(self, doubt: GroupDoubt, last: Look, following: OpenGroup | None) -> bool:
        """Whether movement, or the end of a dissolve, may have called for the key frame of the next group, where that
        seems to begin a shot, held against the last frame seen before it."""
        if following is None or not doubt.irregular:
            return False
        distance = apart(last, following.key)
        if distance < DIFFERS:
            return False
        return doubt.stirred or doubt.is_agitated(distance >= MOVED_LONG) or following.moves_fast()

    def may_be_jump(self, doubt: GroupDoubt, last: Look, next_key: Look | None) -> bool:
        """Whether a key frame that did not have to come, and shows nearly what the last frame seen does, may be called
        for by a jump cut."""
        return next_key is not None and doubt.irregular and MAY_JUMP <= apart(last, next_key) < DIFFERS
