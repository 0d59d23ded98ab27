"""A captioner whose words are drawn at random, the same ones again for the same seed and video."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from panda_hf.captioning import Caption
from panda_hf.captioning.registry import TeacherCard


@dataclass(frozen=True, kw_only=True)
class DrawnCaption(Caption):
    """The ``Caption`` stage with nucleus sampling in place of its card's search."""

    draw_seed: int = 0
    draw_temperature: float = 1.0
    draw_top_p: float = 0.9
    """Draw only from the likeliest words that together have this probability."""

    def card(self) -> TeacherCard:
        """The card with its decoding replaced."""
        card = super().card()
        decoding = replace(
            card.decoding,
            sample=True,
            num_beams=1,
            seed=self.draw_seed,
            temperature=self.draw_temperature,
            top_p=self.draw_top_p,
        )
        return replace(card, decoding=decoding)


def drawn(stage: Caption, seed: int, temperature: float, top_p: float) -> DrawnCaption:
    """The stage with sampled captions.

    Raises:
        ValueError: for a temperature or a probability that cannot be.
    """
    same = {field.name: getattr(stage, field.name) for field in fields(stage)}
    return DrawnCaption(**same, draw_seed=seed, draw_temperature=temperature, draw_top_p=top_p)
