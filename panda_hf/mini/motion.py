"""Where everything is at each moment of a scene: the geometry of actions, relations and the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from panda_hf.mini.wording import action_parts
from panda_hf.mini.world import TRAVELS, Scene

RADII = {"small": 0.13, "medium": 0.18, "large": 0.26}
"""Radius of the subject, as a share of the frame's height."""
COMPANION_RADIUS = 0.105
VISIBLE = {"appears": (0.12, 0.57), "disappears": (0.43, 0.88)}
"""When, as shares of the scene, an object comes into sight or leaves it."""
ZOOM_RANGE = (0.86, 1.28)
PAN_RANGE = 0.3
MARGINS = (0.12, 0.2)
"""How much higher and wider, as a share on each side, the backdrop is than the frame, for the camera to move."""


@dataclass(frozen=True)
class Pose:
    """How an object stands in the frame."""

    x: float
    """Centre, as a share of the frame's width."""
    y: float
    """Centre, as a share of the frame's height, from the top."""
    radius: float
    """As a share of the frame's height."""
    angle: float = 0.0
    """Degrees, clockwise."""
    opacity: float = 1.0


@dataclass(frozen=True)
class View:
    """Where the camera looks: the frame shows the backdrop moved by ``x``, ``y`` and enlarged by ``zoom``."""

    x: float
    y: float
    zoom: float
    light: float
    """Brightness, 1 on average."""


@dataclass(frozen=True)
class _Plan:
    """What is drawn once per scene from its ``look``."""

    x: float
    y: float
    radius: float
    angle: float
    cycles: float
    turn: float
    reach: float
    drift: tuple[float, float]
    sway: tuple[float, float]
    light: float
    others: tuple[Pose, ...]


def subject_pose(scene: Scene, progress: float) -> Pose:
    """Where the subject is when ``progress`` (0 to 1) of the scene has passed, before the camera's own motion."""
    plan = _plan(scene)
    verb, direction = action_parts(scene.action)
    x, y, radius, angle, opacity = plan.x, plan.y, plan.radius, plan.angle, 1.0
    if not scene.still:
        x, y = x + plan.drift[0] * (progress - 0.5), y + plan.drift[1] * (progress - 0.5)
    wave = plan.cycles * progress
    if direction is not None:
        x, y = _along(x, y, direction, plan.reach * (progress - 0.5))
    if verb == "rolls":
        angle += (1 if direction == "right" else -1) * 360 * plan.turn * progress
    elif verb == "spins":
        angle += math.copysign(360, plan.sway[0]) * plan.turn * progress
    elif verb == "bounces":
        y += 0.2 - 0.42 * abs(math.sin(math.pi * wave))
    elif verb in ("grows", "shrinks"):
        radius *= 2.8 ** ((progress - 0.5) * (1 if verb == "grows" else -1))
    elif verb in ("appears", "disappears"):
        start, end = VISIBLE[verb]
        passed = min(1.0, max(0.0, (progress - start) / (end - start)))
        opacity = passed if verb == "appears" else 1 - passed
    elif verb == "blinks":
        opacity = 0.12 + 0.88 / (1 + math.exp(-10 * math.cos(2 * math.pi * wave)))
    elif verb == "shakes":
        x += 0.032 * math.sin(2 * math.pi * 5.3 * wave)
        angle += 16 * math.sin(2 * math.pi * 4.1 * wave + 1)
    elif verb == "circles":
        turn = math.copysign(2 * math.pi, plan.sway[0]) * wave + plan.angle
        x, y = x + (0.1 if plan.others else 0.14) * math.cos(turn), y + (0.12 if plan.others else 0.2) * math.sin(turn)
    return Pose(x, y, radius, angle, opacity)


def companion_poses(scene: Scene) -> tuple[Pose, ...]:
    """Where the second and third object stand, as far as the scene has them."""
    return _plan(scene).others


