"""Frame embedders: the weights-free descriptor, or any vision model of transformers, by id or path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import resolve
from panda_hf.models.release import kept
from panda_hf.video import VideoLike, sample_frames

if TYPE_CHECKING:
    import torch

Features = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]

DESCRIPTOR = "descriptor"
"""The name of the embedded default, which needs no model: :func:`panda_hf.splitting.descriptor.describe`."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
BATCH = 16


def embed_frames(
    checkpoint: str, video: VideoLike, times: Sequence[float], *, device: str = "cpu", threads: int | None = 1
) -> Features:
    """Unit vectors [n, d] of the frames shown at ``times`` seconds, by a vision model.

    Raises:
        CheckpointError: when the model cannot be loaded whole.
        VideoError: when the video cannot be read.
    """
    embed = load_embedder(checkpoint, device)
    batches = [times[i : i + BATCH] for i in range(0, len(times), BATCH)]
    features = [embed(sample_frames(video, batch, threads=threads)) for batch in batches]
    return np.concatenate(features) if features else np.zeros((0, 1), np.float32)


@kept
def load_embedder(checkpoint: str, device: str = "cpu") -> Callable[[Frames], Features]:
    """A vision model of transformers as a function: RGB frames uint8 [n, h, w, 3] in, unit vectors [n, d] out.

    CLIP gives its projected image embedding (``laion/CLIP-ViT-H-14-laion2B-s32B-b79K`` stands for ImageBind, whose
    image tower it is), every other model its pooled output, or its class token where it has none. Whole frames are
    squeezed to the model's square, bilinear with antialiasing, as the official code does; mean and standard deviation
    are those of the checkpoint's own processor.

    Args:
        checkpoint: Hub id, folder, or ``mini/<name>``.
        device: where the model runs, e.g. ``cpu``, ``cuda:1``.

    Raises:
        CheckpointError: when it cannot be loaded or lacks weights.
    """
    import torch

    model = _load_model(resolve(checkpoint)).to(device).eval()
    if device != "cpu":
        model = model.half()
    size = _image_size(model.config)
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in _normalisation(resolve(checkpoint)))

    def embed(frames: Frames) -> Features:
        with torch.inference_mode():
            pixels = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float() / 255
            pixels = torch.nn.functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
            features = _pooled(model(((pixels - mean) / std).to(model.dtype))).float()
            return torch.nn.functional.normalize(features, dim=-1).cpu().numpy()

    return embed


def _load_model(path: str) -> Any:
    from transformers import AutoConfig, AutoModel, CLIPVisionModelWithProjection, SiglipVisionModel

    try:
        config = AutoConfig.from_pretrained(path)
        towers: dict[str, Any] = {"clip": CLIPVisionModelWithProjection, "siglip": SiglipVisionModel}
        tower: Any = towers.get(config.model_type.removesuffix("_vision_model"), AutoModel)
        if config.model_type == "clip":  # the width of the projection stands in the outer configuration only
            config.vision_config.projection_dim = config.projection_dim
        if tower is not AutoModel:
            config = getattr(config, "vision_config", config)
        model, loading = tower.from_pretrained(path, config=config, output_loading_info=True)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"the frame embedder {path!r} cannot be loaded: {error}. Give 'descriptor', or the id or folder of a "
            f"transformers vision model such as 'laion/CLIP-ViT-H-14-laion2B-s32B-b79K'."
        ) from error
    missing = sorted(map(str, [*loading["missing_keys"], *loading["mismatched_keys"]]))
    if missing:
        raise CheckpointError(
            f"the frame embedder {path!r} lacks {len(missing)} weights or has them in another shape, the first is "
            f"{missing[0]}. Fetch the checkpoint again, or give another one."
        )
    return model


def _image_size(config: Any) -> int:
    config = getattr(config, "vision_config", config)
    size = getattr(config, "image_size", 224)
    return int(size if isinstance(size, int) else size[0])


def _normalisation(path: str) -> tuple[Sequence[float], Sequence[float]]:
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(path)
    except (OSError, ValueError):  # a folder with weights only
        return CLIP_MEAN, CLIP_STD
    return processor.image_mean or CLIP_MEAN, processor.image_std or CLIP_STD


def _pooled(output: Any) -> torch.Tensor:
    for name in ("image_embeds", "pooler_output"):
        if getattr(output, name, None) is not None:
            return getattr(output, name).flatten(1)
    return output.last_hidden_state[:, 0]
