"""The teachers that have a name: data only, nothing is loaded here."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import get_args

from panda_hf.captioning.registry import laptop, mini, modern, paper
from panda_hf.captioning.registry.card import (
    Decoding,
    Family,
    Fidelity,
    Modality,
    PromptKind,
    TeacherCard,
    TeacherSet,
)

__all__ = [
    "DEFAULT_SET",
    "Decoding",
    "Family",
    "Fidelity",
    "Modality",
    "PromptKind",
    "TeacherCard",
    "TeacherSet",
    "card_of",
    "cards",
    "expanded",
    "teachers_of",
]


DEFAULT_SET: TeacherSet = "mini"
"""The teachers that caption where none are named: the roles of the paper's eight, shipped in the package."""


@functools.cache
def cards() -> dict[str, TeacherCard]:
    """All registered teachers by name: the paper's, modern ones, those of a laptop, the miniature's."""
    return {card.name: card for module in (paper, modern, laptop, mini) for card in module.CARDS}


def teachers_of(which: TeacherSet) -> tuple[str, ...]:
    """The names of a set, in the order of the registry.

    Example:
        >>> teachers_of("paper")[4:7]
        ('blip2_opt_2_7b', 'blip2_opt_6_7b', 'blip2_flan_t5_xl')
    """
    return tuple(card.name for card in cards().values() if which in card.sets)


def expanded(names: Sequence[str]) -> tuple[str, ...]:
    """Names of teachers, with the names of sets replaced by their teachers; each teacher once.

    Example:
        >>> expanded(["git_base_vatex", "laptop"])[:2]
        ('git_base_vatex', 'smolvlm2_256m')
    """
    sets = {which: teachers_of(which) for which in get_args(TeacherSet)}
    return tuple(dict.fromkeys(teacher for name in names for teacher in sets.get(name, (name,))))


def card_of(name: str) -> TeacherCard:
    """The card of a registered teacher.

    Raises:
        ValueError: when there is none of that name.
    """
    if name not in cards():
        raise ValueError(
            f"no teacher is called {name!r}; there are {sorted(cards())}. For a checkpoint of your own give "
            f"family= and checkpoint= too, as in Caption(teacher='my_blip', family='blip2', checkpoint='...')."
        )
    return cards()[name]
