"""UMT: a video tower and a text tower that put videos and captions into one space, to be compared by cosine.

Shape of OpenGVLab's Unmasked Teacher retrieval model, built from stock transformers parts: ``VideoMAEModel`` with
one frame per token and no class token, ``BertModel`` without pooler. The fusion layers and the matching head of the
full model (``retrieval_umt.py``) read the towers' tokens; matching scores need neither.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertModel, PreTrainedModel, VideoMAEModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from panda_hf.models.umt.configuration_umt import UMTConfig


@dataclass
class UMTOutput(ModelOutput):
    """What a forward pass returns.

    Attributes:
        loss: contrastive loss, only where it was asked for.
        similarity: (videos, texts), cosine in [-1, 1], without temperature: the matching scores.
        video_embeds: (videos, frames, projection_dim), each of length 1.
        text_embeds: (texts, projection_dim), each of length 1.
    """

    loss: Tensor | None = None
    similarity: Tensor | None = None
    video_embeds: Tensor | None = None
    text_embeds: Tensor | None = None


class UMTPreTrainedModel(PreTrainedModel):
    """How UMT weights are initialised and loaded."""

    config_class = UMTConfig
    base_model_prefix = "umt"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = ["VideoMAELayer", "BertLayer"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, UMTModel):
            init.constant_(module.temp, self.config.temperature)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Save under the names the model itself uses.

        Transformers would write VideoMAE's biases under their old names (``q_bias``), which ``from_pretrained`` maps
        back, but ``Trainer`` does not: a resumed training would go on with random biases and only a warning.
        ``save_original_format=True`` gives the old names, which older releases of transformers read too.
        """
        kwargs.setdefault("save_original_format", False)
        super().save_pretrained(save_directory, *args, **kwargs)


