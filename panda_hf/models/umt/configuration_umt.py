"""The settings of a UMT model: a VideoMAE vision tower, a BERT text tower, a shared embedding space."""

from __future__ import annotations

from typing import Any

from transformers import BertConfig, PreTrainedConfig, VideoMAEConfig

VISION_DEFAULTS = {"tubelet_size": 1, "use_mean_pooling": False, "qkv_bias": True, "layer_norm_eps": 1e-6}
"""What makes ``VideoMAEModel`` the vision tower of UMT: one frame per token, no class token, a final norm."""

# what PreTrainedConfig itself takes besides its fields, and what Trainer adds to any configuration
_GENERAL = {"model_type", "name_or_path", "torch_dtype", "attn_implementation", "experts_implementation", "num_labels"}
_GENERAL |= {"use_cache"}


class UMTConfig(PreTrainedConfig):
    """Settings of a :class:`UMTModel`.

    The defaults of the towers are the sizes of VideoMAE-B and BERT-B; UMT-L/16 is ``hidden_size=1024``,
    ``intermediate_size=4096``, ``num_attention_heads=16`` in both, 24 vision layers, 19 text layers (the other five
    of its BERT-large fuse text with video) and ``projection_dim=768``.

    Raises:
        ValueError: for an unknown setting, or a vision tower that merges frames or has no final norm.
    """

    model_type = "umt"
    sub_configs = {"vision_config": VideoMAEConfig, "text_config": BertConfig}  # type: ignore[assignment]

    vision_config: Any = None
    text_config: Any = None
    projection_dim: int = 512
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


def _own_settings() -> set[str]:
    return set(UMTConfig.__annotations__)


def _check_vision(config: Any) -> None:
    if config.tubelet_size != 1 or config.use_mean_pooling:
        raise ValueError(
            f"vision_config has tubelet_size={config.tubelet_size}, use_mean_pooling={config.use_mean_pooling}; "
            f"UMT needs tubelet_size=1 and use_mean_pooling=False"
        )
