"""What becomes of frames that were looked at group by group: those that are due, or where something happens, go on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy

from panda_hf.splitting.collect import Clock, Collector, Scan
from panda_hf.splitting.gradual import stride_of
from panda_hf.splitting.looks import Look
from panda_hf.splitting.scores import is_full_range
from panda_hf.splitting.settings import SplitSettings
from panda_hf.splitting.shots import BlackWatch, Boundary
from panda_hf.splitting.stillness import StillWatch
from panda_hf.video import VideoInfo
from panda_hf.video.packets import PacketIndex


class Outlet:
    """Takes looked-at frames in order of time, with the cuts among them, and hands on what makes a :class:`Scan`.

    Args:
        info: what the video is.
        fps: its mean frame rate.
        index: its packets.
        settings: the rules.
        describe_probes: whether to compute descriptors of the probe frames.
    """

    def __init__(
        self, info: VideoInfo, fps: float, index: PacketIndex, settings: SplitSettings, *, describe_probes: bool
    ) -> None:
        self._index, self._clock = index, Clock.of(info)
        self._collector = Collector(info, self._clock, settings, lag=0, describe_probes=describe_probes)
        self._black = BlackWatch(settings, fps, is_full_range(info.pixel_format))
        self._shot = StillWatch(settings.still_distance)
        self._every, self._due = every_of(fps, settings), 0  # whether or not anything happens there
        self._least, self._last_cut = settings.min_shot_frames, 0
        self.last_frame = -1
        """The last frame that was not passed over."""
        self.before: Look | None = None
        """The last frame taken."""

    @property
    def moves(self) -> bool:
        """Whether movement was seen in the shot that is open."""
        return self._shot.moves

    def black(self) -> BlackWatch:
        """What is known of black after the last frame, to be fed with those that follow."""
        return copy(self._black)

    def take(self, run: Sequence[Look], cuts: Collection[int]) -> None:
        """Take frames, with the positions among them at which there are cuts."""
        for position, look in enumerate(run):
            is_cut = position in cuts and look.frame - self._last_cut >= self._least
            if is_cut:
                self._last_cut = look.frame
            self.take_one(look, is_cut=is_cut)
        self.before = run[-1]
        if len(run) > 1:
            self._shot.note(run[-1])

    def take_one(self, look: Look, *, is_cut: bool = False) -> None:
        """Take a frame, or pass over it."""
        is_due = look.frame >= self._due or look.is_due
        if not (is_due or is_cut or self._black.is_near(look.yuv)):
            return
        if look.frame >= self._due:
            self._due = look.frame + self._every
        tick = self._clock.tick(look.frame, float(self._index.times[look.frame]))
        step, self.last_frame = look.frame - self.last_frame, look.frame
        boundaries = self._black.feed(tick, look.yuv, step) + ([Boundary(tick, "cut")] if is_cut else [])
        if is_due or boundaries:
            self._collector.take(tick, look, boundaries)
        if boundaries or not self._shot.has_begun:
            self._shot.begin(look)
        elif look.is_due:
            self._shot.note(look)

    def note(self, look: Look) -> None:
        """Whether anything moves is seen by this frame too, which is not taken, or not yet."""
        self._shot.note(look)

    def finish(self, decoded: int) -> Scan:
        """All frames were taken, of so many ``decoded``."""
        return self._collector.finish(self._index.times.tolist(), self._index.end, None, decoded)


def every_of(fps: float, settings: SplitSettings) -> int:
    """Of so many frames one is looked at for more than cuts and black; a network wants to see all."""
    return 1 if settings.gradual == "learned" else stride_of(fps)
