"""The settings of a UMT model: a VideoMAE vision tower, a BERT text tower, a shared embedding space."""

from __future__ import annotations

from typing import Any, Literal

from transformers import BertConfig, PreTrainedConfig, VideoMAEConfig

VISION_DEFAULTS = {"tubelet_size": 1, "use_mean_pooling": False, "qkv_bias": True, "layer_norm_eps": 1e-6}
"""What makes ``VideoMAEModel`` the vision tower of UMT: one frame per token, no class token, a final norm."""

# what PreTrainedConfig itself takes besides its fields, and what Trainer adds to any configuration
_GENERAL = {"model_type", "name_or_path", "torch_dtype", "attn_implementation", "experts_implementation", "num_labels"}
_GENERAL |= {"use_cache"}


class UMTConfig(PreTrainedConfig):
    """Settings of a :class:`UMTModel` and of a :class:`UMTForVideoTextRetrieval`.

    The defaults of the towers are the sizes of VideoMAE-B and BERT-B. :meth:`of_size` gives those of the published
    models: UMT-L/16 has 24 layers of width 1024 in the vision tower and in its BERT-large, of which 19 read text
    alone and five fuse it with the video.

    Raises:
        ValueError: for an unknown setting, or a vision tower that merges frames or has no final norm.
    """

    model_type = "umt"
    sub_configs = {"vision_config": VideoMAEConfig, "text_config": BertConfig}  # type: ignore[assignment]

    vision_config: Any = None
    text_config: Any = None
    projection_dim: int = 512
    fusion_layers: int = 3
    """Layers that read text and video together, on top of the text layers."""
    position_frames: int | None = None
    """Frames whose position table is stretched linearly over as many as there are, an option of the official code;
    ``None``: the table is computed for the number of frames at hand."""
    temperature: float = 0.07
    """Start of the learned temperature that divides similarities in training."""
    temperature_min: float = 0.001
    temperature_max: float = 0.5
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        """Build the tower settings from dictionaries and refuse what no UMT has."""
        unknown = sorted(key for key in kwargs if key not in _GENERAL and not key.startswith("_"))
        unknown = [key for key in unknown if not hasattr(PreTrainedConfig, key)]
        if unknown:
            raise ValueError(f"UMTConfig does not know {unknown}; its settings are {sorted(_own_settings())}")
        if not isinstance(self.vision_config, PreTrainedConfig):
            self.vision_config = VideoMAEConfig(**{**VISION_DEFAULTS, **(self.vision_config or {})})
        if not isinstance(self.text_config, PreTrainedConfig):
            self.text_config = BertConfig(**(self.text_config or {}))
        _check_vision(self.vision_config)
        super().__post_init__(**kwargs)

    @classmethod
    def of_size(cls, size: Literal["base", "large"], num_frames: int = 4) -> UMTConfig:
        """The sizes of UMT-B/16 or UMT-L/16, as published in OpenGVLab/UMT.

        Args:
            size: which.
            num_frames: frames that the vision tower is described with; it takes any number.
        """
        large = size == "large"
        width, heads = (1024, 16) if large else (768, 12)
        tower = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": heads}
        return cls(
            vision_config={**tower, "num_hidden_layers": 24 if large else 12, "num_frames": num_frames},
            text_config={**tower, "num_hidden_layers": 19 if large else 9},
            projection_dim=768 if large else 512,
            fusion_layers=5 if large else 3,
        )


def _own_settings() -> set[str]:
    return set(UMTConfig.__annotations__)


def _check_vision(config: Any) -> None:
    if config.tubelet_size != 1 or config.use_mean_pooling:
        raise ValueError(
            f"vision_config has tubelet_size={config.tubelet_size}, use_mean_pooling={config.use_mean_pooling}; "
            f"UMT needs tubelet_size=1 and use_mean_pooling=False"
        )
