"""One tiny model of random weights for each class that the registry names, saved as a Hub repository would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from panda_hf.mini.teacher_models import word_tokenizer
from tests.captioning import tiny
from tests.models import video_llama_sizes

SPREAD = 0.3
"""Of random weights: wide enough that the words follow from the pixels."""


def tokenizer_with(*tokens: str, **more: Any) -> Any:
    tokenizer = word_tokenizer(start=True, **more)
    tokenizer.add_tokens(list(tokens), special_tokens=True)
    return tokenizer


def named_tokens(tokenizer: Any, **tokens: str) -> Any:
    """The tokenizer with special tokens that are its attributes, as processors ask for them (``video_token``)."""
    from transformers import PreTrainedTokenizerFast

    kept = {name: getattr(tokenizer, name) for name in ("pad_token", "bos_token", "eos_token", "unk_token")}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, padding_side="left", extra_special_tokens=tokens, **kept
    )


def special_ids(tokenizer: Any) -> dict[str, int]:
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def text_sizes(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """A decoder of two layers, whatever it is called."""
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "initializer_range": SPREAD,
        "tie_word_embeddings": False,
        **special_ids(tokenizer),
        **more,
    }


def vision_sizes(**more: Any) -> dict[str, Any]:
    """A vision tower of two layers, whatever it is called."""
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "initializer_range": SPREAD,
        **more,
    }


def template(image: str, video: str = "") -> str:
    """A chat template that puts a string in the place of each picture."""
    return (
        "{% for message in messages %}{% for part in message['content'] %}"
        f"{{% if part['type'] == 'image' %}}{image}{{% elif part['type'] == 'video' %}}{video}"
        "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
        "{% if add_generation_prompt %}\n{% endif %}"
    )


def save(model: Any, processor: Any, folder: Path) -> Path:
    return tiny.save((model, processor), folder)


def instructblip(folder: Path, *, video: bool = False, encoder: bool = False) -> Path:
    from transformers import (
        BlipImageProcessor,
        InstructBlipConfig,
        InstructBlipForConditionalGeneration,
        InstructBlipProcessor,
        InstructBlipVideoConfig,
        InstructBlipVideoForConditionalGeneration,
        InstructBlipVideoProcessor,
        InstructBlipVideoVideoProcessor,
        LlamaConfig,
        T5Config,
    )

    token = "<video>" if video else "<image>"
    words = word_tokenizer(start=not encoder, end=encoder)
    words.add_tokens([token], special_tokens=True)
    if encoder:
        sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 2}
        text: Any = T5Config(**sizes, **special_ids(words), decoder_start_token_id=words.pad_token_id)
    else:
        text = LlamaConfig(**text_sizes(words))
    config = (InstructBlipVideoConfig if video else InstructBlipConfig)(
        vision_config=vision_sizes(image_size=28, patch_size=14),
        qformer_config=vision_sizes(encoder_hidden_size=32, vocab_size=len(words), cross_attention_frequency=1),
        text_config=text.to_dict(),
        num_query_tokens=4,
        **{"video_token_index" if video else "image_token_index": words.convert_tokens_to_ids(token)},
    )
    square = {"height": 28, "width": 28}
    if video:
        model: Any = InstructBlipVideoForConditionalGeneration(config)
        processor: Any = InstructBlipVideoProcessor(
            InstructBlipVideoVideoProcessor(size=square), words, word_tokenizer(), num_query_tokens=4
        )
    else:
        model = InstructBlipForConditionalGeneration(config)
        processor = InstructBlipProcessor(BlipImageProcessor(size=square), words, word_tokenizer(), num_query_tokens=4)
    torch.nn.init.normal_(model.query_tokens)
    if encoder:
        model.language_model.shared.weight.data[[words.pad_token_id, words.eos_token_id]] = 0.0  # or it says nothing
    return save(model, processor, folder)


def florence2(folder: Path) -> Path:
    from transformers import (
        BartConfig,
        CLIPImageProcessor,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    tokenizer = named_tokens(word_tokenizer(start=True, end=True), image_token="<image>")
    tokenizer.add_tokens([f"<loc_{i}>" for i in range(1000)])
    text = BartConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        init_std=SPREAD,
        decoder_start_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
        **special_ids(tokenizer),
    )
    config = Florence2Config(
        text_config=text.to_dict(),
        vision_config={
            "depths": [1, 1],
            "patch_size": [7, 3],
            "patch_stride": [4, 2],
            "patch_padding": [3, 1],
            "patch_prenorm": [False, True],
            "embed_dim": [16, 32],
            "num_heads": [2, 2],
            "num_groups": [2, 2],
            "window_size": 4,
            "projection_dim": 32,
            "initializer_range": SPREAD,
        },
        image_token_id=tokenizer.image_token_id,
    )
    images = CLIPImageProcessor(size={"height": 32, "width": 32}, do_center_crop=False)
    images.image_seq_length = 17  # (32 / 8) squared, and one for the mean
    return save(Florence2ForConditionalGeneration(config), Florence2Processor(images, tokenizer), folder)


def git(folder: Path, *, frames: int | None = 6) -> Path:
    from transformers import CLIPImageProcessor, GitConfig, GitForCausalLM, GitProcessor

    tokenizer = word_tokenizer()
    tokenizer.add_special_tokens({"cls_token": "<s>", "sep_token": "</s>"})
    config = GitConfig(
        vision_config=vision_sizes(image_size=32, patch_size=16),
        num_image_with_embedding=frames,
        **vision_sizes(),
        **special_ids(tokenizer),
    )
    model = GitForCausalLM(config)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return save(model, GitProcessor(images, tokenizer), folder)


def internvl(folder: Path) -> Path:
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
        Qwen3Config,
    )

    tokens = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = named_tokens(word_tokenizer(start=True), **tokens)
    config = InternVLConfig(
        vision_config=vision_sizes(image_size=[28, 28], patch_size=[7, 7]),
        text_config=Qwen3Config(**text_sizes(tokenizer, head_dim=16)).to_dict(),
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    square = {"height": 28, "width": 28}
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size=square, crop_to_patches=False),
        tokenizer,
        InternVLVideoProcessor(size=square),
        image_seq_length=4,
        chat_template=template("<IMG_CONTEXT>\n", "<video>\n"),
    )
    return save(InternVLForConditionalGeneration(config), processor, folder)


QWEN_TOKENS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
QWEN_TEMPLATE = template("<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|><|video_pad|><|vision_end|>")


def qwen_ids(tokenizer: Any) -> dict[str, int]:
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return dict(zip(names, tokenizer.convert_tokens_to_ids(list(QWEN_TOKENS)), strict=True))


def qwen3_vl(folder: Path) -> Path:
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    tokenizer = tokenizer_with(*QWEN_TOKENS)
    config = Qwen3VLConfig(
        text_config=text_sizes(
            tokenizer,
            head_dim=16,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]},
        ),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 8,
            "out_hidden_size": 32,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0, 1],
            "initializer_range": SPREAD,
        },
        **qwen_ids(tokenizer),
    )
    sizes = {"patch_size": 8, "size": {"shortest_edge": 32 * 32, "longest_edge": 64 * 64}}
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(**sizes),
        tokenizer,
        Qwen3VLVideoProcessor(**{**sizes, "size": {"shortest_edge": 32 * 32, "longest_edge": 8 * 32 * 32}}),
        chat_template=QWEN_TEMPLATE,
    )
    return save(Qwen3VLForConditionalGeneration(config), processor, folder)


def qwen2_5_vl(folder: Path) -> Path:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = tokenizer_with(*QWEN_TOKENS)
    config = Qwen2_5_VLConfig(
        text_config=text_sizes(
            tokenizer, rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
        ),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 8,
            "out_hidden_size": 32,
            "window_size": 32,
            "fullatt_block_indexes": [1],
            "initializer_range": SPREAD,
        },
        **qwen_ids(tokenizer),
    )
    sizes = {"patch_size": 8, "size": {"shortest_edge": 32 * 32, "longest_edge": 32 * 32}}
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(**sizes), tokenizer, Qwen2VLVideoProcessor(**sizes), chat_template=QWEN_TEMPLATE
    )
    return save(Qwen2_5_VLForConditionalGeneration(config), processor, folder)


def video_llama_3(folder: Path) -> Path:
    from transformers import (
        Qwen2Config,
        VideoLlama3Config,
        VideoLlama3ForConditionalGeneration,
        VideoLlama3ImageProcessor,
        VideoLlama3Processor,
        VideoLlama3VideoProcessor,
    )

    tokenizer = tokenizer_with(*QWEN_TOKENS[:2])
    ids = qwen_ids(tokenizer)
    config = VideoLlama3Config(
        text_config=Qwen2Config(**text_sizes(tokenizer)).to_dict(),
        vision_config=vision_sizes(patch_size=8),
        image_token_id=ids["image_token_id"],
        video_token_id=ids["video_token_id"],
    )
    sizes = {"patch_size": 8, "size": {"shortest_edge": 32 * 32, "longest_edge": 32 * 32}}
    processor = VideoLlama3Processor(
        VideoLlama3ImageProcessor(**sizes),
        tokenizer,
        VideoLlama3VideoProcessor(**{**sizes, "size": {"shortest_edge": 32 * 32, "longest_edge": 8 * 32 * 32}}),
        chat_template=template("<|image_pad|>", "<|video_pad|>"),
    )
    return save(VideoLlama3ForConditionalGeneration(config), processor, folder)


def smolvlm(folder: Path) -> Path:
    from transformers import (
        LlamaConfig,
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    tokenizer = tokenizer_with("<video>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    config = SmolVLMConfig(
        text_config=LlamaConfig(**text_sizes(tokenizer)).to_dict(),
        vision_config=vision_sizes(image_size=32, patch_size=8),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    edge = {"longest_edge": 32}
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(size=edge, max_image_size=edge, do_image_splitting=False),
        tokenizer,
        SmolVLMVideoProcessor(size=edge, max_image_size=edge, video_sampling={"fps": 1, "max_frames": 8}),
        image_seq_len=4,
        chat_template=template("<image>", "<video>"),
    )
    return save(SmolVLMForConditionalGeneration(config), processor, folder)


def llava_next(folder: Path) -> Path:
    from transformers import (
        LlamaConfig,
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextImageProcessor,
        LlavaNextProcessor,
        SiglipVisionConfig,
    )

    tokenizer = word_tokenizer(start=True)
    pinpoints = [[32, 64], [64, 32]]
    config = LlavaNextConfig(
        text_config=LlamaConfig(**text_sizes(tokenizer)).to_dict(),
        vision_config=SiglipVisionConfig(**vision_sizes(image_size=32, patch_size=8), vision_use_head=False).to_dict(),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=pinpoints,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_seq_length=16,
    )
    square = {"height": 32, "width": 32}
    processor = LlavaNextProcessor(
        LlavaNextImageProcessor(size={"shortest_edge": 32}, crop_size=square, image_grid_pinpoints=pinpoints),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="full",
        chat_template=template("<image>\n"),
    )
    return save(LlavaNextForConditionalGeneration(config), processor, folder)


def videomae(folder: Path) -> Path:
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor

    config = VideoMAEConfig(
        **vision_sizes(image_size=32, patch_size=16),
        num_frames=4,
        id2label={0: "juggling balls", 1: "surfing water"},
        label2id={"juggling balls": 0, "surfing water": 1},
    )
    images = VideoMAEImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return save(VideoMAEForVideoClassification(config), images, folder)


def timesformer(folder: Path) -> Path:
    from transformers import TimesformerConfig, TimesformerForVideoClassification, VideoMAEImageProcessor

    config = TimesformerConfig(
        **vision_sizes(image_size=32, patch_size=16),
        num_frames=4,
        id2label={0: "juggling balls", 1: "surfing water"},
        label2id={"juggling balls": 0, "surfing water": 1},
    )
    images = VideoMAEImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return save(TimesformerForVideoClassification(config), images, folder)


def qwen3(folder: Path) -> Path:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = word_tokenizer(start=True)
    tokenizer.chat_template = "{{ bos_token }}{{ messages[0]['content'] }}\n"
    return save(Qwen3ForCausalLM(Qwen3Config(**text_sizes(tokenizer, head_dim=16))), tokenizer, folder)


def llama(folder: Path) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = word_tokenizer(start=True)
    return save(LlamaForCausalLM(LlamaConfig(**text_sizes(tokenizer))), tokenizer, folder)


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "Blip2ForConditionalGeneration": tiny.blip2_without_encoder,
    "LlavaForConditionalGeneration": tiny.llava,
    "LlavaOnevisionForConditionalGeneration": tiny.llava_onevision,
    "VideoLlamaForConditionalGeneration": video_llama_sizes.save,
    "InstructBlipForConditionalGeneration": instructblip,
    "InstructBlipVideoForConditionalGeneration": lambda folder: instructblip(folder, video=True, encoder=True),
    "Florence2ForConditionalGeneration": florence2,
    "GitForCausalLM": git,
    "InternVLForConditionalGeneration": internvl,
    "Qwen3VLForConditionalGeneration": qwen3_vl,
    "Qwen2_5_VLForConditionalGeneration": qwen2_5_vl,
    "VideoLlama3ForConditionalGeneration": video_llama_3,
    "SmolVLMForConditionalGeneration": smolvlm,
    "LlavaNextForConditionalGeneration": llava_next,
    "VideoMAEForVideoClassification": videomae,
    "TimesformerForVideoClassification": timesformer,
    "Qwen3ForCausalLM": qwen3,
    "LlamaForCausalLM": llama,
}
"""By the name of the class."""
