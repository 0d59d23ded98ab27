"""Captions of a scene: true ones in many wordings, nearly true ones, and how true any given one is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from panda_hf.mini import wording, world
from panda_hf.mini.facts import Fact, key_facts, true_facts, visible_facts
from panda_hf.mini.parsing import meaning_of, parse_caption, words_of
from panda_hf.mini.wording import VOCABULARY, action_parts
from panda_hf.mini.world import Modality, Scene, Thing, pick

__all__ = [
    "VOCABULARY",
    "Fact",
    "FactScore",
    "canonical_caption",
    "corrupt",
    "corrupt_scene",
    "key_facts",
    "paraphrases",
    "parse_caption",
    "score_caption",
    "true_facts",
    "visible_facts",
]

Say = Callable[[tuple[Any, ...]], Any]
"""Picks one of several wordings."""


@dataclass(frozen=True)
class FactScore:
    """How true a caption is (``precision``), how full (``recall``), both 0 to 1, and where it fails."""

    precision: float
    """Share of the stated facts that are true; 0 when none is stated."""
    recall: float
    """Share of the key facts that are stated."""
    wrong: tuple[Fact, ...]
    """Stated and not true."""
    missing: tuple[Fact, ...]
    """Key facts not stated."""

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 when both are."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def score_caption(caption: str | None, scene: Scene, modality: Modality = "text") -> FactScore:
    """Compare what ``caption`` says with what is true of ``scene``.

    Args:
        caption: any text; ``None`` and text that states nothing score 0.
        scene: the truth.
        modality: limits the key facts that recall asks for to those that this modality can tell.
    """
    stated, true, keys = parse_caption(caption or ""), true_facts(scene), visible_facts(scene, modality)
    return FactScore(
        precision=len(stated & true) / len(stated) if stated else 0.0,
        recall=len(stated & keys) / len(keys),
        wrong=tuple(sorted(stated - true)),
        missing=tuple(sorted(keys - stated)),
    )


def canonical_caption(scene: Scene, modality: Modality = "text") -> str:
    """The one full caption of ``scene`` that uses the first wording of everything.

    >>> canonical_caption(scene)
    'a large striped red ball slides to the left on a green field above a blue cube'
    """
    parts = _parts(scene, modality, lambda choices: choices[0], form=0)
    return _join(parts, ("subject", "action", "background", "relation", "place", "camera"))


def paraphrases(scene: Scene, rng: np.random.Generator, count: int = 1, modality: Modality = "text") -> list[str]:
    """``count`` full captions of ``scene`` in random wordings and orders.

    Each states exactly the key facts that ``modality`` can tell (see ``facts.visible_facts``); with ``text``, all.
    Equal captions may occur.
    """
    return [_paraphrase(scene, rng, modality) for _ in range(count)]


def corrupt(caption: str | Scene, rng: np.random.Generator) -> str:
    """A near miss: a caption in which one fact, sometimes two, is wrong or lost.

    Args:
        caption: a caption of this world, of which one or two words are exchanged for others of their kind; or a
            scene, to get a paraphrase of a slightly different scene.
        rng: where all choices come from.
    """
    changes = 1 if rng.random() < 0.7 else 2
    if isinstance(caption, str):
        return _exchange_words(caption, rng, changes)
    return paraphrases(corrupt_scene(caption, rng, changes)[0], rng)[0]


def corrupt_scene(scene: Scene, rng: np.random.Generator, changes: int = 1) -> tuple[Scene, tuple[str, ...]]:
    """A scene that differs from ``scene`` in ``changes`` fields, and the names of the changed fields.

    The fields are ``shape, colour, size, texture, action, background, relation, second_shape, second_colour, camera,
    name, place``, those that ``scene`` has; a name or place that is not told is never added alone.
    """
    fields = _changeable(scene)
    order = [fields[i] for i in rng.permutation(len(fields))[:changes]]
    for name in order:
        scene = _change(scene, name, rng)
    return scene, tuple(order)


def _paraphrase(scene: Scene, rng: np.random.Generator, modality: Modality) -> str:
    opening = "" if rng.random() < 0.6 else pick(rng, wording.OPENINGS[1:])
    parts = _parts(scene, modality, lambda choices: pick(rng, choices), form=int(bool(opening)))
    parts["subject"] = f"{opening} {parts['subject']}"
    middle = ["relation", "background", "place"]
    order = [middle[i] for i in rng.permutation(3)]
    if rng.random() < 0.2 and not opening:
        front = pick(rng, [part for part in ("background", "place") if parts[part]])
        order.remove(front)
        return _join(parts, (front, "subject", "action", *order, "camera"))
    return _join(parts, ("subject", "action", *order, "camera"))


def _join(parts: dict[str, str], order: tuple[str, ...]) -> str:
    return " ".join(" ".join(parts[part] for part in order).split())


def _parts(scene: Scene, modality: Modality, say: Say, form: int) -> dict[str, str]:
    """The wording of each part of a caption; empty where there is nothing to say. ``form`` 1 asks for participles."""
    parts = {"background": say(wording.BACKGROUND_WORDS[scene.background])}
    parts["subject"] = _noun_phrase(scene.subject, say, sized=scene.action not in world.RESIZES)
    others = " and ".join(_noun_phrase(thing, say, sized=False) for thing in scene.things[1:])
    parts["relation"] = f"{say(wording.RELATION_WORDS[scene.relation])} {others}" if scene.relation else ""
    parts["action"] = "" if modality == "image" else _verb_phrase(scene, say, form)
    moves = modality != "image" and scene.camera != "static"
    parts["camera"] = f"{say(wording.CAMERA_LINKS)} {say(wording.CAMERA_WORDS[scene.camera])}" if moves else ""
    parts["place"] = f"in {scene.place}" if scene.place and modality == "text" else ""
    if scene.name and modality == "text":
        parts["subject"] += f" {say(wording.NAME_LINKS)} {scene.name}"
    return parts


def _noun_phrase(thing: Thing, say: Say, sized: bool) -> str:
    size = say(wording.SIZE_WORDS[thing.size]) if sized and thing.size != "medium" else ""
    texture = say(wording.TEXTURE_WORDS[thing.texture] * 2 + ("",)) if thing.texture != "plain" else ""
    tail = wording.TEXTURE_TAILS[thing.texture] if thing.texture != "plain" and not texture else ""
    colour, shape = say(wording.COLOUR_WORDS[thing.colour]), say(wording.SHAPE_WORDS[thing.shape])
    words = f"{size} {texture} {colour} {shape} {tail}".split()
    return " ".join(_with_articles(["a", *words]))


def _verb_phrase(scene: Scene, say: Say, form: int) -> str:
    verb, direction = action_parts(scene.action)
    phrase = say(wording.ACTION_WORDS[verb])[form]
    return f"{phrase} {say(wording.DIRECTION_WORDS[direction])}" if direction else phrase


def _changeable(scene: Scene) -> list[str]:
    fields = ["shape", "colour", "texture", "action", "background"]
    fields += ["size"] if scene.action not in world.RESIZES else []
    fields += ["relation", "second_shape", "second_colour"] if scene.second else []
    fields += ["camera"] if scene.camera != "static" else []
    return fields + [field for field in ("name", "place") if getattr(scene, field)]


def _change(scene: Scene, name: str, rng: np.random.Generator) -> Scene:
    role, _, field = name.rpartition("_")
    if field in ("shape", "colour", "size", "texture"):
        thing = scene.second if role else scene.subject
        assert thing is not None
        new: Any = {field: _other(getattr(thing, field), field, rng)}
        changed: Any = {role or "subject": dataclasses.replace(thing, **new)}
    else:
        changed = {field: _other(getattr(scene, field), field, rng)}
    return dataclasses.replace(scene, **changed)


def _other(value: str, field: str, rng: np.random.Generator) -> str:
    choices: dict[str, tuple[str, ...]] = {
        "shape": world.SHAPES,
        "colour": world.COLOURS,
        "size": world.SIZES,
        "texture": world.TEXTURES,
        "action": world.ACTIONS,
        "background": world.BACKGROUNDS,
        "relation": world.RELATIONS,
        "camera": get_args(world.Camera),
        "name": world.NAMES,
        "place": world.PLACES,
    }
    return pick(rng, [choice for choice in choices[field] if choice != value])


def _exchange_words(caption: str, rng: np.random.Generator, changes: int) -> str:
    words = words_of(caption)
    groups: list[tuple[str, ...]] = [
        sum(wording.SHAPE_WORDS.values(), ()),
        sum(wording.COLOUR_WORDS.values(), ()),
        wording.SIZE_WORDS["small"] + wording.SIZE_WORDS["large"],
        wording.TEXTURE_WORDS["striped"] + wording.TEXTURE_WORDS["dotted"] + wording.TEXTURE_WORDS["checked"],
        tuple(forms[0][0] for verb, forms in wording.ACTION_WORDS.items() if verb != "rests"),
        tuple(forms[0][1] for verb, forms in wording.ACTION_WORDS.items() if verb != "rests"),
        ("left", "right"),
        ("up", "down"),
        ("above", "below"),
        world.NAMES,
        world.PLACES,
    ]
    spots = [(i, group) for i, word in enumerate(words) for group in groups if word in group]
    for k in rng.permutation(len(spots)):
        i, group = spots[k]
        word = pick(rng, [other for other in group if meaning_of(other) != meaning_of(words[i])])
        tried = [*words[:i], word, *words[i + 1 :]]
        # "white" in "white snow" can be exchanged without saying anything else.
        if changes and parse_caption(" ".join(tried)) != parse_caption(" ".join(words)):
            words, changes = tried, changes - 1
    return " ".join(_with_articles(words))


def _with_articles(words: list[str]) -> list[str]:
    """Put "an" before vowels and "a" elsewhere: a wrong article would give the exchange away."""
    following = [*words[1:], ""]
    right = ["an" if after[:1] in "aeiou" and after else "a" for after in following]
    return [right[i] if word in ("a", "an") else word for i, word in enumerate(words)]
