"""Draw scenes and films: any frame at any time, without drawing the ones before it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from panda_hf.mini.backdrops import paint_backdrop
from panda_hf.mini.film import Film, Transition
from panda_hf.mini.motion import MARGINS, RADII, Pose, View, companion_poses, subject_pose, view
from panda_hf.mini.sprites import SPRITE_REACH, draw_sprite
from panda_hf.mini.world import Scene

DEFAULT_SIZE = (180, 320)
"""Height and width."""

Frame = NDArray[np.uint8]


def render_scene_frames(scene: Scene, times: Sequence[float], size: tuple[int, int] = DEFAULT_SIZE) -> Frame:
    """Draw a scene at ``times``, seconds from its start.

    Args:
        scene: what to draw. Times before it or after it show its first or last moment.
        times: seconds.
        size: height and width in pixels. Sizes other than 16:9 show the same, squeezed; below 180 rows the frame is
            drawn at 180 and averaged down, as a player would.

    Returns:
        uint8 RGB [len(times), height, width, 3].
    """
    native = size if size[0] >= DEFAULT_SIZE[0] else DEFAULT_SIZE
    painter = _painter(scene, native)
    frames = np.empty((len(times), *size, 3), np.uint8)
    for i, time in enumerate(times):
        frame = painter.draw(time)
        frames[i] = frame if native == size else cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA)
    return frames


def render_frames(film: Film, times: Sequence[float]) -> Frame:
    """Draw a film at ``times``, seconds, in any order; times outside show its first or last moment.

    Returns:
        uint8 RGB [len(times), height, width, 3] of the film's own size.
    """
    return np.stack([_film_frame(film, min(max(0.0, time), film.duration - 1e-6)) for time in times])


def render_film(film: Film) -> Iterator[Frame]:
    """Draw every frame of a film in order, each uint8 RGB [height, width, 3]; frame ``i`` is shown at ``i / fps``."""
    for i in range(film.frame_count):
        yield _film_frame(film, (i + 0.01) / film.fps)


def _film_frame(film: Film, time: float) -> Frame:
    if time < film.leader:
        return np.zeros((*film.size, 3), np.uint8)
    index = max(i for i, scene in enumerate(film.scenes) if scene.start <= time)
    frame = _scene_frame(film, index, time)
    for i, joint in enumerate(film.transitions):
        if joint.start <= time < joint.end:
            frame = _mixed(film, i, joint, time, frame)
    if any(start <= time < end for start, end in film.flashes):
        frame = _mix(np.full_like(frame, 255), frame, 0.25)
    return frame


def _scene_frame(film: Film, index: int, time: float) -> Frame:
    scene = film.scenes[index]
    return render_scene_frames(scene, [time - scene.start], film.size)[0]


def _mixed(film: Film, index: int, joint: Transition, time: float, frame: Frame) -> Frame:
    """The frame in the middle of transition ``index``; ``frame`` is the one without it."""
    passed = (time - joint.start) / (joint.end - joint.start)
    if joint.kind == "dissolve":
        old, new = (_scene_frame(film, i, time) for i in (index, index + 1))
        return _mix(old, new, passed)
    shown = abs(2 * passed - 1)
    paper = np.full_like(frame, 255 if joint.kind == "fade to white" else 0)
    return _mix(paper, frame, shown)


def _mix(under: Frame, over: Frame, opacity: float) -> Frame:
    return np.asarray(cv2.addWeighted(under, 1 - opacity, over, opacity, 0), np.uint8)


class _Painter:
    """A scene with its backdrop and sprites drawn, ready for any moment."""

    def __init__(self, scene: Scene, size: tuple[int, int]) -> None:
        self.scene = scene
        self.height, self.width = size
        rng = np.random.default_rng([scene.look, 2])
        self.backdrop = self._paint_backdrop(rng)
        radii = [RADII[scene.subject.size] * 1.2, *(pose.radius for pose in companion_poses(scene))]
        self.sprites = [
            draw_sprite(thing, radius * self.height, rng) for thing, radius in zip(scene.things, radii, strict=True)
        ]
        self.noise_level = int(rng.integers(1, 5))
        self.gain = _light_map(size, rng)

    def _paint_backdrop(self, rng: np.random.Generator) -> Frame:
        # Painted small and enlarged for larger films: the brush sizes are made for this height.
        rows, columns = (round(n * (1 + 2 * m)) for n, m in zip(DEFAULT_SIZE, MARGINS, strict=True))
        small = paint_backdrop(self.scene.background, rows, columns, rng)
        full = tuple(round(n * (1 + 2 * m)) for n, m in zip((self.height, self.width), MARGINS, strict=True))
        return np.asarray(cv2.resize(small, full[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)

    def draw(self, time: float) -> Frame:
        """The frame ``time`` seconds after the start of the scene."""
        progress = min(1.0, max(0.0, time / self.scene.duration))
        looking = view(self.scene, progress)
        frame = self._backdrop_seen(looking)
        poses = [subject_pose(self.scene, progress), *companion_poses(self.scene)]
        for sprite, pose in zip(self.sprites, poses, strict=True):
            _stamp(frame, sprite, self._seen(pose, looking))
        cv2.multiply(frame, self.gain, frame, looking.light / 200)
        noise = _noise(self.noise_level)
        x, y = (int(time * k) % 64 for k in (7919.0, 6151.0))
        cv2.add(frame, noise[y : y + self.height, x : x + self.width], frame, dtype=cv2.CV_8U)
        return frame

    def _backdrop_seen(self, looking: View) -> Frame:
        zoom = looking.zoom
        x = self.width / 2 + looking.x * self.width - zoom * self.backdrop.shape[1] / 2
        y = self.height / 2 + looking.y * self.height - zoom * self.backdrop.shape[0] / 2
        matrix = np.array([[zoom, 0, x], [0, zoom, y]])
        size, edge = (self.width, self.height), cv2.BORDER_REFLECT
        return np.asarray(cv2.warpAffine(self.backdrop, matrix, size, borderMode=edge), np.uint8)

    def _seen(self, pose: Pose, looking: View) -> tuple[float, float, float, float, float]:
        """Centre x, y and radius in pixels, angle in degrees, opacity."""
        x = (0.5 + looking.x + (pose.x - 0.5) * looking.zoom) * self.width
        y = (0.5 + looking.y + (pose.y - 0.5) * looking.zoom) * self.height
        return x, y, pose.radius * looking.zoom * self.height, pose.angle, pose.opacity


def _stamp(frame: Frame, sprite: Frame, seen: tuple[float, float, float, float, float]) -> None:
    """Blend a sprite into ``frame``, turned, scaled and as opaque as ``seen`` says."""
    x, y, radius, angle, opacity = seen
    half = math.ceil(radius * SPRITE_REACH * 1.3) + 1
    left, top = math.floor(x) - half, math.floor(y) - half
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(frame.shape[1], left + 2 * half), min(frame.shape[0], top + 2 * half)
    if opacity <= 0 or x1 <= x0 or y1 <= y0:
        return
    n = sprite.shape[0]
    matrix = cv2.getRotationMatrix2D((n / 2, n / 2), -angle, 2 * SPRITE_REACH * radius / n)
    matrix[:, 2] += (x - x0 - n / 2, y - y0 - n / 2)
    turned = cv2.warpAffine(sprite, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    alpha = cv2.cvtColor(turned[..., 3], cv2.COLOR_GRAY2RGB)
    if opacity < 1:
        alpha = cv2.multiply(alpha, np.ones(4), scale=opacity)
    part = frame[y0:y1, x0:x1]
    cv2.add(cv2.multiply(part, 255 - alpha, scale=1 / 255), cv2.multiply(turned[..., :3], alpha, scale=1 / 255), part)


def _light_map(size: tuple[int, int], rng: np.random.Generator) -> Frame:
    """How bright each pixel is lit, 200 for unchanged: a slope in a random direction."""
    height, width = size
    turn, strength = rng.uniform(0, 2 * math.pi), rng.uniform(5, 30)
    slope = np.add.outer(np.linspace(-1, 1, height) * math.sin(turn), np.linspace(-1, 1, width) * math.cos(turn))
    light = (200 * rng.uniform(0.9, 1.08) + strength * slope).clip(0, 255).astype(np.uint8)
    return np.dstack([light] * 3)


@cache
def _noise(level: int) -> NDArray[np.int16]:
    """Sensor noise of standard deviation ``level``, large enough to take any frame of a film from it."""
    noise = np.random.default_rng(level).normal(0, level, (720 + 64, 1280 + 64, 3))
    return np.round(noise).astype(np.int16)


@lru_cache(maxsize=8)
def _painter(scene: Scene, size: tuple[int, int]) -> _Painter:
    return _Painter(scene, size)
