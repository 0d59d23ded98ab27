"""Which teachers `panda-hf curate` and `panda-hf plan` ask, and where their checkpoints are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from panda_hf.captioning import Caption


def teacher_stages(names: Sequence[str], checkpoints: Sequence[str]) -> list[Caption]:
    """The teachers that the options ask for.

    Args:
        names: of teachers or of sets of them; none for those of the preset.
        checkpoints: ``NAME=FOLDER`` each, or ``NAME.ROLE=FOLDER`` for a part of a teacher that is a pipeline.

    Raises:
        ValueError: when there is no teacher of a name.
        typer.BadParameter: when a checkpoint is given to none of them, or twice.
    """
    from panda_hf.captioning import Caption
    from panda_hf.captioning.registry import card_of, expanded
    from panda_hf.pipeline import MINI_TEACHERS

    chosen = expanded(names or MINI_TEACHERS)
    given = _by_place(checkpoints)
    for place in given:
        name, _, role = place.partition(".")
        if name not in chosen:
            raise _wrong(
                f"{place!r} is none of the teachers of this run: {', '.join(chosen)}; give --teacher {name} too"
            )
        if role and role not in dict(card_of(name).parts):
            raise _wrong(f"{name!r} has no part {role!r}; it has {sorted(dict(card_of(name).parts))}")
    stages = []
    for name in chosen:
        parts = tuple(
            (place.partition(".")[2], where) for place, where in given.items() if place.startswith(f"{name}.")
        )
        stages.append(Caption(teacher=name, checkpoint=given.get(name), parts=parts))
    return stages


def _by_place(checkpoints: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in checkpoints:
        place, _, where = one.partition("=")
        if not place or not where:
            raise _wrong(f"{one!r}: expected NAME=FOLDER, such as blip2_opt_2_7b=models/blip2-opt-2.7b")
        if found.setdefault(place, where) != where:
            raise _wrong(f"{place!r} is given two checkpoints, {found[place]!r} and {where!r}; leave one out")
    return found


def _wrong(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint="--checkpoint")
