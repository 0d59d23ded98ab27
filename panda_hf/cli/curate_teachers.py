"""Which teachers `panda-hf curate` and `panda-hf plan` ask, and where their checkpoints are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from panda_hf.captioning import Caption


def teachers_of(
    names: Sequence[str] | None, checkpoints: Sequence[str] | None, config: Path | None
) -> list[Caption] | None:
    """The teachers that the options ask for; ``None`` where they ask for none.

    Raises:
        typer.BadParameter: see :func:`teacher_stages` and :func:`~panda_hf.captioning.teacher_file.read_teachers`.
    """
    if not (names or checkpoints or config):
        return None
    from panda_hf.captioning.teacher_file import read_teachers

    try:
        own = read_teachers(config) if config else []
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--teacher-config") from error
    try:
        return teacher_stages(names or (), checkpoints or (), own)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--teacher") from error


def teacher_stages(names: Sequence[str], checkpoints: Sequence[str], own: Sequence[Caption] = ()) -> list[Caption]:
    """The teachers that the options ask for.

    Args:
        names: of teachers or of sets of them; none for the default set, unless there are ``own`` ones.
        checkpoints: ``NAME=FOLDER`` each, or ``NAME.ROLE=FOLDER`` for a part of a teacher that is a pipeline.
        own: with all their settings, beside the others or in place of those of their names.

    Raises:
        ValueError: when there is no teacher of a name.
        typer.BadParameter: when a checkpoint is given to none of them, or twice.
    """
    from panda_hf.captioning import Caption
    from panda_hf.captioning.registry import DEFAULT_SET, card_of, expanded

    settled = {stage.teacher: stage for stage in own}
    named = names if names or own else (DEFAULT_SET,)
    chosen = tuple(dict.fromkeys([*expanded([name for name in named if name not in settled]), *settled]))
    given = _by_place(checkpoints)
    for place in given:
        name, _, role = place.partition(".")
        if name not in chosen:
            raise _wrong(
                f"{place!r} is none of the teachers of this run: {', '.join(chosen)}; give --teacher {name} too"
            )
        if name in settled:
            raise _wrong(f"{name!r} has its settings from --teacher-config; write its checkpoint there")
        if role and role not in dict(card_of(name).parts):
            raise _wrong(f"{name!r} has no part {role!r}; it has {sorted(dict(card_of(name).parts))}")
    stages = []
    for name in chosen:
        if name in settled:
            stages.append(settled[name])
            continue
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
