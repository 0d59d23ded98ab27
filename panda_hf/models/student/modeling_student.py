"""The student: it watches a video, reads what is written around it, and writes one sentence, without any teacher.

Panda-70M (arXiv 2402.19479), section 3.4 and appendix D. Stock parts of transformers: ``Blip2VisionModel``, three
``Blip2QFormerModel`` and any causal language model. This file is saved into a model's repository and runs there
without the package.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, Blip2QFormerModel, GenerationMixin, PreTrainedModel
from transformers.utils import ModelOutput

from .configuration_student import PandaStudentConfig
from .video_branch import VideoBranch

IGNORED = -100
"""The label of a position that does not count in the loss."""

Part = Literal["vision", "qformer", "video", "text", "language"]
_PARTS: dict[str, tuple[str, ...]] = {
    "vision": ("vision_model",),
    "qformer": ("query_tokens", "qformer"),
    "video": ("frame_position_embedding", "video_query_tokens", "video_qformer", "projection"),
    "text": ("text_position_embedding", "text_qformer"),
    "language": ("language_model",),
}
"""The parts that are trained or frozen as one, by the names of their modules. The paper freezes vision, qformer and
language."""


@dataclass
class PandaStudentOutput(ModelOutput):
    """What a forward pass returns.

    Attributes:
        loss: mean cross-entropy over the caption's tokens, only where there were labels.
        logits: (videos, caption tokens, vocabulary); place i scores caption token i, from all before it. Without a
            caption (videos, 1, vocabulary): the first word.
        video_tokens: (videos, num_video_tokens, width of the language model).
        text_tokens: alike, zeros in rows that have no text; ``None`` where no row has one.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    video_tokens: Tensor | None = None
    text_tokens: Tensor | None = None


class PandaStudentPreTrainedModel(PreTrainedModel):
    """How the weights are loaded."""

    config_class = PandaStudentConfig
    base_model_prefix = "panda_student"
    main_input_name = "pixel_values"
    input_modalities = ["video", "text"]
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["Blip2EncoderLayer", "Blip2QFormerLayer"]
    _keep_in_fp32_modules = ["query_tokens", "qformer", "video_query_tokens", "video_qformer", "text_qformer"]


