"""The miniature's teachers that learn to see, before training: small configurations of the real classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessor,
    CLIPImageProcessor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    OPTConfig,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
    T5Config,
)

from panda_hf.captioning import prompts
from panda_hf.mini.wording import VOCABULARY

PAD, START, END, UNKNOWN, IMAGE = "<pad>", "<s>", "</s>", "<unk>", "<image>"
MEAN = STD = [0.5, 0.5, 0.5]
IMAGE_SIZE, VIDEO_SIZE = 112, 72
"""Pixels on a side of the one frame of the image and text teachers, and of each of the video teacher's eight."""
SPREAD = 0.06
"""Standard deviation of fresh weights: about 1/sqrt(width), so that a narrow model starts with healthy signals."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}\n{% endif %}"
)

Pair = tuple[Any, Any]


def word_tokenizer(
    words: tuple[str, ...] = (), *, start: bool = False, end: bool = False, times: bool = False
) -> PreTrainedTokenizerFast:
    """A lower-casing tokenizer with one token per word of the world's language; other words are ``<unk>``.

    Args:
        words: more words than captions use, such as those of titles and subtitles.
        start: put ``<s>`` before every text.
        end: put ``</s>`` behind every text.
        times: a number such as ``1.5,`` is one token, unknown like any other, instead of four.
    """
    prompt = " ".join([prompts.ANNOUNCE, prompts.SPOKEN, prompts.DESCRIBED, prompts.ASK]).lower()
    pieces = r"[a-z0-9]+|[^\sa-z0-9]"
    pieces = rf"\d+\.\d+,?|{pieces}" if times else pieces
    split = pre_tokenizers.Split(Regex(pieces), behavior="removed", invert=True)
    found = [piece for piece, _ in split.pre_tokenize_str(prompt)]
    vocabulary = [PAD, START, END, UNKNOWN, IMAGE, *sorted({*VOCABULARY, *words, *found})]
    ids = {word: i for i, word in enumerate(vocabulary)}
    core = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = split
    core.post_processor = processors.TemplateProcessing(
        single=f"{START + ' ' if start else ''}$A{' ' + END if end else ''}",
        special_tokens=[(START, ids[START]), (END, ids[END])],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.add_tokens([AddedToken(IMAGE, normalized=False, special=True)], special_tokens=True)
    return tokenizer


def image_teacher(layers: int = 2) -> Pair:
    """BLIP-2 with an OPT decoder of some ``layers``: one frame of 112 pixels, no text."""
    tokenizer = word_tokenizer(start=True)
    text = OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        word_embed_proj_dim=160,
        num_hidden_layers=layers,
        num_attention_heads=4,
        ffn_dim=512,
        max_position_embeddings=128,
        dropout=0.0,
        init_std=SPREAD,
        **special_ids(tokenizer),
    )
    return _blip2(tokenizer, text)


def text_teacher(words: tuple[str, ...] = ()) -> Pair:
    """BLIP-2 with a T5 encoder and decoder: one frame, and a prompt with title, description and subtitle.

    Its eyes (vision tower and Q-Former) have the shape of the image teacher's, to start from them.
    """
    tokenizer = word_tokenizer(words, end=True)
    text = T5Config(
        vocab_size=len(tokenizer),
        d_model=128,
        d_kv=32,
        d_ff=384,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        **{**special_ids(tokenizer), "decoder_start_token_id": tokenizer.pad_token_id},
    )
    return _blip2(tokenizer, text)


def video_teacher() -> Pair:
    """LLaVA: eight frames of 72 pixels as a series of images, each sixteen patches, before a small Llama."""
    tokenizer = word_tokenizer(start=True)
    patch = 18
    vision = SiglipVisionConfig(
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=VIDEO_SIZE,
        patch_size=patch,
        vision_use_head=False,
    )
    text = small_llama(tokenizer)
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=image_id(tokenizer),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=(VIDEO_SIZE // patch) ** 2,
        tie_word_embeddings=True,
    )
    square = {"height": VIDEO_SIZE, "width": VIDEO_SIZE}
    images = CLIPImageProcessor(size=square, do_center_crop=False, image_mean=MEAN, image_std=STD)
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=patch,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
    )
    model = LlavaForConditionalGeneration(config)
    nn.init.normal_(model.model.language_model.embed_tokens.weight, std=0.2)
    _spread_positions(model)
    return model, processor


def small_llama(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """The settings of the small Llama that several teachers write with, the sizes of the video teacher's."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        initializer_range=SPREAD,
        tie_word_embeddings=True,
        **special_ids(tokenizer),
    )


def _blip2(
    tokenizer: PreTrainedTokenizerFast,
    text: Any,
    *,
    size: int = IMAGE_SIZE,
    patch: int = 14,
    width: int = 160,
    layers: int = 4,
    queries: int = 12,
) -> Pair:
    config = Blip2Config(
        vision_config={
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "image_size": size,
            "patch_size": patch,
            "initializer_range": SPREAD,
        },
        qformer_config={
            "vocab_size": 1,  # the query branch has no words of its own
            "hidden_size": width,
            "encoder_hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "cross_attention_frequency": 1,
            "initializer_range": SPREAD,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        text_config=text.to_dict(),
        num_query_tokens=queries,
        initializer_range=SPREAD,
        image_token_index=image_id(tokenizer),
    )
    model = Blip2ForConditionalGeneration(config)
    nn.init.normal_(model.query_tokens, std=1.0)  # the class starts them all at zero, where they can never part
    _spread_positions(model)
    images = BlipImageProcessor(size={"height": size, "width": size}, image_mean=MEAN, image_std=STD)
    return model, Blip2Processor(images, tokenizer, num_query_tokens=queries)


def take_eyes(model: Any, checkpoint: Path) -> None:
    """Copy vision tower, query tokens and Q-Former of a BLIP-2 checkpoint into ``model``."""
    other = Blip2ForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    model.vision_model.load_state_dict(other.vision_model.state_dict())
    model.qformer.load_state_dict(other.qformer.state_dict())
    model.query_tokens.data.copy_(other.query_tokens.data)


def grow(model: Any, checkpoint: Path) -> None:
    """Start as a BLIP-2 whose decoder has fewer layers; those behind its last change nothing until they learn."""
    other = Blip2ForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32)
    new, unknown = model.load_state_dict(other.state_dict(), strict=False)
    if unknown:
        raise ValueError(f"{checkpoint} has weights that the larger model lacks: {unknown[:3]}")
    weights = dict(model.named_parameters())
    for name in new:
        if name.endswith(("out_proj.weight", "fc2.weight")):  # the ends of both residual branches
            nn.init.zeros_(weights[name])


def _spread_positions(model: nn.Module) -> None:
    """Start the positions of patches as strong as their content: motion and relations are learned much sooner."""
    for name, weight in model.named_parameters():
        if "position_embedding" in name and ("vision_model" in name or "vision_tower" in name):
            nn.init.normal_(weight, std=0.5)


def image_id(tokenizer: PreTrainedTokenizerFast) -> int:
    """The token in whose places a model gets an image."""
    return int(tokenizer.vocab[IMAGE])


def special_ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """The numbers of padding, start and end for the settings of a language model."""
    return {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def parameters(model: torch.nn.Module) -> int:
    """How many numbers a model has."""
    return sum(p.numel() for p in model.parameters())
