"""What a teacher is, which ones there are, and how one is loaded whole."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import resolve

Modality = Literal["image", "video", "text"]


@dataclasses.dataclass(frozen=True)
class ClipInput:
    """All that is known of one clip; each teacher uses what it can."""

    clip_id: str
    frames: np.ndarray  # uint8 [n, h, w, 3], RGB
    times: tuple[float, ...] = ()  # seconds in the video, one per frame
    title: str | None = None
    description: str | None = None
    subtitle: str | None = None


@dataclasses.dataclass(frozen=True)
class TeacherCard:
    """One teacher: what it is made of and how it is asked."""

    name: str
    family: str  # the module in this folder whose `load` builds it
    checkpoint: str  # mini/<name>, a folder or a Hub id
    sees: tuple[Modality, ...]  # image: one frame; video: all frames; text: title, description and subtitle
    max_new_tokens: int = 50
    num_beams: int = 1
    revision: str | None = None  # of the Hub repository
    source: str = ""  # where the generation defaults come from


class Teacher(Protocol):
    """Writes one caption per clip. The caption of a clip does not depend on the other clips of the call."""

    card: TeacherCard

    def caption(self, clips: Sequence[ClipInput], *, max_new_tokens: int, num_beams: int) -> list[str]:
        """One string per clip, as generated, possibly empty."""


@functools.cache
def cards() -> dict[str, TeacherCard]:
    """All registered teachers by name: the ``CARDS`` of every file in this folder."""
    package = importlib.import_module(__package__ or "panda_hf.captioning.teachers")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return {card.name: card for module in modules for card in getattr(module, "CARDS", ())}


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


@functools.cache
def load_teacher(card: TeacherCard, device: str) -> Teacher:
    """Build a teacher on a device; kept for the life of the process.

    Raises:
        CheckpointError: when the checkpoint is missing, incomplete or of another kind.
    """
    return importlib.import_module(f"{__package__}.{card.family}").load(card, device)


def load_whole(model_class: Any, card: TeacherCard, device: str) -> tuple[Any, Any]:
    """The model, in evaluation mode on ``device``, and its processor; float32 on a CPU, bfloat16 on a GPU.

    Raises:
        CheckpointError: when files are missing, or the weights do not fill the model exactly: transformers would only
            warn and make up the rest at random.
    """
    import torch
    from transformers import AutoProcessor

    where = resolve(card.checkpoint)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    try:
        with _no_loading_bar() if Path(where).is_dir() else contextlib.nullcontext():
            processor = AutoProcessor.from_pretrained(where, revision=card.revision or "main")
            model, info = model_class.from_pretrained(
                where, revision=card.revision or "main", dtype=dtype, use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"teacher {card.name!r}: {card.checkpoint!r} cannot be loaded: {error}") from error
    wrong = {kind: keys for kind in info if (keys := _not_tables(info[kind]))}
    if wrong:
        raise CheckpointError(
            f"teacher {card.name!r}: the weights of {card.checkpoint!r} do not fit {model_class.__name__}: "
            f"{ {kind: keys[:5] for kind, keys in wrong.items()} }. Is it a complete checkpoint of that class?"
        )
    return model.eval().to(device), processor


@contextlib.contextmanager
def _no_loading_bar() -> Iterator[None]:
    """Keep the bar that counts the weights of a small local checkpoint out of the bars of a run."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _not_tables(keys: Any) -> list[str]:
    """The keys that hold weights: old checkpoints also store tables that a model computes itself."""
    return sorted(str(key) for key in keys if not str(key).endswith((".position_ids", ".inv_freq")))


def pick_frame(clip: ClipInput, salt: str) -> np.ndarray:
    """One frame between 0.3 and 0.7 of the clip (paper, appendix B.1), uint8 [h, w, 3].

    Random between clips and between teachers (``salt``), but always the same for the same clip: a hash decides.
    """
    count = len(clip.frames)
    central = [i for i in range(count) if 0.3 <= (i + 0.5) / count <= 0.7] or [count // 2]
    digest = hashlib.sha256(f"{salt}/{clip.clip_id}".encode()).digest()
    return clip.frames[central[int.from_bytes(digest[:8], "big") % len(central)]]
