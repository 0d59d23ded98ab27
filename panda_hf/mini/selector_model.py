"""The selector of the miniature before training: a small UMT model and its processor."""

from __future__ import annotations

import string

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from panda_hf.errors import CheckpointError
from panda_hf.mini.wording import VOCABULARY
from panda_hf.models.umt import UMTConfig, UMTForVideoTextRetrieval, UMTProcessor
from panda_hf.selection.scorer import load_scorer

SPECIAL = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
FRAMES, IMAGE_SIZE, PATCH_SIZE, MAX_WORDS = 8, 112, 14, 40
SHIPPED = "mini/selector"
"""Whose vision tower can be taken over."""
SPREAD = 0.06
"""Standard deviation of the vision tower's random weights; with the usual 0.02 one this narrow learns far slower."""


def selector_tokenizer() -> PreTrainedTokenizerFast:
    """BERT's tokenizer with the words of the film world; other words are spelled in letters."""
    letters = [*string.ascii_lowercase, *string.digits]
    pieces = [*SPECIAL.values(), *VOCABULARY, *letters, *(f"##{letter}" for letter in letters)]
    ids = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    core = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=30))
    core.normalizer = normalizers.BertNormalizer()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=MAX_WORDS, **SPECIAL)


def selector(seed: int = 0) -> tuple[UMTForVideoTextRetrieval, UMTProcessor]:
    """A model with random weights, and its processor."""
    tokenizer = selector_tokenizer()
    vision = {"image_size": IMAGE_SIZE, "patch_size": PATCH_SIZE, "num_frames": FRAMES, **_sizes(128, 384, layers=3)}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": MAX_WORDS, **_sizes(128, 512, layers=2)}
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = UMTConfig(
        vision_config={**vision, "initializer_range": SPREAD},
        text_config={**text, **dropout, "pad_token_id": tokenizer.pad_token_id},
        projection_dim=128,
        fusion_layers=1,
    )
    torch.manual_seed(seed)
    processor = UMTProcessor(tokenizer, image_size=IMAGE_SIZE, num_frames=FRAMES, max_length=MAX_WORDS)
    return UMTForVideoTextRetrieval(config), processor


def take_tower(model: UMTForVideoTextRetrieval) -> None:
    """Give a model the vision tower of the shipped selector; the rest keeps its weights.

    Raises:
        CheckpointError: when the shipped selector is missing, or its tower of another shape.
    """
    try:
        shipped = load_scorer(SHIPPED, None, None, None, sanity=False).model.vision_model
        model.umt.vision_model.load_state_dict(shipped.state_dict())
    except (CheckpointError, RuntimeError) as error:
        raise CheckpointError(
            f"the vision tower of {SHIPPED!r} cannot be taken over: {error}. Let one learn anew: --from-scratch"
        ) from error


def _sizes(width: int, inner: int, *, layers: int) -> dict[str, int]:
    return {"hidden_size": width, "intermediate_size": inner, "num_attention_heads": 4, "num_hidden_layers": layers}