class PandaStudentForConditionalGeneration(VideoBranch, PandaStudentPreTrainedModel, GenerationMixin):
    """Videos, and where there is one a text about each, in; captions out.

    The language model reads its start token, the text's tokens, the video's tokens, and writes. A row without text
    has no text tokens before the video's. No row's caption depends on the other rows of its batch, unless
    ``config.prompt_positions`` asks for the official positions.

    Example::

        inputs = processor(videos=[frames], metadata=[("A day at the zoo", None)])   # frames: uint8 (n, h, w, 3)
        print(processor.batch_decode(model.generate(**inputs, max_new_tokens=48), skip_special_tokens=True))
    """

    def __init__(self, config: PandaStudentConfig) -> None:
        super().__init__(config)
        self.build_video_branch(config.num_video_tokens, config.text_width)
        self.text_position_embedding = nn.Embedding(config.max_prompt_tokens, config.text_width)
        self.text_qformer = Blip2QFormerModel(config.text_qformer_config)
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        self._no_split_modules = sorted({*self._no_split_modules, *(self.language_model._no_split_modules or ())})
        self.post_init()

    # --- what is trained ----------------------------------------------------------------------------------------

    def freeze(
        self, parts: Sequence[Part] = ("vision", "qformer", "language"), dtype: torch.dtype | None = None
    ) -> None:
        """Train everything but ``parts``; they also stay in evaluation mode (no dropout) whatever ``train()`` says.

        Args:
            parts: names of :data:`Part`; the default is the paper's, ``()`` frees all.
            dtype: number format to keep the frozen parts in, such as ``torch.bfloat16``; ``None``: as they are.

        Raises:
            ValueError: for a part that a student does not have.
        """
        unknown = sorted(set(parts) - set(get_args(Part)))
        if unknown:
            raise ValueError(f"parts={unknown}: a student has {list(get_args(Part))}")
        for name in get_args(Part):
            for parameter in self._parameters_of(name):
                parameter.requires_grad_(name not in parts)
                if name in parts and dtype is not None:
                    parameter.data = parameter.data.to(dtype)
        self.train(self.training)

    def trainable_part_names(self) -> tuple[Part, ...]:
        """The parts of which some weight is trained, in the order of :data:`Part`."""
        learning = [name for name in get_args(Part) if any(p.requires_grad for p in self._parameters_of(name))]
        return cast(tuple[Part, ...], tuple(learning))

    def train(self, mode: bool = True) -> PandaStudentForConditionalGeneration:
        """As of any module, but a part of which nothing is trained stays in evaluation mode."""
        super().train(mode)
        learning = self.trainable_part_names()
        for name in get_args(Part):
            for module in (getattr(self, piece) for piece in _PARTS[name]):
                if name not in learning and isinstance(module, nn.Module):
                    module.eval()
        return self

    def _parameters_of(self, part: Part) -> list[nn.Parameter]:
        return [weight for name, weight in self.named_parameters() if name.split(".")[0] in _PARTS[part]]

    # --- from videos and texts to what the language model reads -------------------------------------------------

    def get_text_features(
        self, video_tokens: Tensor, prompt_ids: Tensor, prompt_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Texts as the language model reads them: condensed to as many tokens as the videos have.

        The language model's own embeddings of the text are the keys, the video's tokens the queries. These are
        detached: no gradient passes from the text's tokens into the branch that sees (appendix D.1).

        Args:
            video_tokens: (videos, num_video_tokens, width), from :meth:`get_video_features`.
            prompt_ids: (videos, tokens), padded on the left.
            prompt_mask: (videos, tokens), 1 for real tokens, all 0 in a row without text; ``None``: all are real.

        Returns:
            (videos, num_video_tokens, width), zeros in rows without text; and bool (videos,), which rows have one.
        """
        mask = torch.ones_like(prompt_ids) if prompt_mask is None else prompt_mask
        told = mask.any(dim=1)
        ids, mask = prompt_ids[told], mask[told]
        places = self.text_position_embedding(self._prompt_places(mask))
        words = self.get_input_embeddings()(ids)
        condensed = self.text_qformer(
            query_embeds=video_tokens.detach()[told].to(self.text_qformer.dtype),
            encoder_hidden_states=words.to(places.dtype) + places,
            encoder_attention_mask=mask,
        ).last_hidden_state
        tokens = video_tokens.new_zeros(video_tokens.shape)
        tokens[told] = condensed.to(tokens.dtype)
        return tokens, told

    def _prompt_places(self, mask: Tensor) -> Tensor:
        if self.config.prompt_positions == "batch":
            places = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
        else:
            places = (mask.long().cumsum(dim=1) - 1).clamp(min=0)
        if places.numel() and int(places.max()) >= self.config.max_prompt_tokens:
            raise ValueError(
                f"a text of {int(places.max()) + 1} tokens; this model knows the places of "
                f"{self.config.max_prompt_tokens}: cut the text on the left"
            )
        return places

    def get_prefix(
        self, video_tokens: Tensor, text_tokens: Tensor | None = None, told: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the language model reads before the caption: start token, text, video.

        Args:
            video_tokens: (videos, num_video_tokens, width).
            text_tokens: alike; ``None``: no row has a text.
            told: bool (videos,), which rows have a text; ``None``: all have. The others are padded on the left.

        Returns:
            Embeddings (videos, length, width) and their mask (videos, length), 1 for real ones.
        """
        embed = self.get_input_embeddings()
        start = embed(torch.tensor([[self.config.start_token_id]], device=video_tokens.device))
        start, video = start.expand(len(video_tokens), -1, -1), video_tokens.to(start.dtype)
        if text_tokens is None:
            prefix = torch.cat([start, video], dim=1)
            return prefix, prefix.new_ones(prefix.shape[:2], dtype=torch.long)
        text = text_tokens.to(start.dtype)
        prefix = torch.cat([start, text, video], dim=1)
        mask = prefix.new_ones(prefix.shape[:2], dtype=torch.long)
        if told is None or bool(told.all()):
            return prefix, mask
        untold = torch.cat([torch.zeros_like(text), start, video], dim=1)
        mask[:, : text.shape[1]] = told[:, None]
        return torch.where(told[:, None, None], prefix, untold), mask

    def _read(
        self,
        pixel_values: Tensor | None,
        prompt_ids: Tensor | None,
        prompt_mask: Tensor | None,
        video_tokens: Tensor | None,
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        if (pixel_values is None) == (video_tokens is None):
            raise ValueError("a student needs either pixel_values or video_tokens (from get_video_features)")
        video = self.get_video_features(cast(Tensor, pixel_values)) if video_tokens is None else video_tokens
        if prompt_ids is None or (prompt_mask is not None and not bool(prompt_mask.any())):
            return video, None, *self.get_prefix(video)
        text, told = self.get_text_features(video, prompt_ids, prompt_mask)
        return video, text, *self.get_prefix(video, text, told)

    # --- learning and writing -----------------------------------------------------------------------------------

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        prompt_ids: Tensor | None = None,
        prompt_mask: Tensor | None = None,
        video_tokens: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> PandaStudentOutput:
        """Scores of a caption's tokens, and the loss where there are labels.

        Args:
            pixel_values: (videos, frames, 3, height, width), normalised.
            input_ids: (videos, caption tokens): the caption without start token and with its end token, padded on
                the right; ``None``: the first word is scored.
            attention_mask: (videos, caption tokens), 1 for real tokens; ``None``: all are.
            labels: (videos, caption tokens), ``input_ids`` with -100 where nothing is learned.
            prompt_ids: (videos, tokens) of the texts, padded on the left; ``None``: no video has one.
            prompt_mask: (videos, tokens), 1 for real tokens, all 0 in a row without text; ``None``: all are real.
            video_tokens: from :meth:`get_video_features`, in place of ``pixel_values`` that were seen before.
            num_items_in_batch: caption tokens that the loss is divided by, where ``Trainer`` adds up several batches.
            kwargs: for the language model.
        """
        video, text, prefix, mask = self._read(pixel_values, prompt_ids, prompt_mask, video_tokens)
        embeds, length = prefix, prefix.shape[1]
        if input_ids is not None:
            words = self.get_input_embeddings()(input_ids)
            real = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            embeds, mask = torch.cat([prefix, words], dim=1), torch.cat([mask, real.to(mask.dtype)], dim=1)
        scores = self.language_model(
            inputs_embeds=embeds, attention_mask=mask, **self._positions(mask), **{"use_cache": False, **kwargs}
        ).logits
        logits = scores[:, length - 1 :] if input_ids is None else scores[:, length - 1 : -1]
        loss = None if labels is None else caption_loss(logits, labels, num_items_in_batch)
        return PandaStudentOutput(loss=loss, logits=logits, video_tokens=video, text_tokens=text)

    def _positions(self, mask: Tensor) -> dict[str, Tensor]:
        """Positions that count the real tokens, for language models that would otherwise count the padding."""
        known = inspect.signature(self.language_model.forward).parameters
        return {"position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0)} if "position_ids" in known else {}

    @torch.no_grad()
    def generate(  # type: ignore[override]
        self,
        pixel_values: Tensor | None = None,
        prompt_ids: Tensor | None = None,
        prompt_mask: Tensor | None = None,
        video_tokens: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Captions: new tokens (videos, length). What is seen and read is computed once, for all beams and words.

        Args:
            pixel_values: as in :meth:`forward`, like the next three.
            prompt_ids: the texts' tokens.
            prompt_mask: which of them are real.
            video_tokens: in place of ``pixel_values``.
            kwargs: for ``generate`` of the language model, such as ``max_new_tokens``, ``num_beams`` or
                ``generation_config``.
        """
        _, _, prefix, mask = self._read(pixel_values, prompt_ids, prompt_mask, video_tokens)
        settings = copy.deepcopy(kwargs.pop("generation_config", None) or self.generation_config)
        for name in ("input_ids", "attention_mask", "labels"):  # of a training batch: nothing to go on from
            kwargs.pop(name, None)
        others = settings.update(**kwargs)  # beside such settings, transformers takes no single ones
        written = self.language_model.generate(
            inputs_embeds=prefix, attention_mask=mask, generation_config=settings, **others
        )
        return cast(Tensor, written)


def caption_loss(logits: Tensor, labels: Tensor, items: Tensor | int | None = None) -> Tensor:
    """Cross-entropy of caption tokens, computed in float32.

    Args:
        logits: (videos, tokens, vocabulary); place i scores label i.
        labels: (videos, tokens), -100 where nothing is learned.
        items: what the sum is divided by; ``None``: the labels that count.
    """
    total = F.cross_entropy(
        logits.float().flatten(0, 1), labels.flatten().to(logits.device), ignore_index=IGNORED, reduction="sum"
    )
    count = (labels != IGNORED).sum().clamp(min=1) if items is None else items
    return total / (count.to(total.device) if isinstance(count, Tensor) else count)
