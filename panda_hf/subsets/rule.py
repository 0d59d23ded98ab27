"""`Subset`: the rule that says which clips of a dataset are in a curated split."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from panda_hf.rights import OptOut
from panda_hf.subsets import keywords as words
from panda_hf.subsets.column_limit import Limit
from panda_hf.subsets.video_ids import VideoIds

DESIRABLE = "desirable"
"""The label of ``desirable_filtering`` that stands for none of the five faults the release marks."""
Pick = Literal["best", "first", "random"]
Match = Literal["any", "all"]


@dataclass(frozen=True, kw_only=True)
class Subset:
    """Which clips are in. A clip is in when it passes every rule that is set; the rules are tried in this order.

    A clip whose value is not known (``None``, or not a number) never passes a rule that asks for it. What is drawn at
    random is drawn by a hash of the seed and the id, so it depends on neither the order nor the files of the source,
    and a larger draw with the same seed holds the smaller one.
    """

    opt_out: OptOut = OptOut()
    """Videos and channels to leave out."""
    disjoint_from: VideoIds = VideoIds()
    """Videos to leave out, such as those of a test set."""
    above_score: float | None = None
    """``matching_score`` must be greater than this; the release's own limit for its 10M is 0.43."""
    min_score: float | None = None
    """``matching_score`` must be at least this."""
    max_score: float | None = None
    """``matching_score`` must be at most this."""
    desirable: bool | tuple[str, ...] = False
    """``desirable_filtering`` must be ``desirable``, or one of these labels."""
    single_shot: bool = False
    """``shot_boundary_detection`` must hold one shot."""
    min_seconds: float | None = None
    """A clip must last at least so long."""
    max_seconds: float | None = None
    """A clip must last at most so long."""
    limits: tuple[Limit, ...] = ()
    """Limits on columns of numbers, such as those that ``panda-hf measure`` appends."""
    keywords: tuple[str, ...] = ()
    """Words or phrases that ``caption`` must hold, as whole words, whatever their case."""
    match: Match = "any"
    """Whether one of ``keywords`` is enough."""
    exclude_keywords: tuple[str, ...] = ()
    """Words or phrases of which ``caption`` must hold none."""
    max_clips_per_video: int | None = None
    """Of the clips of a video that passed so far, keep so many at most."""
    exactly_per_video: int | None = None
    """Keep just so many clips of a video, and none of a video with fewer."""
    pick: Pick = "random"
    """Which clips of a video to keep: those with the highest scores, the earliest, or a random draw."""
    max_videos: int | None = None
    """Keep a random draw of so many videos."""
    max_clips: int | None = None
    """Keep a random draw of so many clips."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_clips_per_video is not None and self.exactly_per_video is not None:
            raise ValueError("max_clips_per_video and exactly_per_video exclude each other; give one of them")
        if self.max_clips is not None and self.exactly_per_video is not None:
            raise ValueError("max_clips would leave videos with fewer clips than exactly_per_video; give max_videos")
        for name in ("max_clips_per_video", "exactly_per_video", "max_videos", "max_clips"):
            if (count := getattr(self, name)) is not None and count < 1:
                raise ValueError(f"{name}={count}; it must be at least 1")
        for name in ("above_score", "min_score", "max_score", "min_seconds", "max_seconds"):
            if (limit := getattr(self, name)) is not None and not math.isfinite(limit):
                raise ValueError(f"{name}={limit}; it must be a finite number, or be left out")
        _check_range("score", self.min_score, self.max_score)
        _check_range("score", self.above_score, self.max_score, above=True)
        _check_range("seconds", self.min_seconds, self.max_seconds)
        for name, known in (("pick", get_args(Pick)), ("match", get_args(Match))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}; it must be one of {', '.join(known)}")
        for name in ("keywords", "exclude_keywords"):
            object.__setattr__(self, name, tuple(words.normalized(word) for word in getattr(self, name)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of ``desirable_filtering`` that pass; empty: it is not asked for."""
        if isinstance(self.desirable, bool):
            return (DESIRABLE,) if self.desirable else ()
        return self.desirable

    @property
    def per_video(self) -> int | None:
        """How many clips of a video are kept at most; ``None``: all."""
        return self.exactly_per_video or self.max_clips_per_video

    @property
    def asks_score(self) -> bool:
        """Whether the score of a clip matters."""
        limits = (self.above_score, self.min_score, self.max_score)
        return any(map(_given, limits)) or (self.per_video is not None and self.pick == "best")

    @property
    def asks_times(self) -> bool:
        """Whether start and end of a clip matter."""
        if self.per_video is not None and self.pick == "first":
            return True
        return self.min_seconds is not None or self.max_seconds is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns this rule reads; a dataset must have them."""
        needed = {
            "video_id": bool(self.disjoint_from) or _given(self.per_video) or _given(self.max_videos),
            "clip_id": _given(self.max_clips) or (_given(self.per_video) and self.pick == "random"),
            "matching_score": self.asks_score,
            "desirable_filtering": bool(self.labels),
            "shot_boundary_detection": self.single_shot,
            "start": self.asks_times,
            "end": self.asks_times,
            **{limit.column: True for limit in self.limits},
            "caption": bool(self.keywords or self.exclude_keywords),
        }
        return tuple(name for name, is_needed in needed.items() if is_needed)

    def as_dict(self) -> dict[str, Any]:
        """The rule for a record, without what is left open; of lists of videos only their number and digest."""
        shown: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "seed" or value != field.default:
                shown[field.name] = list(map(_plain, value)) if isinstance(value, tuple) else value
        if self.opt_out:
            shown["opt_out"] = {"entries": len(self.opt_out), "digest": self.opt_out.digest}
        if self.disjoint_from:
            shown["disjoint_from"] = self.disjoint_from.as_dict()
        return shown

    def in_words(self) -> list[str]:
        """The rule as phrases, in the order in which it is tried; keywords and labels are untrusted text."""
        low, high, picked = self.min_seconds, self.max_seconds, _PICKED[self.pick]
        said = {
            "without those opted out": bool(self.opt_out),
            f"videos not in {', '.join(self.disjoint_from.names) or 'a given list'}": bool(self.disjoint_from),
            f"matching score above {self.above_score}": _given(self.above_score),
            f"matching score at least {self.min_score}": _given(self.min_score),
            f"matching score at most {self.max_score}": _given(self.max_score),
            f"labelled {' or '.join(self.labels)}": bool(self.labels),
            "a single shot": self.single_shot,
            f"at least {low} s": _given(low),
            f"at most {high} s": _given(high),
            ", ".join(map(str, self.limits)): bool(self.limits),
            f"caption with {_listed(self.keywords, self.match)}": bool(self.keywords),
            f"caption without {_listed(self.exclude_keywords, 'any')}": bool(self.exclude_keywords),
            f"at most {self.max_clips_per_video} of each video, {picked}": _given(self.max_clips_per_video),
            f"exactly {self.exactly_per_video} of each video, {picked}": _given(self.exactly_per_video),
            f"videos drawn at random: {self.max_videos}": _given(self.max_videos),
            f"clips drawn at random: {self.max_clips}": _given(self.max_clips),
        }
        return [phrase for phrase, is_set in said.items() if is_set] or ["every clip"]


_PICKED = {"best": "best score first", "first": "earliest first", "random": "drawn at random"}


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Limit) else value


def _given(value: object) -> bool:
    return value is not None


def _check_range(what: str, low: float | None, high: float | None, *, above: bool = False) -> None:
    if low is not None and high is not None and (low > high or (above and low == high)):
        least = f"above {low}" if above else f"at least {low}"
        raise ValueError(f"the {what} would have to be {least} and at most {high}: nothing passes")


def _listed(keywords: tuple[str, ...], match: str) -> str:
    return (" or " if match == "any" else " and ").join(f"“{word}”" for word in keywords)
