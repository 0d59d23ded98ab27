"""Painted backgrounds: eight places, each different every time."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from panda_hf.mini.world import Background, pick

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]


def paint_backdrop(background: Background, height: int, width: int, rng: np.random.Generator) -> Image:
    """Paint one place, uint8 RGB [height, width, 3]; clutter, shades and horizon vary with ``rng``."""
    canvas = np.empty((height, width, 3), np.uint8)
    _PAINTERS[background](canvas, rng)
    grain = rng.integers(-7, 8, (height // 3 + 1, width // 3 + 1), np.int16)
    rough = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(canvas, cv2.merge([rough] * 3), dtype=cv2.CV_8U).astype(np.uint8)


def _paint_field(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    horizon = _sky_and_ground(
        canvas, rng, (150, 200, 240), (205, 230, 250), (120, 180, 90), (70, 135, 50), (0.25, 0.45)
    )
    _clouds(canvas, rng, horizon)
    for _ in range(70):
        x, y = int(rng.integers(w)), int(rng.integers(horizon, h))
        green = _vary((60, 125, 45), rng, 22)
        cv2.line(canvas, (x, y), (x + int(rng.integers(-3, 4)), y - int(h * 0.03)), green, 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 9))):
        x, y = int(rng.integers(w)), int(rng.integers(horizon, h))
        cv2.circle(canvas, (x, y), max(1, h // 110), _vary((235, 225, 190), rng, 20), -1, cv2.LINE_AA)


def _paint_night(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    horizon = _sky_and_ground(canvas, rng, (10, 12, 40), (38, 40, 84), (26, 30, 44), (16, 20, 30), (0.78, 0.95))
    for _ in range(int(rng.integers(45, 90))):
        x, y = int(rng.integers(w)), int(rng.integers(horizon))
        glow = int(rng.integers(120, 230))
        cv2.circle(
            canvas, (x, y), int(rng.integers(1, 2)) * max(1, h // 200), (glow, glow, glow - 20), -1, cv2.LINE_AA
        )
    if rng.random() < 0.5:
        x, y, r = int(rng.uniform(0.1, 0.9) * w), int(rng.uniform(0.1, 0.25) * h), int(rng.uniform(0.04, 0.06) * h)
        cv2.circle(canvas, (x, y), r, (205, 205, 180), -1, cv2.LINE_AA)
        cv2.circle(canvas, (x + r // 2, y - r // 4), r, (20, 22, 54), -1, cv2.LINE_AA)


def _paint_sea(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    horizon = _sky_and_ground(canvas, rng, (160, 205, 235), (225, 235, 240), (40, 130, 170), (20, 80, 130), (0.3, 0.5))
    _clouds(canvas, rng, horizon)
    for _ in range(55):
        depth = rng.random()
        x, y = int(rng.integers(w)), int(horizon + depth * (h - horizon))
        length = int((0.02 + 0.06 * depth) * w)
        cv2.ellipse(
            canvas,
            (x, y),
            (length, max(1, int(0.012 * h))),
            0,
            190,
            350,
            _vary((125, 190, 210), rng, 22),
            1,
            cv2.LINE_AA,
        )


def _paint_desert(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    horizon = _sky_and_ground(
        canvas, rng, (165, 200, 225), (240, 225, 195), (225, 195, 140), (190, 150, 95), (0.3, 0.45)
    )
    for level in range(3):
        base = horizon + (h - horizon) * level // 3
        sand = _vary((216 - 14 * level, 184 - 16 * level, 128 - 14 * level), rng, 8)
        _hills(canvas, rng, base, 0.1 * h, sand)
    for _ in range(int(rng.integers(0, 4))):
        x, y, tall = int(rng.integers(w)), int(rng.uniform(horizon, h)), int(rng.uniform(0.06, 0.12) * h)
        cv2.line(canvas, (x, y), (x, y - tall), (96, 124, 76), max(1, h // 70), cv2.LINE_AA)
        cv2.line(
            canvas, (x, y - tall // 2), (x + tall // 3, y - tall * 2 // 3), (96, 124, 76), max(1, h // 90), cv2.LINE_AA
        )


def _paint_snow(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    horizon = _sky_and_ground(
        canvas, rng, (165, 180, 200), (215, 222, 232), (232, 236, 242), (212, 220, 232), (0.35, 0.5)
    )
    for _ in range(int(rng.integers(9, 16))):
        x, tall = int(rng.integers(w)), int(rng.uniform(0.12, 0.28) * h)
        for level in range(3):
            top, half = horizon - tall + level * tall // 4, int((0.12 + 0.07 * level) * tall)
            points = np.array([(x, top), (x - half, top + tall // 2), (x + half, top + tall // 2)], np.int32)
            cv2.fillPoly(canvas, [points], _vary((92, 116, 112), rng, 10), cv2.LINE_AA)
    for _ in range(90):
        x, y = int(rng.integers(w)), int(rng.integers(h))
        cv2.circle(canvas, (x, y), max(1, h // 160), (250, 250, 252), -1, cv2.LINE_AA)


def _paint_wall(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    canvas[:] = _vary((188, 178, 166), rng, 10)
    brick = np.array(_vary((164, 96, 74), rng, 12))
    tall = int(h * rng.uniform(0.07, 0.1))
    wide, gap = int(tall * rng.uniform(2.0, 2.6)), max(1, tall // 8)
    shift = int(rng.integers(wide))
    for row in range(h // tall + 1):
        for x in range(-wide - shift + (row % 2) * wide // 2, w, wide):
            shade = tuple((brick + rng.integers(-14, 15)).clip(0, 255).tolist())
            cv2.rectangle(canvas, (x, row * tall), (x + wide - gap, (row + 1) * tall - gap), shade, -1)


def _paint_city(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    ground = _sky_and_ground(
        canvas, rng, (190, 175, 200), (240, 215, 195), (112, 112, 118), (88, 88, 94), (0.82, 0.92)
    )
    x = -int(rng.integers(30))
    while x < w:
        wide, tall = int(rng.uniform(0.06, 0.13) * w), int(rng.uniform(0.35, 0.78) * ground)
        wall = _vary((122, 124, 138), rng, 20)
        cv2.rectangle(canvas, (x, ground - tall), (x + wide, ground), wall, -1)
        step = max(5, h // 22)
        lit = _vary((205, 196, 150), rng, 15)
        for wy in range(ground - tall + step // 2, ground - step // 2, step):
            for wx in range(x + step // 2, x + wide - step // 2, step):
                if rng.random() < 0.6:
                    cv2.rectangle(canvas, (wx, wy), (wx + step // 3, wy + step // 2), lit, -1)
        x += wide + int(rng.integers(0, 6))


def _paint_room(canvas: Image, rng: np.random.Generator) -> None:
    h, w = canvas.shape[:2]
    wall = pick(rng, ((222, 210, 188), (196, 208, 214), (214, 200, 206), (204, 212, 194)))
    floor = int(rng.uniform(0.72, 0.82) * h)
    canvas[:floor], canvas[floor:] = _vary(wall, rng, 8), _vary((156, 122, 92), rng, 10)
    for x in range(-w, 2 * w, max(8, w // 14)):
        cv2.line(canvas, (w // 2 + (x - w // 2) // 2, floor), (x, h), (126, 96, 70), 1, cv2.LINE_AA)
    cv2.line(canvas, (0, floor), (w, floor), (240, 236, 228), max(1, h // 60))
    _frames_on_wall(canvas, rng, floor)


def _frames_on_wall(canvas: Image, rng: np.random.Generator, floor: int) -> None:
    h, w = canvas.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.uniform(0.05, 0.8) * w), int(rng.uniform(0.12, 0.35) * floor)
        wide, tall = int(rng.uniform(0.08, 0.14) * w), int(rng.uniform(0.16, 0.3) * h)
        cv2.rectangle(canvas, (x, y), (x + wide, y + tall), _vary((178, 200, 212), rng, 16), -1)
        cv2.rectangle(canvas, (x, y), (x + wide, y + tall), (134, 110, 88), max(1, h // 70))
        cv2.line(canvas, (x + wide // 2, y), (x + wide // 2, y + tall), (134, 110, 88), max(1, h // 110))


_PAINTERS: dict[str, Callable[[Image, np.random.Generator], None]] = {
    "field": _paint_field,
    "night": _paint_night,
    "sea": _paint_sea,
    "desert": _paint_desert,
    "snow": _paint_snow,
    "wall": _paint_wall,
    "city": _paint_city,
    "room": _paint_room,
}


def _sky_and_ground(
    canvas: Image,
    rng: np.random.Generator,
    high: Colour,
    low: Colour,
    far: Colour,
    near: Colour,
    horizons: tuple[float, float],
) -> int:
    """Paint two gradients that meet at a random height, a share of the canvas; return the row of the horizon."""
    h = canvas.shape[0]
    horizon = int(rng.uniform(*horizons) * h)
    canvas[:horizon] = _gradient(_vary(high, rng, 10), _vary(low, rng, 10), horizon)
    canvas[horizon:] = _gradient(_vary(far, rng, 10), _vary(near, rng, 10), h - horizon)
    return horizon


def _gradient(top: Colour, bottom: Colour, rows: int) -> Image:
    return np.linspace(top, bottom, rows).astype(np.uint8)[:, None]


def _vary(colour: Colour, rng: np.random.Generator, spread: int) -> Colour:
    common = rng.integers(-spread, spread + 1)
    r, g, b = (np.array(colour) + common + rng.integers(-5, 6, 3)).clip(0, 255).tolist()
    return r, g, b


def _clouds(canvas: Image, rng: np.random.Generator, horizon: int) -> None:
    h, w = canvas.shape[:2]
    for _ in range(int(rng.integers(0, 5))):
        x, y = int(rng.integers(w)), int(rng.uniform(0.1, 0.8) * horizon)
        for _ in range(3):
            at = (x + int(rng.uniform(-0.05, 0.05) * w), y + int(rng.uniform(-0.015, 0.015) * h))
            axes = (int(rng.uniform(0.03, 0.06) * w), int(rng.uniform(0.02, 0.035) * h))
            cv2.ellipse(canvas, at, axes, 0, 0, 360, (236, 240, 244), -1, cv2.LINE_AA)


def _hills(canvas: Image, rng: np.random.Generator, base: int, height: float, colour: Colour) -> None:
    h, w = canvas.shape[:2]
    xs = np.arange(0, w + 8, 8)
    phase, waves = rng.uniform(0, 6.28), rng.uniform(1.0, 2.5)
    ys = base + height * np.sin(xs / w * 6.28 * waves + phase)
    points = np.vstack([np.column_stack([xs, ys]), [(w, h), (0, h)]]).astype(np.int32)
    cv2.fillPoly(canvas, [points], colour, cv2.LINE_AA)