class UMTModel(UMTPreTrainedModel):
    """Video and text towers with their projections and temperature."""

    _keys_to_ignore_on_load_unexpected = [r"^fusion\.", r"^itm_head\."]
    """Of checkpoints of the whole model, of which these towers are a part."""

    def __init__(self, config: UMTConfig) -> None:
        super().__init__(config)
        self.vision_model = VideoMAEModel(config.vision_config)
        patches = self.vision_model.embeddings.patch_embeddings
        self.vision_model.embeddings = cast(Any, _FrameEmbeddings(patches, config.position_frames))
        self.pool_norm = nn.LayerNorm(config.vision_config.hidden_size, eps=config.vision_config.layer_norm_eps)
        self.text_model = BertModel(config.text_config, add_pooling_layer=False)
        self.vision_proj = nn.Linear(config.vision_config.hidden_size, config.projection_dim)
        self.text_proj = nn.Linear(config.text_config.hidden_size, config.projection_dim)
        self.temp = nn.Parameter(torch.tensor(config.temperature))
        self.post_init()

    def encode_video(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and frame vectors of videos.

        Args:
            pixel_values: (videos, frames, 3, height, width), normalised; any number of frames.

        Returns:
            tokens (videos, frames * patches, hidden), frame by frame, after the tower's final norm; and frame
            vectors (videos, frames, hidden), ``pool_norm`` over the mean of each frame's patches.
        """
        tokens = self.vision_model(pixel_values=pixel_values).last_hidden_state
        return tokens, self._frame_vectors(tokens.unflatten(1, (pixel_values.shape[1], -1)))

    def seen(self, pixel_values: Tensor | None, video_tokens: Tensor | None) -> tuple[Tensor, Tensor]:
        """What :meth:`encode_video` returns, of videos or of tokens that it gave before.

        Args:
            pixel_values: (videos, frames, 3, height, width), or ``None``.
            video_tokens: its tokens as (videos, frames, patches, hidden), or ``None``.

        Raises:
            ValueError: unless one of the two is given.
        """
        if (pixel_values is None) == (video_tokens is None):
            raise ValueError("a UMT model needs either pixel_values or video_tokens")
        if video_tokens is None:
            return self.encode_video(cast(Tensor, pixel_values))
        return video_tokens.flatten(1, 2), self._frame_vectors(video_tokens)

    def _frame_vectors(self, tokens: Tensor) -> Tensor:
        return cast(Tensor, self.pool_norm(tokens.mean(dim=2)))

    def get_video_features(self, pixel_values: Tensor) -> Tensor:
        """Embeddings (videos, frames, projection_dim) of length 1 from frames (videos, frames, 3, height, width)."""
        return self.project_video(self.encode_video(pixel_values)[1])

    def project_video(self, frame_vectors: Tensor) -> Tensor:
        """Embeddings (videos, frames, projection_dim) of length 1 from the frame vectors of ``encode_video``."""
        return F.normalize(self.vision_proj(frame_vectors).float(), dim=-1)

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Hidden states (texts, tokens, hidden) of the text layers."""
        return self.text_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Embeddings (texts, projection_dim) of length 1 from token ids (texts, tokens); the first token speaks."""
        first = self.encode_text(input_ids, attention_mask)[:, 0]
        return F.normalize(self.text_proj(first).float(), dim=-1)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        video_tokens: Tensor | None = None,
        video_ids: Tensor | None = None,
        return_loss: bool = False,
        **kwargs: Any,
    ) -> UMTOutput:
        """Compare every video with every text.

        Args:
            pixel_values: (videos, frames, 3, height, width); ``None`` where ``video_tokens`` are given.
            input_ids: (texts, tokens).
            video_tokens: (videos, frames, patches, hidden), of videos that were encoded before.
            attention_mask: (texts, tokens), 1 for real tokens; ``None``: all are.
            video_ids: (videos,), equal where two rows show one video; only the loss uses it. ``None``: all differ.
            return_loss: also compute the contrastive loss; text ``i`` must then describe video ``i``.
            kwargs: taken and ignored, since ``Trainer`` passes its own.
        """
        if input_ids is None:
            raise ValueError("UMTModel needs input_ids, and either pixel_values or video_tokens")
        video_embeds = self.project_video(self.seen(pixel_values, video_tokens)[1])
        text_embeds = self.get_text_features(input_ids, attention_mask)
        scores = similarity(video_embeds, text_embeds)
        loss = contrastive_loss(scores / self.clamped_temperature(), video_ids) if return_loss else None
        return UMTOutput(loss=loss, similarity=scores, video_embeds=video_embeds, text_embeds=text_embeds)

    def clamped_temperature(self) -> Tensor:
        """The temperature, first moved back into its allowed range (in place: outside, a clamp has no gradient)."""
        with torch.no_grad():
            self.temp.clamp_(self.config.temperature_min, self.config.temperature_max)
        return self.temp


class _FrameEmbeddings(nn.Module):
    """Patches plus sinusoid positions for as many frames as there are; VideoMAE's own table has a fixed length."""

    def __init__(self, patch_embeddings: nn.Module, position_frames: int | None = None) -> None:
        super().__init__()
        self.patch_embeddings = patch_embeddings
        self.position_frames = position_frames

    def forward(self, pixel_values: Tensor, bool_masked_pos: Tensor | None = None) -> Tensor:
        patches = self.patch_embeddings(pixel_values)
        patches = patches + self._positions(pixel_values.shape[1], *patches.shape[1:]).to(patches)
        if bool_masked_pos is None:
            return patches
        return patches[~bool_masked_pos].unflatten(0, (len(patches), -1))

    def _positions(self, frames: int, tokens: int, width: int) -> Tensor:
        known = self.position_frames
        if known is None or known == frames or frames == 1:
            return sinusoid_table(tokens, width)
        return stretched_table(sinusoid_table(tokens // frames * known, width), known, frames)


def similarity(video_embeds: Tensor, text_embeds: Tensor) -> Tensor:
    """Mean over frames of the cosine between frame and text.

    Args:
        video_embeds: (videos, frames, dim), unit vectors.
        text_embeds: (texts, dim), unit vectors.

    Returns:
        (videos, texts) in [-1, 1].
    """
    with torch.autocast(video_embeds.device.type, enabled=False):  # near candidates differ in the third decimal
        return video_embeds.float().mean(dim=1) @ text_embeds.float().T


def contrastive_loss(logits: Tensor, video_ids: Tensor | None = None) -> Tensor:
    """Symmetric cross-entropy between videos and texts of a batch (the VTC loss).

    Args:
        logits: (n, n) similarities divided by the temperature; row and column ``i`` belong together.
        video_ids: (n,); pairs with equal ids share the target evenly. ``None``: all differ.
    """
    ids = torch.arange(len(logits), device=logits.device) if video_ids is None else video_ids
    same = (ids[:, None] == ids[None, :]).to(logits.dtype)
    targets = same / same.sum(dim=1, keepdim=True)
    to_text = -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    to_video = -(targets * logits.T.log_softmax(dim=1)).sum(dim=1).mean()
    return (to_text + to_video) / 2


@functools.cache
def sinusoid_table(positions: int, width: int) -> Tensor:
    """The fixed position table (1, positions, width): sine in even columns, cosine in odd ones."""
    column = np.arange(width)
    angle = np.arange(positions)[:, None] / np.power(10000, 2 * (column // 2) / width)
    table = np.where(column % 2 == 0, np.sin(angle), np.cos(angle))
    return torch.tensor(table, dtype=torch.float32, device="cpu").unsqueeze(0)


def stretched_table(table: Tensor, known: int, wanted: int) -> Tensor:
    """The position table (1, known * patches, width) of ``known`` frames, linear between them, for ``wanted``."""
    per_frame = table.unflatten(1, (known, -1)).permute(0, 2, 3, 1).flatten(1, 2)
    stretched = F.interpolate(per_frame, size=wanted, mode="linear", align_corners=False)
    return stretched.unflatten(1, (-1, table.shape[-1])).permute(0, 3, 1, 2).flatten(1, 2)