def view(scene: Scene, progress: float) -> View:
    """What the camera shows when ``progress`` of the scene has passed; a hand-held camera never rests entirely."""
    plan = _plan(scene)
    if scene.still:
        return View(0.0, 0.0, 1.0, 1.0)
    centred = progress - 0.5
    x, y = plan.sway[0] * centred, plan.sway[1] * math.sin(3 * progress)
    zoom, (low, high) = 1.0, ZOOM_RANGE
    if scene.camera in ("pans left", "pans right"):
        x += PAN_RANGE * centred * (1 if scene.camera == "pans left" else -1)
    elif scene.camera != "static":
        passed = progress if scene.camera == "zooms in" else 1 - progress
        zoom = low * (high / low) ** passed
    return View(x, y, zoom, 1 + plan.light * centred)


def _along(x: float, y: float, direction: str, way: float) -> tuple[float, float]:
    # A way across is longer than a way up or down: frames are wide.
    if direction in ("left", "right"):
        return x + way * (1 if direction == "right" else -1), y
    return x, y + 0.85 * way * (1 if direction == "down" else -1)


@lru_cache(maxsize=64)
def _plan(scene: Scene) -> _Plan:
    rng = np.random.default_rng([scene.look, 1])
    x, y, others = _places(scene, rng)
    verb, _ = action_parts(scene.action)
    radius = RADII[scene.subject.size] * rng.uniform(0.93, 1.07)
    reach = rng.uniform(0.5, 0.6)
    # Half a cycle over, so that the last frame differs from the first.
    cycles = round(scene.duration / (4.5 if verb == "circles" else 2.4)) + 0.5
    turn = reach * 16 / 9 / (2 * math.pi * radius) if verb == "rolls" else rng.uniform(0.7, 1.2)
    free = scene.action not in TRAVELS and verb != "rests"
    drift = _signed(rng, 0.03, 0.06) if free else (0.0, 0.0)
    upright = scene.subject.shape in ("ball", "ring") or verb not in ("rolls", "spins")
    return _Plan(
        x=x,
        y=y,
        radius=radius,
        angle=rng.uniform(-8, 8) if upright else rng.uniform(0, 360),
        cycles=cycles,
        turn=turn * (max(1.0, scene.duration / 6) if verb == "spins" else 1.0),
        reach=reach,
        drift=drift,
        sway=_signed(rng, 0.02, 0.045),
        light=rng.uniform(0.08, 0.2) * rng.choice([-1, 1]),
        others=others,
    )


def _places(scene: Scene, rng: np.random.Generator) -> tuple[float, float, tuple[Pose, ...]]:
    """Centre of the subject and poses of its company."""
    a, b, c, d = rng.uniform(-1, 1, 4)
    if scene.relation is None:
        return 0.5 + 0.06 * a, 0.53 + 0.04 * b, ()
    if scene.relation in ("above", "below"):
        sign = 1 if scene.relation == "above" else -1
        spots = [(0.5 + 0.14 * c, 0.5 + sign * (0.335 + 0.015 * d))]
        if scene.third:
            spots = [(0.3 + 0.05 * c, spots[0][1]), (0.7 + 0.05 * d, spots[0][1])]
        x, y = 0.5 + 0.05 * a, 0.5 - sign * (0.155 + 0.015 * b)
    else:
        sign = 1 if scene.relation == "left of" else -1
        spots = [(0.5 + sign * (0.33 + 0.03 * c), 0.5 + 0.12 * d)]
        if scene.third:
            spots = [(spots[0][0], 0.28 + 0.03 * d), (spots[0][0], 0.74 + 0.03 * c)]
        x, y = 0.5 - sign * (0.16 + 0.03 * a), 0.52 + 0.03 * b
    radii, angles = COMPANION_RADIUS * rng.uniform(0.93, 1.07, 2), rng.uniform(-10, 10, 2)
    return x, y, tuple(Pose(*spot, float(radii[i]), float(angles[i])) for i, spot in enumerate(spots))


def _signed(rng: np.random.Generator, low: float, high: float) -> tuple[float, float]:
    x, y = rng.uniform(low, high, 2) * rng.choice([-1, 1], 2)
    return float(x), float(y)
