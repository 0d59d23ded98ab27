"""The single facts that are true of a scene, which of them a full caption states, and what each modality can tell."""

from __future__ import annotations

from typing import NamedTuple

from panda_hf.mini.wording import action_parts
from panda_hf.mini.world import Modality, Scene


class Fact(NamedTuple):
    """One checkable statement, such as ``Fact("colour", "red")``."""

    kind: str
    """``shape, colour, size, texture, action, direction, name`` of the subject; ``relation``; ``second_…`` and
    ``third_…`` for the other objects; ``extra_shape`` for an object too many; ``background, camera, place``."""
    value: str


MOTION_KINDS = frozenset({"action", "direction", "camera"})
TEXT_KINDS = frozenset({"name", "place"})
UNSAID = frozenset(
    {Fact("size", "medium"), Fact("texture", "plain"), Fact("action", "rests"), Fact("camera", "static")}
    | {Fact(f"{role}_size", "small") for role in ("second", "third")}
    | {Fact(f"{role}_texture", "plain") for role in ("second", "third")}
)
"""What goes without saying: true where nothing else is, but no key fact."""


def true_facts(scene: Scene) -> frozenset[Fact]:
    """Everything a caption may say of ``scene``. A subject that grows or shrinks has no size."""
    verb, direction = action_parts(scene.action)
    found: list[tuple[str, str | None]] = [
        ("action", verb),
        ("direction", direction),
        ("background", scene.background),
        ("camera", scene.camera),
        ("relation", scene.relation),
        ("name", scene.name),
        ("place", scene.place),
    ]
    for role, thing in zip(("", "second_", "third_"), scene.things, strict=False):
        found += [(role + "shape", thing.shape), (role + "colour", thing.colour), (role + "texture", thing.texture)]
        if verb not in ("grows", "shrinks") or role:
            found.append((role + "size", thing.size))
    return frozenset(Fact(kind, value) for kind, value in found if value is not None)


def key_facts(scene: Scene) -> frozenset[Fact]:
    """What a full caption states: all true facts but those that go without saying."""
    return true_facts(scene) - UNSAID


def visible_facts(scene: Scene, modality: Modality) -> frozenset[Fact]:
    """The key facts that ``modality`` can tell.

    ``image``: one frame from the middle, so no motion. ``video``: frames over the whole scene, so all but name and
    place. ``text``: frames, title, description and subtitle, so everything.
    """
    hidden = frozenset[str]() if modality == "text" else TEXT_KINDS
    if modality == "image":
        hidden |= MOTION_KINDS
    return frozenset(fact for fact in key_facts(scene) if fact.kind not in hidden)
