"""A film: scenes one after the other, how they are joined, what is written and said, how it is encoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np

from panda_hf.mini import speech, world
from panda_hf.mini.world import Scene, Split, pick, random_scene

TransitionKind = Literal["cut", "dissolve", "fade to black", "fade to white"]
Container = Literal["mp4", "mkv", "webm"]
SubtitleFormat = Literal["srt", "vtt"]
TRANSITION_KINDS: tuple[TransitionKind, ...] = get_args(TransitionKind)
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Transition:
    """How one scene becomes the next, from ``start`` to ``end`` seconds; a cut takes no time."""

    kind: TransitionKind
    start: float
    end: float

    @property
    def time(self) -> float:
        """Its middle, seconds: where the one scene ends and the other begins."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class Cue:
    """A subtitle and when it is shown, seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Encoding:
    """What varies between the files of films."""

    container: Container = "mp4"
    key_frame_distance: int = 48
    b_frames: int = 2
    quality: int = 23
    """Constant rate factor: smaller is better."""
    audio: bool = False
    subtitle_format: SubtitleFormat = "srt"


@dataclass(frozen=True)
class Film:
    """A film and the whole truth about it; times in seconds, ``[start, end)``."""

    film_id: str
    seed: int
    split: Split
    scenes: tuple[Scene, ...]
    transitions: tuple[Transition, ...]
    """One between each scene and the next."""
    title: str | None
    description: str | None
    subtitles: tuple[Cue, ...]
    flashes: tuple[tuple[float, float], ...]
    """When a flash of light whitens the picture inside a scene: no cut."""
    fps: float
    size: tuple[int, int]
    """Height and width."""
    encoding: Encoding

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.scenes[-1].end

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return round(self.duration * self.fps)

    @property
    def leader(self) -> float:
        """How long the film is black before the first scene, seconds."""
        return self.scenes[0].start

    @property
    def cuts(self) -> tuple[float, ...]:
        """The times of the hard cuts, the one from black leader to picture among them."""
        black = (self.leader,) if self.leader else ()
        return black + tuple(joint.time for joint in self.transitions if joint.kind == "cut")


def make_film(seed: int, split: Split, scenes: int | None = None) -> Film:
    """Invent a film. Equal arguments give an equal film; no two splits share one.

    Args:
        seed: which film of the split, 0 or more.
        split: decides which subjects may do what (``world.combinations``) and the stream of random numbers.
        scenes: how many scenes, at least 1; ``None`` draws 6 to 10.
    """
    if split not in world.SPLITS or seed < 0 or (scenes is not None and scenes < 1):
        raise ValueError(
            f"make_film(seed={seed}, split={split!r}, scenes={scenes}): seed >= 0, scenes >= 1, {world.SPLITS}"
        )
    rng = world.generator(seed, split)
    fps = _weighted(rng, {12.0: 14, 10.0: 2, 15.0: 2, 24.0: 1, 25.0: 1, 30000 / 1001: 1})
    place = pick(rng, world.PLACES) if rng.random() < 0.25 else None
    shot = _shoot(rng, split, scenes or int(rng.integers(6, 11)), fps, place)
    joints = _join(rng, shot)
    in_title = place is not None and rng.random() < 0.5
    return Film(
        film_id=f"film_{split}_{seed:04d}",
        seed=seed,
        split=split,
        scenes=shot,
        transitions=joints,
        title=speech.write_title(rng, place if in_title else None),
        description=speech.write_description(rng, None if in_title else place),
        subtitles=tuple(cue for scene in shot for cue in _speak(rng, scene, place is not None)),
        flashes=_flashes(rng, shot, fps),
        fps=fps,
        size=_weighted(rng, {(180, 320): 16, (144, 256): 2, (240, 426): 2, (240, 320): 1}),
        encoding=_encoding(rng),
    )


def scene_at(film: Film, start: float, end: float) -> Scene | None:
    """The scene that fills most of ``[start, end)`` seconds, or ``None`` when it fills less than half of it."""

    def shared(scene: Scene) -> float:
        return min(end, scene.end) - max(start, scene.start)

    best = max(film.scenes, key=shared)
    return best if end > start and shared(best) >= 0.5 * (end - start) else None


def _shoot(rng: np.random.Generator, split: Split, count: int, fps: float, place: str | None) -> tuple[Scene, ...]:
    """Draw the scenes; starts and ends lie on frames."""
    long_take, still, again = (int(rng.integers(count)) if rng.random() < 0.35 else None for _ in range(3))
    frame = round(rng.uniform(0.8, 1.5) * fps) if rng.random() < 0.3 else 0
    scenes: list[Scene] = []
    for i in range(count):
        length = round((rng.uniform(10, 15) if i == long_take else rng.uniform(3, 8)) * fps)
        repeated = _repeated(rng, scenes) if i == again and i != long_take else None
        if repeated is not None:
            scene, length = repeated, round(repeated.duration * fps)
        else:
            scene = _new_scene(rng, split, scenes, still=i == still)
        if place and repeated is None:
            scene = dataclasses.replace(scene, name=None, place=place)
        scenes.append(dataclasses.replace(scene, start=frame / fps, end=(frame + length) / fps))
        frame += length
    return tuple(scenes)


def _repeated(rng: np.random.Generator, before: Sequence[Scene]) -> Scene | None:
    """An earlier scene to be shown once more, ``None`` when each is at the same place as the scene just before."""
    choices = [i for i, scene in enumerate(before) if scene.background != before[-1].background]
    if not choices:
        return None
    original = pick(rng, choices)
    return dataclasses.replace(before[original], repeats=original)


def _new_scene(rng: np.random.Generator, split: Split, before: Sequence[Scene], still: bool) -> Scene:
    """A scene elsewhere than the one before: nobody could see a cut between two that look alike."""
    while True:
        scene = random_scene(rng, split, action="rests" if still else None)
        if not before or scene.background != before[-1].background:
            return dataclasses.replace(scene, camera="static", still=True) if still else scene


def _join(rng: np.random.Generator, scenes: Sequence[Scene]) -> tuple[Transition, ...]:
    joints = []
    for scene in scenes[1:]:
        kind = _weighted(rng, dict(zip(TRANSITION_KINDS, (60, 17, 13, 10), strict=True)))
        half = (
            0.0 if kind == "cut" else float(rng.uniform(0.25, 0.5) if kind == "dissolve" else rng.uniform(0.35, 0.7))
        )
        joints.append(Transition(kind, scene.start - half, scene.start + half))
    return tuple(joints)


def _speak(rng: np.random.Generator, scene: Scene, place_told: bool) -> list[Cue]:
    """Spread the sentences over the scene, away from its ends: a clip is trimmed there."""
    sentences = speech.subtitle_cues(scene, rng, place_told=place_told)
    times = np.linspace(scene.start + 0.15 * scene.duration, scene.end - 0.15 * scene.duration, len(sentences) + 1)
    spans = zip(times.tolist(), times.tolist()[1:], sentences, strict=False)
    return [Cue(round(start, 3), round(end - 0.05, 3), text) for start, end, text in spans]


def _flashes(rng: np.random.Generator, scenes: Sequence[Scene], fps: float) -> tuple[tuple[float, float], ...]:
    found = []
    for scene in scenes:
        if rng.random() < 0.08:
            start = round((scene.start + scene.duration * rng.uniform(0.3, 0.7)) * fps) / fps
            found.append((start, start + 3 / fps))
    return tuple(found)


def _encoding(rng: np.random.Generator) -> Encoding:
    return Encoding(
        container=_weighted(rng, dict(zip(get_args(Container), (15, 3, 2), strict=True))),
        key_frame_distance=pick(rng, (12, 30, 48, 96, 250)),
        b_frames=pick(rng, (0, 2, 2, 3)),
        quality=int(rng.integers(20, 29)),
        audio=bool(rng.random() < 0.4),
        subtitle_format="srt" if rng.random() < 0.75 else "vtt",
    )


def _weighted(rng: np.random.Generator, weights: dict[Choice, int]) -> Choice:
    choices = [choice for choice, weight in weights.items() for _ in range(weight)]
    return choices[int(rng.integers(len(choices)))]
