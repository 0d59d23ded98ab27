"""The whole UMT retrieval model: two towers, layers that read text and video together, a matching head.

Retrieval compares all videos with all texts by cosine, then looks closer at the nearest ones by the matching head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BlipTextConfig
from transformers.models.blip.modeling_blip_text import BlipTextEncoder
from transformers.utils import ModelOutput

from panda_hf.models.umt.configuration_umt import UMTConfig
from panda_hf.models.umt.modeling_umt import UMTModel, UMTPreTrainedModel, contrastive_loss, similarity

MATCH = 1
"""Column of the matching logits that speaks for a match."""


@dataclass
class UMTRetrievalOutput(ModelOutput):
    """What a forward pass returns.

    Attributes:
        loss: sum of the two losses, only where asked for.
        contrastive_loss, matching_loss: its parts.
        similarity: (videos, texts), cosine in [-1, 1], without temperature.
        matching_logits: (pairs, 2) of the pairs that the matching loss looked at: the n right ones, then each right
            text with another video, then videos with a wrong text; only with a loss.
        video_embeds: (videos, frames, projection_dim), each of length 1.
        text_embeds: (texts, projection_dim), each of length 1.
    """

    loss: Tensor | None = None
    contrastive_loss: Tensor | None = None
    matching_loss: Tensor | None = None
    similarity: Tensor | None = None
    matching_logits: Tensor | None = None
    video_embeds: Tensor | None = None
    text_embeds: Tensor | None = None


class UMTForVideoTextRetrieval(UMTPreTrainedModel):
    """Towers, fusion layers and matching head; :class:`UMTModel` is the part that scores captions alone."""

    _no_split_modules = ["VideoMAELayer", "BertLayer", "BlipTextLayer"]

    def __init__(self, config: UMTConfig) -> None:
        super().__init__(config)
        self.umt = UMTModel(config)
        self.fusion = BlipTextEncoder(fusion_config(config))
        self.itm_head = nn.Linear(config.text_config.hidden_size, 2)
        self.post_init()

    def fuse(self, text_hidden: Tensor, attention_mask: Tensor | None, video_tokens: Tensor) -> Tensor:
        """Hidden states (pairs, tokens, hidden) of text ``i`` that has looked at video ``i``.

        Args:
            text_hidden: (pairs, tokens, hidden) from ``UMTModel.encode_text``.
            attention_mask: (pairs, tokens), 1 for real tokens; ``None``: all are.
            video_tokens: (pairs, frames * patches, hidden) from ``UMTModel.encode_video``.
        """
        mask = _additive(attention_mask, text_hidden.dtype)
        found = self.fusion(text_hidden, attention_mask=mask, encoder_hidden_states=video_tokens, use_cache=False)
        return cast(Tensor, found.last_hidden_state)

    def matching_logits(self, text_hidden: Tensor, attention_mask: Tensor | None, video_tokens: Tensor) -> Tensor:
        """Logits (pairs, 2) of "no match" and "match"; arguments as for :meth:`fuse`."""
        return cast(Tensor, self.itm_head(self.fuse(text_hidden, attention_mask, video_tokens)[:, 0]))

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        video_tokens: Tensor | None = None,
        video_ids: Tensor | None = None,
        targets: Tensor | None = None,
        return_loss: bool = False,
        generator: torch.Generator | None = None,
        **kwargs: Any,
    ) -> UMTRetrievalOutput:
        """Compare every video with every text.

        With ``return_loss`` text ``i`` describes video ``i``. With ``targets`` each video comes with candidates of
        which one is right, and only the matching loss is computed: its wrong texts are the video's own rejected
        candidates, the likelier the more similar (a reading of the Panda-70M paper, appendix C).

        Args:
            pixel_values: (videos, frames, 3, height, width); ``None`` where ``video_tokens`` are given.
            input_ids: (texts, tokens); with ``targets`` the candidates of the first video, then of the second.
            attention_mask: (texts, tokens), 1 for real tokens; ``None``: all are.
            video_tokens: (videos, frames, patches, hidden), of videos that were encoded before.
            video_ids: (videos,), equal where two rows show one video; only the losses use it. ``None``: all differ.
            targets: (videos, candidates); the highest marks the right one, negative an absent one.
            return_loss: also compute both losses (OpenGVLab/UMT's VTC and VTM).
            generator: draws the negatives of the matching loss; ``None``: torch's own.
            kwargs: taken and ignored, since ``Trainer`` passes its own.
        """
        if input_ids is None:
            raise ValueError("the model needs input_ids, and either pixel_values or video_tokens")
        tokens, frame_vectors = self.umt.seen(pixel_values, video_tokens)
        hidden = self.umt.encode_text(input_ids, attention_mask)
        video_embeds = self.umt.project_video(frame_vectors)
        text_embeds = F.normalize(self.umt.text_proj(hidden[:, 0]).float(), dim=-1)
        scores = similarity(video_embeds, text_embeds)
        found = UMTRetrievalOutput(similarity=scores, video_embeds=video_embeds, text_embeds=text_embeds)
        if targets is None and not return_loss:
            return found
        logits = scores / self.umt.clamped_temperature()
        if targets is None:
            found.contrastive_loss = contrastive_loss(logits, video_ids)
            pairs = _given_pairs(logits, video_ids, generator)
        else:
            pairs = _candidate_pairs(logits, targets, video_ids, generator)
        videos, texts, labels = pairs
        found.matching_logits = self.matching_logits(
            hidden[texts], None if attention_mask is None else attention_mask[texts], _as_read(tokens)[videos]
        )
        found.matching_loss = F.cross_entropy(found.matching_logits.float(), labels)
        found.loss = found.matching_loss + (0 if found.contrastive_loss is None else found.contrastive_loss)
        return found


def fusion_config(config: UMTConfig) -> BlipTextConfig:
    """The fusion layers as BLIP's text layers: the width of the text, looking at tokens of the vision tower."""
    text = config.text_config
    return BlipTextConfig(
        hidden_size=text.hidden_size,
        encoder_hidden_size=config.vision_config.hidden_size,
        intermediate_size=text.intermediate_size,
        num_hidden_layers=config.fusion_layers,
        num_attention_heads=text.num_attention_heads,
        hidden_act=text.hidden_act,
        hidden_dropout_prob=text.hidden_dropout_prob,
        attention_probs_dropout_prob=text.attention_probs_dropout_prob,
        layer_norm_eps=text.layer_norm_eps,
        max_position_embeddings=text.max_position_embeddings,
        is_decoder=True,  # BLIP builds the layers that look at the video only then
        use_cache=False,
    )


@torch.no_grad()
def hard_negatives(
    logits: Tensor, video_ids: Tensor | None = None, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """For each text another video and for each video another text, likelier the more similar they are.

    Args:
        logits: (n, n), video ``i`` against text ``j``, divided by the temperature.
        video_ids: (n,); pairs with equal ids are never negatives of each other. ``None``: all differ.
        generator: ``None``: torch's own.

    Returns:
        Two (n,) tensors of indices.

    Raises:
        ValueError: when all pairs show one video, so that there are no negatives.
    """
    ids = torch.arange(len(logits), device=logits.device) if video_ids is None else video_ids
    same = ids[:, None] == ids[None, :]
    if same.all(dim=1).any():
        raise ValueError("the matching loss needs other videos in the batch: it has only one")
    scores = logits.float()
    to_text = scores.masked_fill(same, -torch.inf).softmax(dim=1)
    to_video = scores.T.masked_fill(same, -torch.inf).softmax(dim=1)
    videos = torch.multinomial(to_video, 1, generator=generator)[:, 0]
    return videos, torch.multinomial(to_text, 1, generator=generator)[:, 0]


def _given_pairs(
    logits: Tensor, video_ids: Tensor | None, generator: torch.Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Videos, texts and labels of the pairs to look at, where text ``i`` describes video ``i``."""
    own = torch.arange(len(logits), device=logits.device)
    videos, texts = hard_negatives(logits, video_ids, generator)
    labels = torch.zeros(3 * len(own), dtype=torch.long, device=logits.device)
    labels[: len(own)] = MATCH
    return torch.cat([own, videos, own]), torch.cat([own, own, texts]), labels


@torch.no_grad()
def _candidate_pairs(
    logits: Tensor, targets: Tensor, video_ids: Tensor | None, generator: torch.Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The same where each video has several candidates; a video without a rejected one gives no wrong text."""
    own = torch.arange(len(logits), device=logits.device)
    best = targets.argmax(dim=1)
    right = own * targets.shape[1] + best
    videos, _ = hard_negatives(logits[:, right], video_ids, generator)
    mine = logits.unflatten(1, targets.shape)[own, own].float()
    rejected = (targets >= 0) & (targets < targets.max(dim=1, keepdim=True).values)
    has = rejected.any(dim=1)
    chances = mine.masked_fill(~rejected, -torch.inf)[has].softmax(dim=1)
    wrong = own[has] * targets.shape[1] + torch.multinomial(chances, 1, generator=generator)[:, 0]
    labels = torch.zeros(2 * len(own) + len(wrong), dtype=torch.long, device=logits.device)
    labels[: len(own)] = MATCH
    return torch.cat([own, videos, own[has]]), torch.cat([right, right, wrong]), labels


def _as_read(tokens: Tensor) -> Tensor:
    """Tokens in the number format that autocast lets layers read, once rather than per pair and layer.

    Those that something is learned from stay as they are: their gradients are added up in full precision.
    """
    kind = tokens.device.type
    if tokens.requires_grad or not torch.is_autocast_enabled(kind):
        return tokens
    return tokens.to(torch.get_autocast_dtype(kind))


def _additive(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    if mask is None:
        return None
    return (1.0 - mask[:, None, None, :].to(dtype)) * torch.finfo(dtype).min
