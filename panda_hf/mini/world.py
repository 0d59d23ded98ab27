"""The film world: what a scene and a film consist of. Everything here is plain data, drawn from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal, TypeVar, get_args

import numpy as np

Split = Literal["train", "validation", "test"]
Shape = Literal["ball", "cube", "triangle", "star", "ring", "cross", "heart", "diamond"]
Colour = Literal["red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black"]
Size = Literal["small", "medium", "large"]
Texture = Literal["plain", "striped", "dotted", "checked"]
Action = Literal[
    "rests",
    "slides left",
    "slides right",
    "slides up",
    "slides down",
    "rolls left",
    "rolls right",
    "spins",
    "bounces",
    "grows",
    "shrinks",
    "appears",
    "disappears",
    "blinks",
    "shakes",
    "circles",
]
Background = Literal["field", "night", "sea", "desert", "snow", "wall", "city", "room"]
Relation = Literal["left of", "right of", "above", "below"]
Camera = Literal["static", "pans left", "pans right", "zooms in", "zooms out"]
SubtitleKind = Literal["helps", "misleads", "chatter", "none"]
Modality = Literal["image", "video", "text"]

Choice = TypeVar("Choice")

SPLITS: tuple[Split, ...] = get_args(Split)
SHAPES: tuple[Shape, ...] = get_args(Shape)
COLOURS: tuple[Colour, ...] = get_args(Colour)
SIZES: tuple[Size, ...] = get_args(Size)
TEXTURES: tuple[Texture, ...] = get_args(Texture)
ACTIONS: tuple[Action, ...] = get_args(Action)
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
RELATIONS: tuple[Relation, ...] = get_args(Relation)
CAMERAS: tuple[Camera, ...] = get_args(Camera)
NAMES = ("bobo", "fifi", "gogo", "kiki", "lulu", "momo", "nono", "pip", "tata", "zuzu")
PLACES = ("cairo", "lima", "london", "paris", "rome", "tokyo")

CAMOUFLAGE: dict[Background, frozenset[Colour]] = {
    "field": frozenset({"green"}),
    "night": frozenset({"black"}),
    "sea": frozenset({"blue"}),
    "desert": frozenset({"orange", "yellow"}),
    "snow": frozenset({"white"}),
    "wall": frozenset({"red"}),
    "city": frozenset(),
    "room": frozenset(),
}
"""Colours that no object has before that background: a viewer could not see it."""

ACROSS: frozenset[Action] = frozenset({"slides left", "slides right", "rolls left", "rolls right"})
UPRIGHT: frozenset[Action] = frozenset({"slides up", "slides down", "bounces"})
TRAVELS = ACROSS | UPRIGHT | {"circles"}
RESIZES: frozenset[Action] = frozenset({"grows", "shrinks"})
TURNS: frozenset[Action] = frozenset({"rolls left", "rolls right", "spins"})


@dataclass(frozen=True)
class Thing:
    """One object of a scene."""

    shape: Shape
    colour: Colour
    size: Size = "medium"
    texture: Texture = "plain"


@dataclass(frozen=True)
class Scene:
    """One shot of a film and all that is true of it. Times are seconds in the film, half-open ``[start, end)``."""

    subject: Thing
    """What the scene is about: the largest object, and the only one that acts."""
    action: Action
    background: Background
    start: float
    end: float
    look: int
    """Seed of everything that no caption mentions: exact places, shades, clutter, light, noise."""
    relation: Relation | None = None
    """Where the subject is, seen from the second object; ``None`` when it is alone."""
    second: Thing | None = None
    third: Thing | None = None
    """Stands beside the second object, in the same relation to the subject."""
    camera: Camera = "static"
    name: str | None = None
    """What the subject is called; only the text tells."""
    place: str | None = None
    """The town where it happens; only the text tells."""
    subtitle_kind: SubtitleKind = "none"
    """What else the subtitle does beside telling name or place."""
    still: bool = False
    """Nothing moves at all, not even the hand that holds the camera."""
    repeats: int | None = None
    """Index of the earlier scene of the film that is shown again."""

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    @property
    def things(self) -> tuple[Thing, ...]:
        """The objects in sight, the subject first."""
        return tuple(thing for thing in (self.subject, self.second, self.third) if thing is not None)

    @property
    def misleads(self) -> bool:
        """Whether the subtitle speaks of something else than what is shown."""
        return self.subtitle_kind == "misleads"

    @property
    def needs(self) -> Modality:
        """What a teacher must perceive to state every key fact: one frame, the motion, or also the text."""
        if self.name is not None or self.place is not None:
            return "text"
        return "video" if self.action != "rests" or self.camera != "static" else "image"


@cache
def combinations(split: Split) -> dict[Action, tuple[tuple[Shape, Colour], ...]]:
    """The (shape, colour) pairs that may perform each action in ``split``.

    Every (shape, colour, action) belongs to one split: of the 72 pairs of an action, 58 are in train and 7 each in
    validation and test, in the order of a hash.
    """
    bounds = {"test": (0, 7), "validation": (7, 14), "train": (14, None)}[split]
    return {action: _shuffled_pairs(action)[slice(*bounds)] for action in ACTIONS}


def _shuffled_pairs(action: Action) -> tuple[tuple[Shape, Colour], ...]:
    def order(pair: tuple[Shape, Colour]) -> bytes:
        return hashlib.sha256(f"{pair[0]} {pair[1]} {action}".encode()).digest()

    return tuple(sorted(product(SHAPES, COLOURS), key=order))


def generator(seed: int, split: Split, purpose: str = "film") -> np.random.Generator:
    """Random numbers for one seed of one split; the splits share no stream."""
    key = int.from_bytes(hashlib.sha256(f"{purpose} {split}".encode()).digest()[:8], "big")
    return np.random.default_rng([key, seed])


def random_scene(
    rng: np.random.Generator,
    split: Split,
    *,
    start: float = 0.0,
    duration: float | None = None,
    action: Action | None = None,
) -> Scene:
    """Draw one scene of ``split``.

    Args:
        rng: where all choices come from.
        split: decides which subjects may do what.
        start: seconds in the film.
        duration: seconds; ``None`` draws 3 to 8.
        action: what the subject does; ``None`` draws one.
    """
    action = action or _action(rng)
    pairs = combinations(split)[action]
    shape, colour = pairs[rng.integers(len(pairs))]
    background = pick(rng, [place for place in BACKGROUNDS if colour not in CAMOUFLAGE[place]])
    texture = _texture(rng, shape, action)
    size: Size = "medium" if action in RESIZES else pick(rng, SIZES)
    relation, second, third = _company(rng, shape, colour, action, background)
    name, place = _told(rng)
    length = float(rng.uniform(3.0, 8.0)) if duration is None else duration
    return Scene(
        subject=Thing(shape, colour, size, texture),
        action=action,
        background=background,
        start=start,
        end=start + length,
        look=int(rng.integers(2**31)),
        relation=relation,
        second=second,
        third=third,
        camera=_camera(rng, action, second),
        name=name,
        place=place,
        subtitle_kind=pick(rng, ("helps", "helps", "misleads", "chatter", "chatter", "none")),
        still=False,
    )


def pick(rng: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    """One of ``choices``, each as likely."""
    return choices[int(rng.integers(len(choices)))]


def _action(rng: np.random.Generator) -> Action:
    return "rests" if rng.random() < 0.18 else pick(rng, ACTIONS[1:])


def _texture(rng: np.random.Generator, shape: Shape, action: Action) -> Texture:
    # A plain ring looks the same however far it has turned.
    if (shape == "ring" and action in TURNS) or rng.random() < 0.5:
        return pick(rng, TEXTURES[1:])
    return "plain"


def _company(
    rng: np.random.Generator, shape: Shape, colour: Colour, action: Action, background: Background
) -> tuple[Relation | None, Thing | None, Thing | None]:
    if rng.random() >= 0.4:
        return None, None, None
    relations = RELATIONS[2:] if action in ACROSS else RELATIONS[:2] if action in UPRIGHT else RELATIONS
    shapes = [s for s in SHAPES if s != shape]
    colours = [c for c in COLOURS if c != colour and c not in CAMOUFLAGE[background]]
    second = Thing(pick(rng, shapes), pick(rng, colours), "small")
    if rng.random() >= 0.15:
        return pick(rng, relations), second, None
    third = Thing(
        pick(rng, [s for s in shapes if s != second.shape]),
        pick(rng, [c for c in colours if c != second.colour]),
        "small",
    )
    return pick(rng, relations), second, third


def _camera(rng: np.random.Generator, action: Action, second: Thing | None) -> Camera:
    # A camera that follows or opposes a travelling subject would make both motions impossible to tell.
    if second is not None or action in TRAVELS or rng.random() >= 0.35:
        return "static"
    return pick(rng, CAMERAS[1:3] if action in RESIZES else CAMERAS[1:])


def _told(rng: np.random.Generator) -> tuple[str | None, str | None]:
    chance = rng.random()
    if chance < 0.2:
        return pick(rng, NAMES), None
    return None, (pick(rng, PLACES) if chance < 0.35 else None)
