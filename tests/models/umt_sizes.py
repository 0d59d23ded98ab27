"""Tiny UMT models and processors for the tests."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing
from transformers import PreTrainedTokenizerFast

from panda_hf.models.umt import UMTConfig, UMTModel, UMTProcessor

WORDS = ["a", "red", "blue", "green", "ball", "square", "rolls", "to", "the", "left", "right", "spins", "##s", "box"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tiny_config(**changes) -> UMTConfig:
    vision = dict(image_size=16, patch_size=8, num_frames=2, hidden_size=12, num_hidden_layers=2)
    vision |= dict(num_attention_heads=2, intermediate_size=24)
    text = dict(vocab_size=len(SPECIAL + WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    text |= dict(intermediate_size=16, max_position_embeddings=16)
    return UMTConfig(vision_config=vision, text_config=text, projection_dim=6, **changes)


def tiny_model(seed: int = 0) -> UMTModel:
    torch.manual_seed(seed)
    model = UMTModel(tiny_config(initializer_range=0.5)).eval()
    with torch.no_grad():  # the usual 0.02 makes all outputs of so small a model alike
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.4)
    return model


def tiny_processor(num_frames: int = 2) -> UMTProcessor:
    vocabulary = {word: i for i, word in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    return UMTProcessor(fast, image_size=16, num_frames=num_frames, max_length=12)
