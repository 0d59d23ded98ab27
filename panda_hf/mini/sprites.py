"""Pictures of single objects with transparency: shape, colour, texture."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from panda_hf.mini.world import Thing

SPRITE_REACH = 1.25
"""Half the width of a sprite, in radii of its object: the corners of a star stand out, and there is an outline."""
SUPERSAMPLING = 2

HUES: dict[str, tuple[int, int, int]] = {
    "red": (214, 34, 36),
    "orange": (245, 130, 20),
    "yellow": (248, 222, 40),
    "green": (34, 158, 58),
    "blue": (32, 84, 214),
    "purple": (128, 44, 168),
    "pink": (250, 138, 190),
    "white": (244, 244, 244),
    "black": (34, 34, 38),
}
"""Colours as RGB."""
LIGHT_COLOURS = frozenset({"yellow", "white", "pink"})

Image = NDArray[np.uint8]


def draw_sprite(thing: Thing, radius: float, rng: np.random.Generator) -> Image:
    """The object at rest, uint8 RGBA [n, n, 4] with n about ``2.5 * radius``; alpha is straight, not premultiplied.

    Args:
        thing: what to draw.
        radius: pixels.
        rng: shade and texture vary a little with it.
    """
    size = max(8, math.ceil(2 * SPRITE_REACH * radius))
    n = size * SUPERSAMPLING
    unit = n / (2 * SPRITE_REACH)
    colour = _shade(HUES[thing.colour], rng)
    body = np.zeros((n, n), np.uint8)
    _fill_shape(body, thing.shape, unit, 1.0)
    picture = np.empty((n, n, 3), np.uint8)
    picture[:] = colour
    _paint_texture(picture, thing, unit, rng)
    _paint_relief(picture, thing, unit)
    outline = np.zeros((n, n), np.uint8)
    _fill_shape(outline, thing.shape, unit, 1.12)
    edge = (235, 235, 235) if thing.colour == "black" else tuple(int(c * 0.3) for c in colour)
    full = np.where(body[..., None] > 127, picture, np.array(edge, np.uint8))
    rgba = np.dstack([full, np.maximum(body, outline)])
    return cv2.resize(rgba, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _shade(colour: tuple[int, int, int], rng: np.random.Generator) -> tuple[int, int, int]:
    shifted = np.array(colour) * rng.uniform(0.92, 1.06) + rng.uniform(-9, 9, 3)
    r, g, b = np.clip(shifted, 0, 255).astype(int).tolist()
    return r, g, b


def _fill_shape(mask: Image, shape: str, unit: float, grown: float) -> None:
    """Fill ``mask`` with 255 inside the shape; ``grown`` above 1 adds room for the outline."""
    centre = mask.shape[0] / 2
    extra = (grown - 1) * unit
    if shape in ("ball", "ring"):
        cv2.circle(mask, (round(centre), round(centre)), round(unit * 0.98 + extra), 255, -1, cv2.LINE_AA)
        if shape == "ring":
            cv2.circle(mask, (round(centre), round(centre)), round(unit * 0.5 - extra), 0, -1, cv2.LINE_AA)
        return
    points = np.round((centre + np.array(_corners(shape)) * unit) * 16).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    if extra:
        cv2.polylines(mask, [points], True, 255, max(1, round(2 * extra)), cv2.LINE_AA, 4)


def _corners(shape: str) -> list[tuple[float, float]]:
    """Corners in radii from the centre, y downwards."""
    if shape == "star":
        return [_spoke(36 * i - 90, 1.12 if i % 2 == 0 else 0.5) for i in range(10)]
    if shape == "cross":
        a, b = 0.34, 0.98
        return [
            (-a, -b),
            (a, -b),
            (a, -a),
            (b, -a),
            (b, a),
            (a, a),
            (a, b),
            (-a, b),
            (-a, a),
            (-b, a),
            (-b, -a),
            (-a, -a),
        ]
    if shape == "heart":
        turns = np.linspace(0, 2 * math.pi, 40, endpoint=False)
        return [(1.05 * math.sin(t) ** 3, -_heart_height(t) / 15) for t in turns.tolist()]
    fixed = {
        "cube": [(0.45, -0.98), (0.98, -0.6), (0.98, 0.45), (0.5, 0.98), (-0.98, 0.9), (-0.98, -0.4), (-0.5, -0.98)],
        "triangle": [(0.0, -1.05), (1.05, 0.82), (-1.05, 0.82)],
        "diamond": [(0.0, -1.12), (0.8, 0.0), (0.0, 1.12), (-0.8, 0.0)],
    }
    return fixed[shape]


def _spoke(degrees: float, length: float) -> tuple[float, float]:
    return length * math.cos(math.radians(degrees)), length * math.sin(math.radians(degrees))


def _heart_height(t: float) -> float:
    return 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t) + 2.5


def _paint_texture(picture: Image, thing: Thing, unit: float, rng: np.random.Generator) -> None:
    n = picture.shape[0]
    ink = _ink(thing)
    step = unit * rng.uniform(0.62, 0.72)
    start = n / 2 + rng.uniform(-0.5, 0.5) * step
    lines = [start + (i - 4) * step for i in range(9)]
    if thing.texture == "striped":
        for x in lines:
            cv2.rectangle(picture, (round(x), 0), (round(x + 0.46 * step), n), ink, -1)
    elif thing.texture == "dotted":
        for i, x in enumerate(lines):
            for y in lines:
                centre = (round(x + step / 4), round(y + (i % 2) * step / 2))
                cv2.circle(picture, centre, round(0.26 * step), ink, -1, cv2.LINE_AA)
    elif thing.texture == "checked":
        for i, x in enumerate(lines):
            for y in lines[i % 2 :: 2]:
                cv2.rectangle(picture, (round(x), round(y)), (round(x + step), round(y + step)), ink, -1)


def _ink(thing: Thing) -> tuple[int, int, int]:
    """The second colour of a texture: dark on light objects, light on dark ones."""
    if thing.colour in LIGHT_COLOURS:
        r, g, b = (int(c * 0.38) for c in HUES[thing.colour])
        return r, g, b
    r, g, b = (int(255 - (255 - c) * 0.22) for c in HUES[thing.colour])
    return r, g, b


def _paint_relief(picture: Image, thing: Thing, unit: float) -> None:
    """The seams of a plain ball, by which one sees it roll, and the faces of a cube."""
    n = picture.shape[0]
    c = n / 2
    if thing.shape == "ball" and thing.texture == "plain":
        dark = tuple(int(v * 0.45) for v in HUES[thing.colour]) if thing.colour != "black" else (150, 150, 150)
        width = max(1, round(0.1 * unit))
        for side, start in ((-1.1, -70), (1.1, 110)):
            centre, axes = (round(c + side * unit), round(c)), (round(unit), round(unit))
            cv2.ellipse(picture, centre, axes, 0, start, start + 140, dark, width, cv2.LINE_AA)
    elif thing.shape == "cube":
        _tint(picture, [(-0.98, -0.4), (0.5, -0.3), (0.98, -0.6), (0.45, -0.98), (-0.5, -0.98)], unit, 1.3)
        _tint(picture, [(0.5, -0.3), (0.98, -0.6), (0.98, 0.45), (0.5, 0.98)], unit, 0.6)


def _tint(picture: Image, corners: list[tuple[float, float]], unit: float, gain: float) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    points = np.round(picture.shape[0] / 2 + np.array(corners) * unit).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA)
    picture[mask > 127] = np.clip(picture[mask > 127] * gain + (18 if gain > 1 else 0), 0, 255).astype(np.uint8)
