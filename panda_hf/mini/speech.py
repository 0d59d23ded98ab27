"""What is written and said around a scene: titles, descriptions and subtitles, which help, mislead or chatter."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from panda_hf.mini import wording, world
from panda_hf.mini.wording import action_parts
from panda_hf.mini.world import Scene, SubtitleKind, pick

NAME_TOLD = (
    "Meet {name}!",
    "This is {name}.",
    "Look, here comes {name}.",
    "Its name is {name}.",
    "Hello, I am {name}!",
    "Say hello to {name}.",
)
PLACE_TOLD = (
    "Here we are in {place}.",
    "Welcome to {place}!",
    "Good morning from {place}.",
    "We filmed this in {place}.",
)
PLACE_TITLES = (
    "A day in {place}",
    "Greetings from {place}",
    "{place} diary",
    "Live from {place}",
    "Our trip to {place}",
)
PLACE_DESCRIPTIONS = ("Filmed in {place}.", "We made this film in {place}.", "Everything here was shot in {place}.")
DECOYS = (
    "Where is {name} today?",
    "{name} could not come.",
    "I miss {name} so much.",
    "Next week we go to {place}.",
    "I have never been to {place}.",
    "My sister lives far away in {place}.",
)
"""Talk of somebody who is not there, or of another town."""
SEEN = (
    "Look at the {colour} {shape}.",
    "What a nice {colour} {shape}!",
    "The {colour} {shape} {verb}.",
    "See how the {shape} {verb}.",
    "A {shape} that {verb}, how funny.",
    "We are {ground} now.",
    "I like the {texture} {shape}.",
)
"""Talk about what is in sight; the words are true or not."""
CHATTER = (
    "Do not forget to subscribe.",
    "What a nice day.",
    "I had soup for lunch.",
    "Thank you for watching.",
    "The music is lovely.",
    "[Music]",
    "And then I said no.",
    "Can you hear me now?",
    "It was a long week.",
    "Let us go on.",
)
TITLES = ("My film", "Shapes at play", "Film number {number}", "Watch this", "New video", "Colours and shapes")
SEEN_TITLES = ("The {colour} {shape}", "{shape} {ground}", "How the {shape} {verb}")
DESCRIPTIONS = (
    "Made for fun.",
    "A short film.",
    "Like and share this video.",
    "All rights reserved.",
    "New films come out every week.",
)


class SceneText(NamedTuple):
    """The text around one scene; ``None`` where there is none."""

    title: str | None
    description: str | None
    subtitle: str | None


def scene_text(scene: Scene, rng: np.random.Generator) -> SceneText:
    """Write title, description and subtitle for a scene taken alone, as a clip row of a film would hold them.

    The name of the subject is told in the subtitle, the place in one of the three. Depending on
    ``scene.subtitle_kind`` the subtitle also speaks of what is in sight, rightly or wrongly, or of something else.
    """
    teller = pick(rng, ("title", "description", "subtitle")) if scene.place else "subtitle"
    told = scene.place if teller != "subtitle" else None
    said = subtitle_cues(scene, rng, place_told=teller != "subtitle")
    return SceneText(
        write_title(rng, told if teller == "title" else None),
        write_description(rng, told if teller == "description" else None),
        " ".join(said) or None,
    )


def subtitle_cues(scene: Scene, rng: np.random.Generator, *, place_told: bool = False) -> list[str]:
    """The sentences spoken during a scene, none to three.

    Args:
        scene: what is shown.
        rng: where all choices come from.
        place_told: the title or the description already tells the place.
    """
    cues = []
    if scene.name:
        cues.append(_fill(pick(rng, NAME_TOLD), name=scene.name))
    if scene.place and not place_told:
        cues.append(_fill(pick(rng, PLACE_TOLD), place=scene.place))
    cues += _remarks(scene, rng, scene.subtitle_kind)
    return [cues[i] for i in rng.permutation(len(cues))]


def write_title(rng: np.random.Generator, place: str | None = None) -> str | None:
    """The title of a film; tells ``place`` when given, else tells nothing true of the film."""
    if place:
        return _fill(pick(rng, PLACE_TITLES), place=place)
    chance = rng.random()
    if chance < 0.1:
        return None
    if chance < 0.35:
        return _speak_of(_other_scene(rng), pick(rng, SEEN_TITLES))
    return pick(rng, TITLES).format(number=int(rng.integers(1, 100)))


def write_description(rng: np.random.Generator, place: str | None = None) -> str | None:
    """The description of a film, one or two sentences; tells ``place`` when given."""
    own = _fill(pick(rng, PLACE_DESCRIPTIONS), place=place) if place else ""
    more = pick(rng, DESCRIPTIONS) if rng.random() < 0.7 else ""
    return f"{own} {more}".strip() or None


def text_words(text: str) -> list[str]:
    """The lower-case words of a title, description or subtitle, as in ``TEXT_VOCABULARY``; numbers are left out."""
    return re.findall(r"[a-z]+", text.lower())


def _remarks(scene: Scene, rng: np.random.Generator, kind: SubtitleKind) -> list[str]:
    if kind == "helps":
        return [_speak_of(scene, pick(rng, SEEN))]
    if kind == "misleads":
        other = _other_scene(rng)
        return [_speak_of(other, pick(rng, SEEN))] if rng.random() < 0.6 else [_decoy(scene, rng)]
    return [pick(rng, CHATTER)] if kind == "chatter" else []


def _decoy(scene: Scene, rng: np.random.Generator) -> str:
    name = pick(rng, [name for name in world.NAMES if name != scene.name])
    place = pick(rng, [place for place in world.PLACES if place != scene.place])
    return _fill(pick(rng, DECOYS), name=name, place=place)


def _other_scene(rng: np.random.Generator) -> Scene:
    """Something that is not shown; only words are made of it."""
    return world.random_scene(rng, "train")


def _speak_of(scene: Scene, sentence: str) -> str:
    verb, direction = action_parts(scene.action)
    finite = wording.ACTION_WORDS[verb][0][0] + (f" {wording.DIRECTION_WORDS[direction][0]}" if direction else "")
    ground = wording.BACKGROUND_WORDS[scene.background][0]
    subject = scene.subject
    said = sentence.format(
        colour=subject.colour, shape=subject.shape, texture=subject.texture, verb=finite, ground=ground
    )
    return said[0].upper() + said[1:]


def _fill(sentence: str, **names: str | None) -> str:
    return sentence.format(**{key: (value or "").capitalize() for key, value in names.items()})


def _text_vocabulary() -> tuple[str, ...]:
    templates = (
        NAME_TOLD + PLACE_TOLD + PLACE_TITLES + PLACE_DESCRIPTIONS + DECOYS + SEEN + CHATTER + TITLES + SEEN_TITLES
    )
    words = {word for text in templates + DESCRIPTIONS for word in text_words(re.sub(r"\{\w+\}", "", text))}
    return tuple(sorted(words | set(wording.VOCABULARY)))


TEXT_VOCABULARY: tuple[str, ...] = _text_vocabulary()
"""Every word that titles, descriptions, subtitles and captions can hold, in lower case, sorted."""
