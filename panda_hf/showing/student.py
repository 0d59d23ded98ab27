"""A student's caption, word by word as it is written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from panda_hf.captioning.sentences import clean_sentence
from panda_hf.errors import CandidateError, CheckpointError
from panda_hf.models.checkpoints import resolve
from panda_hf.models.devices import device_of
from panda_hf.models.release import kept
from panda_hf.showing.cast import MODELS

MAX_NEW_TOKENS = 48
WORD_SECONDS = 300.0
"""So long may one word take, the wait for one's turn and the loading of the model included."""


@dataclass(frozen=True)
class Words:
    """What is known of a clip in words; ``None`` where nothing is."""

    title: str | None = None
    description: str | None = None
    subtitle: str | None = None

    @classmethod
    def of(cls, title: str | None, description: str | None, subtitle: str | None) -> Words:
        """From what was typed: blank is nothing."""
        typed = ((text or "").strip() or None for text in (title, description, subtitle))
        return cls(*typed)

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return any((self.title, self.description, self.subtitle))


@dataclass(frozen=True)
class Student:
    """A loaded student with its processor. For one thread at a time."""

    model: Any
    processor: Any

    def write(self, frames: np.ndarray, words: Words, streamer: Any) -> None:
        """Write a caption into ``streamer``, greedily: the same every time.

        Args:
            frames: uint8 [n, h, w, 3] of the clip.
            words: what the text branch reads; none: pictures alone.
            streamer: of transformers.
        """
        import torch

        told = (words.title, words.description) if words.title or words.description else None
        inputs = self.processor(videos=[frames], subtitles=[words.subtitle], metadata=[told])
        ready = {name: value.to(self.model.device) for name, value in inputs.items()}
        with torch.inference_mode():
            self.model.generate(
                **ready, streamer=streamer, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, num_beams=1
            )


def stream_caption(checkpoint: str, frames: np.ndarray, words: Words) -> Iterator[str]:
    """The pieces of a student's caption as they are written.

    A thread of its own waits for its turn with the models and writes: whoever stops listening holds up nobody.

    Raises:
        CheckpointError: when the student cannot be loaded.
    """
    with MODELS.turn():
        # Two threads that import from transformers at once break its lazy modules.
        from transformers import TextIteratorStreamer

        student = load_student(checkpoint)
    streamer = TextIteratorStreamer(student.processor.tokenizer, timeout=WORD_SECONDS, skip_special_tokens=True)
    broken: list[Exception] = []
    args = (student, frames, words, streamer, broken)
    writer = threading.Thread(target=_write, args=args, name="student", daemon=True)
    writer.start()
    yield from streamer
    writer.join()
    if broken:
        raise broken[0]


def _write(student: Student, frames: np.ndarray, words: Words, streamer: Any, broken: list[Exception]) -> None:
    try:
        with MODELS.turn():
            student.write(frames, words, streamer)
    except Exception as error:  # raised again in the thread that reads the words
        broken.append(error)
        streamer.end()


def written(text: str) -> str | None:
    """One clean sentence of what a student wrote; ``None`` where it is none."""
    try:
        return clean_sentence(text)
    except CandidateError:
        return None


def load_student(checkpoint: str) -> Student:
    """A student, kept for the life of the process.

    Args:
        checkpoint: ``mini/...``, a folder or a Hub id, as ``PandaStudentForConditionalGeneration`` saves it.

    Raises:
        CheckpointError: when it is missing, incomplete, or no student.
    """
    return _load(checkpoint, device_of(None))


@kept
def _load(checkpoint: str, device: str) -> Student:
    where = resolve(checkpoint)
    try:
        from panda_hf.models.student import PandaStudentForConditionalGeneration, PandaStudentProcessor

        loaded: Any = PandaStudentForConditionalGeneration.from_pretrained(
            where, use_safetensors=True, output_loading_info=True
        )
        model, info = loaded
        processor = PandaStudentProcessor.from_pretrained(where)
    except Exception as error:  # readers of foreign files raise what they like
        said = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"{checkpoint!r} cannot be loaded as a student: {said}") from error
    if info["missing_keys"]:
        first = sorted(info["missing_keys"])[0]
        raise CheckpointError(f"{checkpoint!r} lacks weights of a student, such as {first!r}")
    return Student(model.to(device).eval(), processor)
