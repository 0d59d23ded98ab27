"""The pool of 31 from which the paper chose its eight teachers: every model with every input it can take, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Input = Literal["vision", "subtitle", "metadata"]
"""vision: what the model sees; subtitle: what is said in the clip; metadata: title and description."""
Sight = Literal["image", "video"]
"""image: one random frame between 0.3 and 0.7 of the clip; video: several frames."""


@dataclass(frozen=True)
class Model:
    """A base model of the pool."""

    name: str
    sight: Sight
    reads_text: bool
    """Whether it takes a prompt with subtitles or metadata: it then stands in the pool four times, else once."""


@dataclass(frozen=True)
class Combination:
    """One of the pool: a model with certain inputs."""

    model: str
    sight: Sight
    inputs: tuple[Input, ...]

    @property
    def name(self) -> str:
        """How judgements and tables call it: the model and the first letters of its inputs.

        Example:
            >>> Combination("videochat", "video", ("vision", "subtitle")).name
            'videochat_vs'
        """
        return f"{self.model}_{''.join(kind[0] for kind in self.inputs)}"

    @property
    def teacher(self) -> str | None:
        """The registered teacher that is this combination; ``None`` for those that the paper did not choose."""
        return PAPER_CHOICE.get(self.name)


MODELS = (
    Model("video_llama_pretrain", "video", True),
    Model("video_llama_finetune", "video", True),
    Model("videochat", "video", True),
    Model("videochat_text", "video", True),
    Model("video_chatgpt", "video", True),
    Model("blip2_opt_2_7b", "image", False),
    Model("blip2_opt_6_7b", "image", False),
    Model("blip2_flan_t5_xl", "image", False),
    Model("minigpt4_7b", "image", True),
    Model("minigpt4_13b", "image", True),
)
"""Paper, appendix B.1 and table 7."""

_ALL: tuple[tuple[Input, ...], ...] = (
    ("vision",),
    ("vision", "subtitle"),
    ("vision", "metadata"),
    ("vision", "subtitle", "metadata"),
)

POOL = tuple(
    Combination(model.name, model.sight, inputs)
    for model in MODELS
    for inputs in (_ALL if model.reads_text else _ALL[:1])
)
"""All 31, in the order of table 7."""

PAPER_CHOICE = {
    "video_llama_pretrain_v": "video_llama_pretrain",
    "video_llama_finetune_vs": "video_llama_finetune",
    "videochat_vs": "videochat",
    "videochat_text_vsm": "videochat_text",
    "blip2_opt_2_7b_v": "blip2_opt_2_7b",
    "blip2_opt_6_7b_v": "blip2_opt_6_7b",
    "blip2_flan_t5_xl_v": "blip2_flan_t5_xl",
    "minigpt4_7b_vsm": "minigpt4",  # the paper does not say whether it was the 7B or the 13B
}
"""The eight that the paper chose (appendix B.3), and the names of their teachers here."""


@dataclass(frozen=True)
class PaperCoverage:
    """What the paper reports of its own 1,000 judged clips (section 3.2, appendix B.3); nothing that was run here."""

    best_single: float = 0.308
    """Share of clips on which BLIP-2 with OPT 6.7B, the best of the pool, is good."""
    eight: float = 0.768
    """Share on which at least one of the chosen eight is."""
    all: float = 0.847
    """Share on which at least one of all 31 is."""


PAPER_COVERAGE = PaperCoverage()


def combination_of(name: str) -> Combination:
    """The combination of a name.

    Raises:
        ValueError: when the pool has none of that name.
    """
    for combination in POOL:
        if combination.name == name:
            return combination
    raise ValueError(f"the pool has no {name!r}; it has {[combination.name for combination in POOL]}")
