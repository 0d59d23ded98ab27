"""What every family of teachers shares: what it is given, how it is loaded whole, which frames and words it sees."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from panda_hf.captioning.prompts import build_prompt
from panda_hf.captioning.registry.card import Decoding, TeacherCard
from panda_hf.errors import CheckpointError, PandaError
from panda_hf.models.checkpoints import ONLY_SAFETENSORS, check_folder, resolve
from panda_hf.models.loading import Loading
from panda_hf.models.release import kept
from panda_hf.stage import Failure

DEFAULT_LOADING = Loading()
CONVERT = (
    "The official files of Video-LLaMA hold only what was trained: run `panda-hf teachers convert` once and give its "
    "folder as checkpoint."
)


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
class Answer:
    """What was written of a clip, where there is more to say than the text."""

    text: str
    prompt_tokens: int | None = None  # as a server counted; None: it did not say
    new_tokens: int | None = None
    cut: bool = False  # a limit of length ended it, and not the teacher


Reply = str | Answer | Failure
"""What a teacher has for a clip: a text as generated, possibly empty, or why there is none."""


class Teacher(Protocol):
    """Writes one caption per clip. The caption of a clip does not depend on the other clips of the call."""

    card: TeacherCard

    def caption(self, clips: Sequence[ClipInput], decoding: Decoding) -> Sequence[Reply]:
        """One reply per clip. A ``Failure`` costs the clip this candidate; what is raised, all clips of the call."""


def load_teacher(card: TeacherCard, device: str, loading: Loading = DEFAULT_LOADING) -> Teacher:
    """Build a teacher on a device.

    Its models are loaded once for all teachers that use them in the same way, and kept until
    :func:`~panda_hf.models.release.release_models`.

    Raises:
        CheckpointError: when a checkpoint is missing, incomplete or of another kind.
    """
    family = importlib.import_module(f"{__package__}.{card.family}")
    try:
        return family.load(card, device, loading)
    except PandaError:
        raise
    except Exception as error:  # a checkpoint of another kind breaks anywhere, and would on every clip
        raise CheckpointError(
            f"teacher {card.name!r}: {card.checkpoint!r} cannot be run as family {card.family!r}: "
            f"{type(error).__name__}: {error}"
        ) from error


def check_found(card: TeacherCard) -> None:
    """Look whether a teacher's checkpoints are there, without loading them; Hub ids are not looked up.

    Raises:
        CheckpointError: when a folder or a miniature is missing or lacks files.
        EndpointError: when the variable that should hold a server's key is not set.
    """
    if card.family == "endpoint":
        load_teacher(card, "cpu")
        return
    for checkpoint in (card.checkpoint, *dict(card.parts).values()):
        try:
            check_folder(resolve(checkpoint))
        except CheckpointError as error:
            hint = CONVERT if card.family == "video_llama" and checkpoint == card.checkpoint else ""
            raise CheckpointError(" ".join([f"teacher {card.name!r}: {error}", hint]).strip()) from error


def wording_of(card: TeacherCard) -> tuple[str, ...]:
    """What a family adds to the prompt in words of its own, its ``WORDING``: part of the prompt's hash."""
    return tuple(getattr(importlib.import_module(f"{__package__}.{card.family}"), "WORDING", ()))


def load_whole(
    model_class: Any, card: TeacherCard, device: str, loading: Loading = DEFAULT_LOADING, processor_class: Any = None
) -> tuple[Any, Any]:
    """The model, in evaluation mode on its device, and its processor.

    Args:
        model_class: with ``from_pretrained``; an auto class will do.
        card: whose checkpoint.
        device: such as ``cpu`` or ``cuda:0``.
        loading: number format, spread and quantisation.
        processor_class: ``None`` for what ``AutoProcessor`` takes it for.

    Raises:
        CheckpointError: when files are missing, or the weights do not fill the model exactly: transformers would only
            warn and make up the rest at random.
    """
    try:
        return _load_pair(model_class, processor_class, resolve(card.checkpoint), card.revision, device, loading)
    except CheckpointError as error:
        raise CheckpointError(f"teacher {card.name!r}: {error}") from error.__cause__


@kept
def _load_pair(
    model_class: Any, processor_class: Any, where: str, revision: str | None, device: str, loading: Loading
) -> tuple[Any, Any]:
    from transformers import AutoProcessor

    which = {"revision": revision or "main", "trust_remote_code": loading.trust_remote_code}
    try:
        with _quiet_loading(bar=not Path(where).is_dir()):
            processor = (processor_class or AutoProcessor).from_pretrained(where, **which)
            model, info = model_class.from_pretrained(
                where, **{**which, **loading.arguments(device)}, use_safetensors=True, output_loading_info=True
            )
    except Exception as error:  # readers of foreign files raise what they like; none of it is about a clip
        said = f"{where!r} cannot be loaded: {type(error).__name__}: {error}"
        raise CheckpointError(" ".join([said, *_advice(where, str(error))])) from error
    kinds = [kind for kind in info if kind != "unexpected_keys" or loading.unexpected == "refuse"]
    wrong = {kind: keys for kind in kinds if (keys := _not_tables(info[kind]))}
    if wrong:
        raise CheckpointError(
            f"the weights of {where!r} do not fit {model_class.__name__}: "
            f"{ {kind: keys[:5] for kind, keys in wrong.items()} }. Is it a complete checkpoint of that class? "
            f"Weights that are only unexpected are let pass by Loading(unexpected='ignore')."
        )
    return (model.eval() if loading.placed else model.eval().to(device)), processor


def _advice(where: str, said: str) -> list[str]:
    """What to do about an error of loading, in terms of this package."""
    found = []
    if not Path(where).is_dir():
        found.append("There is no folder of that name here, so it was looked for on the Hub.")
    if ".safetensors" in said and not any(Path(where).glob("*.safetensors")):
        found.append(ONLY_SAFETENSORS)
    if "trust_remote_code" in said:
        found.append("Where you trust that code, say so by Loading(trust_remote_code=True), and pin revision.")
    return found


@contextlib.contextmanager
def _quiet_loading(bar: bool) -> Iterator[None]:
    """Keep transformers' report on the weights, which is judged here, and the bar unless wanted out of a run."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.set_verbosity_error()
    if not bar:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
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


def pick_frames(clip: ClipInput, count: int | None) -> np.ndarray:
    """``count`` frames at the middles of equal parts of the clip's frames, uint8 [count, h, w, 3].

    Fewer frames than asked for are repeated evenly; ``None`` takes all.
    """
    have = len(clip.frames)
    if count is None or count == have:
        return clip.frames
    return clip.frames[[int((i + 0.5) * have / count) for i in range(count)]]


def words_of(card: TeacherCard, clip: ClipInput) -> dict[str, str | None]:
    """What the teacher may read of the words around a clip: ``title``, ``description``, ``subtitle`` or ``None``."""
    metadata = "text" in card.sees or "metadata" in card.sees
    spoken = "text" in card.sees or "subtitle" in card.sees
    return {
        "title": clip.title if metadata else None,
        "description": clip.description if metadata else None,
        "subtitle": clip.subtitle if spoken else None,
    }


def prompt_for(card: TeacherCard, clip: ClipInput, tokenizer: Any) -> str:
    """What a teacher is asked about a clip; see :func:`~panda_hf.captioning.prompts.build_prompt`."""
    return build_prompt(tokenizer, shown=card.shown, **words_of(card, clip))


def reads_words(card: TeacherCard) -> bool:
    """Whether the teacher is told anything besides pixels."""
    return bool({"text", "metadata", "subtitle"} & set(card.sees))
