"""The closed language of captions: for each fact, the phrases that say it."""

from __future__ import annotations

from panda_hf.mini import world

SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "ball": ("ball", "sphere"),
    "cube": ("cube", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "ring": ("ring", "hoop"),
    "cross": ("cross", "plus"),
    "heart": ("heart",),
    "diamond": ("diamond",),
}
COLOUR_WORDS: dict[str, tuple[str, ...]] = {colour: (colour,) for colour in world.COLOURS} | {
    "purple": ("purple", "violet")
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "medium": ("medium",),
    "large": ("large", "big", "huge"),
}
TEXTURE_WORDS: dict[str, tuple[str, ...]] = {
    "plain": ("plain",),
    "striped": ("striped", "stripy"),
    "dotted": ("dotted", "spotted"),
    "checked": ("checked", "checkered"),
}
TEXTURE_TAILS: dict[str, str] = {"striped": "with stripes", "dotted": "with dots", "checked": "with checks"}
"""Ways to say the texture behind the noun."""

ACTION_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "rests": (("stands still", "standing still"), ("rests", "resting")),
    "slides": (("slides", "sliding"), ("moves", "moving"), ("glides", "gliding")),
    "rolls": (("rolls", "rolling"), ("tumbles", "tumbling")),
    "spins": (("spins", "spinning"), ("rotates", "rotating"), ("turns around", "turning around")),
    "bounces": (("bounces", "bouncing"), ("hops", "hopping"), ("jumps", "jumping")),
    "grows": (("grows", "growing"), ("gets bigger", "getting bigger")),
    "shrinks": (("shrinks", "shrinking"), ("gets smaller", "getting smaller")),
    "appears": (("appears", "appearing"), ("fades in", "fading in")),
    "disappears": (("disappears", "disappearing"), ("fades out", "fading out"), ("vanishes", "vanishing")),
    "blinks": (("blinks", "blinking"), ("flickers", "flickering")),
    "shakes": (("shakes", "shaking"), ("trembles", "trembling")),
    "circles": (("circles", "circling"), ("moves in a circle", "moving in a circle")),
}
"""Each way to say an action, as a finite verb and as a participle; the canonical way first."""

DIRECTION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("to the left", "left"),
    "right": ("to the right", "right"),
    "up": ("up", "upwards"),
    "down": ("down", "downwards"),
}
BACKGROUND_WORDS: dict[str, tuple[str, ...]] = {
    "field": ("on a green field", "on the grass", "in a meadow"),
    "night": ("under a night sky", "at night", "under a starry sky"),
    "sea": ("by the blue sea", "at the seaside", "over the ocean"),
    "desert": ("in a sandy desert", "on the sand", "among the dunes"),
    "snow": ("in the white snow", "on the snow", "in a snowy forest"),
    "wall": ("before a brick wall", "in front of a brick wall", "by a wall of bricks"),
    "city": ("before a city skyline", "in a city", "in front of tall buildings"),
    "room": ("in a room", "inside a house", "indoors"),
}
BACKGROUND_CUES: dict[str, tuple[str, ...]] = {
    "field": ("field", "grass", "meadow"),
    "night": ("night", "sky", "starry"),
    "sea": ("sea", "seaside", "ocean"),
    "desert": ("desert", "sand", "sandy", "dunes"),
    "snow": ("snow", "snowy", "forest"),
    "wall": ("wall", "brick", "bricks"),
    "city": ("city", "skyline", "buildings"),
    "room": ("room", "house", "indoors", "inside"),
}
"""The words that alone give a background away, whatever stands around them."""

RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left of": ("to the left of", "left of"),
    "right of": ("to the right of", "right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
CAMERA_WORDS: dict[str, tuple[str, ...]] = {
    "static": ("camera stays still",),
    "pans left": ("camera pans left", "camera pans to the left"),
    "pans right": ("camera pans right", "camera pans to the right"),
    "zooms in": ("camera zooms in", "camera moves closer"),
    "zooms out": ("camera zooms out", "camera moves back"),
}
CAMERA_LINKS = ("as the", "while the")
NAME_LINKS = ("called", "named")
OPENINGS = ("", "there is", "we see", "here is")
"""What may stand before the subject; all but the first ask for a participle."""


def action_parts(action: str) -> tuple[str, str | None]:
    """Split ``"slides left"`` into ``("slides", "left")``; an action without direction gives ``None``."""
    verb, _, direction = action.partition(" ")
    return verb, direction or None


def _vocabulary() -> tuple[str, ...]:
    tables = (
        SHAPE_WORDS,
        COLOUR_WORDS,
        SIZE_WORDS,
        TEXTURE_WORDS,
        DIRECTION_WORDS,
        BACKGROUND_WORDS,
        RELATION_WORDS,
        CAMERA_WORDS,
    )
    phrases = [phrase for table in tables for group in table.values() for phrase in group]
    phrases += [form for group in ACTION_WORDS.values() for forms in group for form in forms]
    phrases += [*TEXTURE_TAILS.values(), *CAMERA_LINKS, *NAME_LINKS, *OPENINGS, *world.NAMES, *world.PLACES]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()} | {"a", "an", "and", "in"}))


VOCABULARY: tuple[str, ...] = _vocabulary()
"""Every word a caption of this world can hold, sorted."""
