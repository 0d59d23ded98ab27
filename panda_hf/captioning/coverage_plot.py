"""The coverage curve of a shortlist as a picture: SVG, without any plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from panda_hf.captioning.shortlist import Shortlist

_LEFT, _TOP, _HEIGHT, _STEP = 100, 56, 260, 86
_INK, _PALE, _LINE, _ACCENT, _BEST = "#1f2228", "#6d7280", "#e4e0d7", "#2a62b8", "#c2571a"
_STYLE = "font-family: system-ui, sans-serif; font-size: 12px"


def coverage_svg(chosen: Shortlist, title: str) -> str:
    """The share of clips with a good caption over the number of models.

    Args:
        chosen: at least one place.
        title: one line above the picture; untrusted, like the names of the models.
    """
    count = len(chosen.places)
    right = _LEFT + _STEP * count
    union = [_y(place.union / chosen.clips) for place in chosen.places]
    optima = [None if best is None else _y(best.union / chosen.clips) for best in chosen.optima]
    single, ceiling = chosen.places[0].own / chosen.clips, chosen.covered / chosen.clips
    parts = [
        _text(_LEFT, 24, title, size=15),
        _text(_LEFT, 42, "share of clips on which at least one of the models so far is good", colour=_PALE),
        *(_grid(share, right) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        _level(single, right, f"best single {single:.1%}"),
        _level(ceiling, right, f"all {chosen.models} models {ceiling:.1%}"),
        _path([(_x(i), y) for i, y in enumerate(union)]),
        *(_diamond(_x(i), y) for i, y in enumerate(optima) if y is not None),
        *(
            _point(_x(i), y, place.union / chosen.clips)
            for i, (y, place) in enumerate(zip(union, chosen.places, strict=True))
        ),
        *(_name(_x(i), i + 1, place.model) for i, place in enumerate(chosen.places)),
        *_legend(any(y is not None for y in optima)),
    ]
    width, height = max(right + 150, 560), _TOP + _HEIGHT + 150
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'style="{_STYLE}" role="img">'
    )
    back = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", back, *parts, "</svg>", ""])


def _x(place: int) -> float:
    return _LEFT + _STEP * (place + 0.5)


def _y(share: float) -> float:
    return round(_TOP + _HEIGHT * (1 - share), 1)


def _grid(share: float, right: float) -> str:
    y = _y(share)
    line = f'<line x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}" stroke="{_LINE}"/>'
    return line + _text(_LEFT - 8, y + 4, f"{share:.0%}", colour=_PALE, anchor="end")


def _level(share: float, right: float, words: str) -> str:
    y = _y(share)
    line = f'<line x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}" stroke="{_PALE}" stroke-dasharray="4 4"/>'
    return line + _text(right + 6, y + 4, words, colour=_PALE)


def _path(points: Sequence[tuple[float, float]]) -> str:
    joined = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{_ACCENT}" stroke-width="2"/>'


def _point(x: float, y: float, share: float) -> str:
    dot = f'<circle cx="{x}" cy="{y}" r="4" fill="{_ACCENT}"/>'
    return dot + _text(x, y + 20, f"{share:.1%}", colour=_ACCENT, anchor="middle")


def _diamond(x: float, y: float) -> str:
    return f'<path d="M{x} {y - 8} l8 8 l-8 8 l-8 -8 z" fill="none" stroke="{_BEST}" stroke-width="1.5"/>'


def _name(x: float, order: int, model: str) -> str:
    y = _TOP + _HEIGHT + 18
    words = f"{order}. {model if len(model) <= 24 else model[:23] + '…'}"
    return f'<g transform="rotate(-35 {x} {y})">{_text(x, y, words, anchor="end")}</g>'


def _legend(with_optimum: bool) -> list[str]:
    y = _TOP + _HEIGHT + 138
    greedy = f'<circle cx="{_LEFT}" cy="{y - 4}" r="4" fill="{_ACCENT}"/>{_text(_LEFT + 12, y, "greedy choice")}'
    best = _diamond(_LEFT + 130, y - 4) + _text(_LEFT + 144, y, "best possible choice of so many")
    return [greedy, best] if with_optimum else [greedy]


def _text(x: float, y: float, words: str, *, colour: str = _INK, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
