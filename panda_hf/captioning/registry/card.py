"""What a teacher is: a card of data that says how its captions are made and how near it is to the paper's teacher."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from panda_hf.captioning.registry.endpoint import Endpoint

Modality = Literal["image", "video", "text", "subtitle", "metadata"]
"""image: one frame of the middle; video: several frames; subtitle: what is spoken in the clip; metadata: title and
description; text: both of these."""
Family = Literal[
    "blip2",
    "image_text_to_text",
    "instructblip",
    "florence2",
    "git",
    "video_llama",
    "videochat_text",
    "endpoint",
    "text_only",
    "student",
]
"""How a checkpoint is run: the file in ``teachers/`` whose ``load`` builds the teacher."""
PromptKind = Literal["none", "ask", "conversation", "task"]
"""none: pixels only; ask: the four-part prompt, in the processor's chat template where it has one; conversation: the
four-part prompt between the turns ``card.turns``; task: the words ``card.task``, as the checkpoint was trained."""
_WORDS: frozenset[Modality] = frozenset(("text", "subtitle", "metadata"))
TAKES: dict[str, frozenset[Modality]] = {
    "blip2": _WORDS | {"image"},
    "florence2": frozenset({"image"}),
    "git": frozenset(("image", "video")),
    "instructblip": _WORDS | {"image", "video"},
    "student": _WORDS | {"video"},
    "text_only": _WORDS,
    "video_llama": _WORDS | {"video"},
    "videochat_text": _WORDS | {"video"},
}
"""What a family can be shown; those that are not here take anything."""
Subject = Literal["video", "image"]
"""What a prompt calls that which is shown."""
Fidelity = Literal["exact", "assembled", "substitute"]
"""exact: the very model; assembled: the original from parts that transformers has; substitute: another model in its
place. Always with respect to the teacher of that name, and ``exact`` for a teacher that stands for itself."""
TeacherSet = Literal["paper", "modern", "laptop", "mini"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoding:
    """How words are drawn from a teacher. The defaults are greedy."""

    max_new_tokens: int = 50
    num_beams: int = 1
    sample: bool = False
    """Draw words by their probability instead of taking the likeliest; a hash of ``seed`` and clip id decides."""
    temperature: float = 1.0
    top_p: float = 1.0
    """Draw only from the likeliest words that together have this probability, in (0, 1]."""
    repetition_penalty: float = 1.0
    length_penalty: float = 1.0
    """Of the search with several beams: above 0 longer captions gain by it."""
    min_new_tokens: int = 0
    """So many tokens are written before the caption may end."""
    stop: tuple[str, ...] = ()
    """The caption ends before the first of these."""
    seed: int = 0
    """Of the sampling; without sampling it changes nothing."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_new_tokens <= self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens={self.min_new_tokens}: expected 0 to max_new_tokens={self.max_new_tokens}"
            )
        if self.max_new_tokens < 1 or self.num_beams < 1:
            raise ValueError(
                f"max_new_tokens={self.max_new_tokens}, num_beams={self.num_beams}: both must be at least 1"
            )
        if not (self.temperature > 0 and 0 < self.top_p <= 1 and self.repetition_penalty > 0):
            raise ValueError(
                f"temperature={self.temperature}, top_p={self.top_p}, repetition_penalty={self.repetition_penalty}: "
                f"expected temperature > 0, 0 < top_p <= 1, repetition_penalty > 0"
            )
        if self.sample and self.num_beams > 1:
            raise ValueError(f"sample=True with num_beams={self.num_beams}: a sampled caption has one beam")


@dataclasses.dataclass(frozen=True)
class TeacherCard:
    """One teacher: what it is made of, what it is shown, how it is asked, and what is known of it."""

    name: str
    family: str  # a Family
    checkpoint: str  # mini/<name>, a folder or a Hub id
    sees: tuple[Modality, ...]
    decoding: Decoding = Decoding()
    prompt: PromptKind = "ask"
    task: str = ""  # the words of a `task` prompt
    turns: tuple[str, str] = ("", "")  # what a `conversation` puts before the prompt and after it
    asked_about: Subject | None = None  # what an `ask` calls what is shown; None: an image where it sees only one
    num_frames: int | None = None  # shown of the clip's frame pack, spread evenly; None: all of them
    endpoint: Endpoint | None = None  # where the model is served; None: it is loaded into this process
    parts: tuple[tuple[str, str], ...] = ()  # further checkpoints of a pipeline: (role, checkpoint)
    model_class: str = ""  # the class that runs it; "" where the family has only one
    revision: str | None = None  # of the Hub repository
    sets: tuple[TeacherSet, ...] = ()
    fidelity: Fidelity = "exact"
    differs: str = ""  # one sentence: what differs from the teacher of that name; "" for nothing
    licence: str = ""  # of the weights
    billions: float | None = None  # of parameters, all parts together; None: unknown
    source: str = ""  # where inputs and generation settings come from
    plays: str = ""  # the paper's teacher whose part a miniature plays; "" for none

    def __post_init__(self) -> None:
        if self.family not in get_args(Family):
            raise ValueError(f"teacher {self.name!r}: family={self.family!r} is none of {sorted(get_args(Family))}")
        if not self.sees or not set(self.sees) <= set(get_args(Modality)):
            raise ValueError(
                f"teacher {self.name!r}: sees={self.sees}: expected one or more of {sorted(get_args(Modality))}"
            )
        taken = TAKES.get(self.family)
        if taken is not None and not taken.issuperset(self.sees):
            raise ValueError(
                f"teacher {self.name!r}: sees={self.sees}, but the family {self.family!r} can be shown only "
                f"{sorted(taken)}; take another family, or change sees"
            )

    @property
    def shown(self) -> Subject:
        """What the prompt calls that which the teacher sees."""
        return self.asked_about or ("image" if "image" in self.sees and "video" not in self.sees else "video")

    def part(self, role: str) -> str:
        """The checkpoint of a role of a pipeline; ``""`` where it has none."""
        return dict(self.parts).get(role, "")
