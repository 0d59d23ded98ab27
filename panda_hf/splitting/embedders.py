"""Frame embedders: the weights-free descriptor, or any vision model of transformers, by id or path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from panda_hf.errors import CheckpointError
from panda_hf.models.checkpoints import resolve
from panda_hf.models.release import kept

if TYPE_CHECKING:
    import torch

Features = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]

DESCRIPTOR = "descriptor"
"""The name of the embedded default, which needs no model: :func:`panda_hf.splitting.descriptor.describe`."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class FrameEmbedder:
    """A vision model as a function: RGB frames uint8 [n, h, w, 3] in, unit vectors [n, d] out.

    Whole frames are squeezed to the model's square, bilinear with antialiasing, as the official code does.

    Args:
        model: as loaded, in float32.
        size: of the model's square.
        mean: of the three colours, which run from 0 to 1.
        std: their standard deviation.
        device: where the model runs.
        half: whether to compute in float16, whose rounding moves a distance less than that of bfloat16, eight times
            as coarse, would; pictures for which its range is too small are computed in float32.
    """

    def __init__(
        self, model: Any, size: int, mean: Sequence[float], std: Sequence[float], device: str, half: bool
    ) -> None:
        import torch

        self._model = model.to(device).eval()
        if half:
            self._model = self._model.half()
        self._size, self.device = (size, size), device
        self._mean, self._std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (mean, std))

    def __call__(self, frames: Frames) -> Features:
        """Frames of one size."""
        return self.features(self.pixels(frames))

    def pixels(self, frames: Frames) -> torch.Tensor:
        """What the model sees of frames of one size: float32 [n, 3, size, size] on its device."""
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2).float() / 255
            pixels = torch.nn.functional.interpolate(pixels, self._size, mode="bilinear", antialias=True)
            return (pixels - self._mean) / self._std

    def features(self, pixels: torch.Tensor) -> Features:
        """Unit vectors [n, d] of what :meth:`pixels` made, of one video or of many."""
        import torch

        with torch.inference_mode():
            features = _pooled(self._model(pixels.to(self._model.dtype))).float()
            if self._model.dtype == torch.float16 and not bool(features.isfinite().all()):
                self._model = self._model.float()
                features = _pooled(self._model(pixels)).float()
            return torch.nn.functional.normalize(features, dim=-1).cpu().numpy()


@kept
def load_embedder(checkpoint: str, device: str = "cpu") -> FrameEmbedder:
    """A vision model of transformers that compares frames; on a GPU it computes in half precision.

    CLIP gives its projected image embedding (``laion/CLIP-ViT-H-14-laion2B-s32B-b79K`` stands for ImageBind, whose
    image tower it is), every other model its pooled output, or its class token where it has none. Mean and standard
    deviation are those of the checkpoint's own processor.

    Args:
        checkpoint: Hub id, folder, or ``mini/<name>``.
        device: where the model runs, e.g. ``cpu``, ``cuda:1``.

    Raises:
        CheckpointError: when it cannot be loaded or lacks weights.
    """
    model = _load_model(resolve(checkpoint))
    mean, std = _normalisation(resolve(checkpoint))
    return FrameEmbedder(model, _image_size(model.config), mean, std, device, half=device != "cpu")


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
