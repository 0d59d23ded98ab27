"""The registry as text."""

from __future__ import annotations

from collections.abc import Sequence

from panda_hf.captioning.registry.card import TeacherCard

HEAD = ("name", "checkpoint", "input", "fidelity", "size", "licence")


def as_table(cards: Sequence[TeacherCard], *, sets: bool = False) -> str:
    """The cards as a Markdown table; below it, what differs from the teacher of the name where something does.

    Args:
        cards: one per line.
        sets: with a column for the set; it is empty where a card is in none.
    """
    head = (*HEAD, "set") if sets else HEAD
    found = [(*_cells(card), ", ".join(card.sets)) if sets else _cells(card) for card in cards]
    rows = [head, tuple("---" for _ in head), *found]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) + " |" for row in rows]
    notes = [f"{card.name}: {card.fidelity}. {card.differs}" for card in cards if card.differs]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def shown_to(card: TeacherCard) -> str:
    """What a teacher is shown.

    Example:
        >>> from panda_hf.captioning.registry import card_of
        >>> shown_to(card_of("video_llama_finetune"))
        '8 frames, subtitle'
    """
    frames = f"{card.num_frames} frames" if card.num_frames else "frames"
    words = {"image": "1 frame", "video": frames, "text": "subtitle, title, description"}
    return ", ".join({**words, "metadata": "title, description"}.get(kind, kind) for kind in card.sees)


def size_of(card: TeacherCard) -> str:
    """Parameters, rounded: ``7.9 B``, ``260 M``; a question mark where nobody knows."""
    if card.billions is None:
        return "?"
    return f"{card.billions:.1f} B" if card.billions >= 1 else f"{card.billions * 1000:.0f} M"


def _cells(card: TeacherCard) -> tuple[str, ...]:
    checkpoints = " + ".join([card.checkpoint, *(checkpoint for _, checkpoint in card.parts)])
    return (card.name, checkpoints, shown_to(card), card.fidelity, size_of(card), card.licence)
