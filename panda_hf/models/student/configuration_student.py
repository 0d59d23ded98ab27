"""The settings of a student: BLIP-2's eyes, a Q-Former over frames, one over the words around it, any causal LM.

This file and its neighbours are saved into a model's repository, where they run without the package: they import
transformers and each other, nothing else of ours.
"""

from __future__ import annotations

from typing import Any, Literal

from transformers import AutoConfig, Blip2QFormerConfig, Blip2VisionConfig, LlamaConfig, PreTrainedConfig

# what PreTrainedConfig itself takes besides its fields, and what Trainer and the Hub add to any configuration
_GENERAL = {"model_type", "name_or_path", "torch_dtype", "attn_implementation", "experts_implementation", "num_labels"}
_GENERAL |= {"use_cache", "auto_map", "quantization_config"}

SMALL_QFORMER = {"num_hidden_layers": 2, "cross_attention_frequency": 1, "intermediate_size": 3072}
"""The two small Q-Formers have two layers, both of which look at their keys (facts of the official key list)."""
TEXT_HEADS = 16
"""Of the text branch's Q-Former, which is as wide as the language model."""


class PandaStudentConfig(PreTrainedConfig):
    """Settings of a :class:`PandaStudentForConditionalGeneration`.

    The defaults are the paper's: ViT-G/14 at 224 pixels, a Q-Former of 12 layers with 32 queries for each frame, one
    of 2 layers over up to 32 frames, one of 2 layers over up to 200 tokens of text, a Llama of 7 billion parameters.
    Widths that follow from other parts are filled in where they are not given.

    Raises:
        ValueError: for an unknown setting, parts whose widths do not meet, or a language model with an encoder.
    """

    model_type = "panda_student"
    sub_configs = {
        "vision_config": Blip2VisionConfig,
        "qformer_config": Blip2QFormerConfig,
        "video_qformer_config": Blip2QFormerConfig,
        "text_qformer_config": Blip2QFormerConfig,
        "text_config": AutoConfig,
    }  # type: ignore[assignment]

    vision_config: Any = None
    qformer_config: Any = None
    video_qformer_config: Any = None
    text_qformer_config: Any = None
    text_config: Any = None
    num_query_tokens: int = 32
    """Tokens per frame, out of the first Q-Former."""
    num_video_tokens: int = 32
    """Tokens per video, and as many of the text: the video's tokens are the text branch's queries."""
    max_frames: int = 32
    """Length of the table of frame positions."""
    max_prompt_tokens: int = 200
    """Length of the table of positions in the text."""
    prompt_positions: Literal["own", "batch"] = "own"
    """``own``: a token's position counts the real tokens before it; ``batch``: the padding too, as the official code
    does, so that a caption depends on the longest text of its batch. Alone in a batch both are the same."""
    start_token_id: int | None = None
    """What the language model reads first; ``None``: its own start token, or its end token where it has none."""
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        """Build the settings of the parts from dictionaries and look whether they fit together."""
        _refuse_unknown(kwargs)
        self.vision_config = built(self.vision_config, Blip2VisionConfig)
        self.text_config = language_config(self.text_config)
        seen = self.vision_config.hidden_size
        self.qformer_config = built(self.qformer_config, Blip2QFormerConfig, {"encoder_hidden_size": seen})
        width = self.qformer_config.hidden_size
        like_frame = {"hidden_size": width, "num_attention_heads": self.qformer_config.num_attention_heads}
        self.video_qformer_config = built(
            self.video_qformer_config,
            Blip2QFormerConfig,
            {**SMALL_QFORMER, **like_frame, "encoder_hidden_size": width},
        )
        wide = {"hidden_size": self.text_width, "encoder_hidden_size": self.text_width}
        self.text_qformer_config = built(
            self.text_qformer_config, Blip2QFormerConfig, {**SMALL_QFORMER, **wide, "num_attention_heads": TEXT_HEADS}
        )
        if self.start_token_id is None:
            self.start_token_id = _start_token(self.text_config)
        self._check()
        super().__post_init__(**kwargs)

    @property
    def text_width(self) -> int:
        """Width of the language model's word embeddings."""
        narrow = getattr(self.text_config, "word_embed_proj_dim", None)  # of some OPT models
        return int(narrow or self.text_config.hidden_size)

    def _check(self) -> None:
        if self.prompt_positions not in ("own", "batch"):
            raise ValueError(f"prompt_positions={self.prompt_positions!r}: must be 'own' or 'batch'")
        if getattr(self.text_config, "is_encoder_decoder", False):
            raise ValueError(
                f"text_config is a {self.text_config.model_type!r} with an encoder; a student needs a causal language "
                f"model, such as llama, qwen3 or gpt2"
            )
        meet = {
            "qformer_config.encoder_hidden_size": (
                self.qformer_config.encoder_hidden_size,
                self.vision_config.hidden_size,
            ),
            "video_qformer_config.encoder_hidden_size": (
                self.video_qformer_config.encoder_hidden_size,
                self.qformer_config.hidden_size,
            ),
            "text_qformer_config.encoder_hidden_size": (self.text_qformer_config.encoder_hidden_size, self.text_width),
            "text_qformer_config.hidden_size": (self.text_qformer_config.hidden_size, self.text_width),
        }
        for name, (given, needed) in meet.items():
            if given != needed:
                raise ValueError(f"{name}={given}: the part that it meets is {needed} wide; give {needed} or nothing")


def _refuse_unknown(given: dict[str, Any]) -> None:
    unknown = sorted(key for key in given if key not in _GENERAL and not key.startswith("_"))
    unknown = [key for key in unknown if not hasattr(PreTrainedConfig, key)]
    if unknown:
        known = sorted(PandaStudentConfig.__annotations__)
        raise ValueError(f"PandaStudentConfig does not know {unknown}; its settings are {known}")


def built(given: Any, config: type[PreTrainedConfig], defaults: dict[str, Any] | None = None) -> PreTrainedConfig:
    """The settings of a part; from a dictionary, with ``defaults`` for what it leaves out."""
    return given if isinstance(given, PreTrainedConfig) else config(**{**(defaults or {}), **(given or {})})


def language_config(given: Any) -> PreTrainedConfig:
    """The settings of a causal language model; from a dictionary, by its ``model_type``, or a Llama's."""
    if isinstance(given, PreTrainedConfig):
        return given
    settings = dict(given or {})
    return AutoConfig.for_model(settings.pop("model_type", LlamaConfig.model_type), **settings)


def _start_token(language: Any) -> int:
    for name in ("bos_token_id", "eos_token_id"):
        found = getattr(language, name, None)
        if found is not None:
            return int(found[0] if isinstance(found, list) else found)
    return 0
