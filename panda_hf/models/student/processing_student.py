"""What a student eats: frames resized and normalised, the words around a video as a prompt, captions as targets.

This file is saved into a model's repository and runs there without the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin
from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from .pixels_student import Overshoot, load_frames, pick_from_start, pick_random, random_box, resize_frames
from .words_student import ANNOUNCE, ASK, DESCRIBED, SPOKEN, filled, normal_caption, plain

IGNORED = -100
"""The label of a position that does not count in the loss."""

Video = np.ndarray | str | Path
Metadata = tuple[str | None, str | None]
"""Title and description."""


class PandaStudentProcessor(ProcessorMixin):
    """Turn videos, the words around them and captions into model inputs.

    Frames are resized to a square without keeping the aspect and normalised with CLIP's mean and deviation. Texts
    become one prompt each, which is cut on the left and padded on the left; captions are cut and padded on the right.

    Args:
        tokenizer: of the language model.
        image_size: height and width after resizing, pixels.
        num_frames: frames per video: every n-th from the first on, and some several times where there are fewer.
        max_prompt_tokens: of a prompt, the start token included.
        max_caption_tokens: of a target, the end token included.
        normalize_captions: write targets in lower case without most punctuation, as the paper's student learned them.
        overshoot: what becomes of colours that the resizing puts out of range: ``clamp`` them, or ``wrap`` them
            around as the official code does, which leaves coloured specks at hard edges.
        antialias: smooth frames while they are made smaller. The official code does not; a student that sees frames
            much smaller than the video, such as the miniature's, needs it.
        announce, spoken, described, ask: lines of the prompt; ``{subtitle}``, ``{title}`` and ``{description}`` are
            filled in. For an official checkpoint give the wording that it was trained with.
        without_text: the prompt of a video of which nothing is known; ``""``: it gets none, and no text tokens.
        image_mean, image_std: per channel, for values in [0, 1].

    Example::

        inputs = processor(videos=[frames], subtitles=["and here is the lion"], metadata=[("A day at the zoo", None)])
        processor.batch_decode(model.generate(**inputs), skip_special_tokens=True)
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_size: int = 224,
        num_frames: int = 8,
        max_prompt_tokens: int = 200,
        max_caption_tokens: int = 48,
        normalize_captions: bool = True,
        overshoot: Overshoot = "clamp",
        antialias: bool = False,
        announce: str = ANNOUNCE,
        spoken: str = SPOKEN,
        described: str = DESCRIBED,
        ask: str = ASK,
        without_text: str = "",
        image_mean: Sequence[float] = tuple(OPENAI_CLIP_MEAN),
        image_std: Sequence[float] = tuple(OPENAI_CLIP_STD),
        **kwargs: Any,
    ) -> None:
        super().__init__(tokenizer)
        self.image_size = image_size
        self.num_frames = num_frames
        self.max_prompt_tokens = max_prompt_tokens
        self.max_caption_tokens = max_caption_tokens
        self.normalize_captions = normalize_captions
        self.overshoot: Overshoot = overshoot
        self.antialias = antialias
        self.announce = announce
        self.spoken = spoken
        self.described = described
        self.ask = ask
        self.without_text = without_text
        self.image_mean = list(image_mean)
        self.image_std = list(image_std)

    def __call__(  # type: ignore[override]
        self,
        videos: Sequence[Video] | None = None,
        subtitles: Sequence[str | None] | None = None,
        metadata: Sequence[Metadata | None] | None = None,
        prompts: Sequence[str | None] | None = None,
        captions: Sequence[str] | None = None,
        train: bool = False,
        rng: np.random.Generator | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Prepare videos, what is known of each, and captions to learn; each of them may be left out.

        Args:
            videos: frames uint8 (frames, height, width, 3), whose sizes may differ, or paths of video files.
            subtitles: what is said in each video; ``None``: nothing is known.
            metadata: title and description of each.
            prompts: complete prompts, in place of ``subtitles`` and ``metadata``; ``None`` for a video without one.
            captions: one per video.
            train: draw frames and a crop at random (appendix D.2) instead of taking even ones whole.
            rng: draws for ``train``; ``None``: numbers that nobody can draw again.
            kwargs: taken and ignored, since other processors have more arguments.

        Returns:
            ``pixel_values`` (videos, num_frames, 3, image_size, image_size); ``prompt_ids`` and ``prompt_mask``
            (videos, tokens), left out where no video has a prompt; ``input_ids``, ``attention_mask`` and ``labels``
            (videos, caption tokens).

        Raises:
            ValueError: for frames of another form, or lists of different lengths.
        """
        _refuse_uneven(videos=videos, subtitles=subtitles, metadata=metadata, prompts=prompts, captions=captions)
        data: dict[str, Any] = {}
        if videos is not None:
            draws = (rng or np.random.default_rng()) if train else None
            data["pixel_values"] = torch.stack([self.prepare_video(video, draws) for video in videos])
        if prompts is None:
            count = len(videos or subtitles or metadata or captions or ())
            pairs = zip(subtitles or [None] * count, metadata or [None] * count, strict=True)
            prompts = [self.build_prompt(spoken, *(known or (None, None))) for spoken, known in pairs]
        data.update(self.prepare_prompts(prompts))
        if captions is not None:
            data.update(self.prepare_captions(captions))
        return BatchFeature(data)

    def prepare_video(self, video: Video, rng: np.random.Generator | None = None) -> torch.Tensor:
        """A video as float32 (num_frames, 3, image_size, image_size).

        Args:
            video: see :meth:`__call__`.
            rng: draws frames and a crop; ``None``: even frames, whole.
        """
        frames = load_frames(video, self.num_frames) if isinstance(video, str | Path) else video
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
            raise ValueError(
                f"frames must be uint8 of shape (n > 0, height, width, 3), got {frames.dtype} of shape {frames.shape}"
            )
        if rng is None:
            picked = frames[pick_from_start(len(frames), self.num_frames)]
        else:
            top, left, height, width = random_box(frames.shape[1], frames.shape[2], rng)
            picked = frames[pick_random(len(frames), self.num_frames, rng), top : top + height, left : left + width]
        small = resize_frames(picked, self.image_size, self.overshoot, self.antialias)
        pixels = torch.from_numpy(small).permute(0, 3, 1, 2)
        mean, std = torch.tensor(self.image_mean), torch.tensor(self.image_std)
        return (pixels / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)

    def build_prompt(self, subtitle: str | None, title: str | None = None, description: str | None = None) -> str:
        """The prompt of one video from words that strangers wrote; ``without_text`` where there are none."""
        said, called, told = plain(subtitle, 400), plain(title, 100), plain(description, 250)
        lines = []
        if said:
            lines.append(filled(self.spoken, subtitle=said))
        if called or told:
            lines.append(filled(self.described, title=called, description=told))
        return "\n".join([self.announce, *lines, self.ask]) if lines else self.without_text

    def prepare_prompts(self, prompts: Sequence[str | None]) -> dict[str, torch.Tensor]:
        """``prompt_ids`` and ``prompt_mask`` (videos, tokens), padded on the left; nothing where all are empty.

        A prompt begins with the start token and is cut on the left, the start token with the rest, as in the
        official code. What looks like a special token is read as the letters that it is made of.
        """
        rows = [self._prompt_ids(prompt) for prompt in prompts]
        longest = max((len(row) for row in rows), default=0)
        if not longest:
            return {}
        filler = self.start_token_id
        ids = [[filler] * (longest - len(row)) + row for row in rows]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return {"prompt_ids": torch.tensor(ids), "prompt_mask": torch.tensor(mask)}

    def _prompt_ids(self, prompt: str | None) -> list[int]:
        if not prompt:
            return []
        ids = self.tokenizer(prompt, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [self.start_token_id, *ids][-self.max_prompt_tokens :]

    def prepare_captions(self, captions: Sequence[str]) -> dict[str, torch.Tensor]:
        """``input_ids``, ``attention_mask`` and ``labels`` (videos, tokens): each caption with an end token."""
        rows = [self._caption_ids(caption) for caption in captions]
        longest = max((len(row) for row in rows), default=0)
        end = self.tokenizer.eos_token_id
        return {
            "input_ids": torch.tensor([row + [end] * (longest - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
            "labels": torch.tensor([row + [IGNORED] * (longest - len(row)) for row in rows]),
        }

    def _caption_ids(self, caption: str) -> list[int]:
        target = normal_caption(caption) if self.normalize_captions else caption
        ids = self.tokenizer(target, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [*ids[: self.max_caption_tokens - 1], self.tokenizer.eos_token_id]

    @property
    def start_token_id(self) -> int:
        """What a prompt begins with: the tokenizer's start token, or its end token where it has none."""
        start = self.tokenizer.bos_token_id
        return self.tokenizer.eos_token_id if start is None else start

    @property
    def model_input_names(self) -> list[str]:
        """What the model takes from here."""
        return ["pixel_values", "prompt_ids", "prompt_mask", "input_ids", "attention_mask", "labels"]


def _refuse_uneven(**lists: Sequence[Any] | None) -> None:
    lengths = {name: len(values) for name, values in lists.items() if values is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"one entry for each video is needed, got {lengths}")
