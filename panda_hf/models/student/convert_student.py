"""Put a student together: of an official checkpoint and its frozen parts, or fresh of any BLIP-2 and any causal LM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from panda_hf.models.student.configuration_student import TEXT_HEADS, PandaStudentConfig
from panda_hf.models.student.modeling_student import PandaStudentForConditionalGeneration
from panda_hf.models.student.processing_student import PandaStudentProcessor
from panda_hf.models.student.words_student import ASK
from panda_hf.models.video_llama.convert_video_llama import (
    blip2_eyes,
    convert_state_dict,
    language_model_of,
    official_tensors,
    our_name,
    qformer_sizes,
    refuse_other_tensors,
    video_sizes,
)

# official name -> ours, of the branch that reads; tried in order
_TEXT_NAMES = (
    (r"text_Qformer\.bert\.embeddings\.LayerNorm\.", "text_qformer.layernorm."),
    (r"text_Qformer\.bert\.(.*attention)\.self\.", r"text_qformer.\1.attention."),
    (r"text_Qformer\.bert\.", "text_qformer."),
    (r"text_prompt_position_embedding\.", "text_position_embedding."),
)


def convert_student_state(
    official: Mapping[str, Any], config: PandaStudentConfig, parts: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Rename the tensors of an official checkpoint and complete them.

    Args:
        official: its state dict, with or without the ``model`` level.
        config: the sizes to convert to.
        parts: tensors under our names, for what the official file leaves out; it wins over them where it does not.

    Returns:
        A state dict that :class:`PandaStudentForConditionalGeneration` loads strictly.

    Raises:
        CheckpointError: naming the tensors that are missing, of another shape, or left over.
    """
    nested = official.get("model", official)
    source: Mapping[str, Tensor] = nested if isinstance(nested, Mapping) else official
    renamed = {our_name(name, _TEXT_NAMES): tensor for name, tensor in source.items()}
    return convert_state_dict(renamed, config, parts, PandaStudentForConditionalGeneration)


def convert(
    official: Path, blip2: str, language_model: str, out: Path, *, heads: int = TEXT_HEADS, ask: str = ASK
) -> None:
    """Write a folder that ``from_pretrained``, ``Describe`` and ``panda-hf caption`` take.

    Args:
        official: ``checkpoint_best.pth``, which holds what was trained; optimizer states in it are left where they
            are.
        blip2: folder or Hub id of the BLIP-2 whose eyes were used: ``Salesforce/blip2-flan-t5-xxl``.
        language_model: folder or Hub id of the Vicuna that it was trained with.
        out: the folder to write.
        heads: of the text branch's Q-Former: its tensors do not tell.
        ask: what the student is asked where nothing is known of a video; it was always asked something.

    Raises:
        CheckpointError: see :func:`convert_student_state`.
    """
    from transformers import AutoConfig, AutoTokenizer

    trained = torch.load(official, map_location="cpu", weights_only=True, mmap=True)
    trained = trained.get("model", trained)
    eyes, words = AutoConfig.from_pretrained(blip2), language_model_of(language_model)
    tokenizer = AutoTokenizer.from_pretrained(language_model)
    sizes = video_sizes(trained, eyes.qformer_config)
    sizes["num_video_tokens"] = sizes.pop("num_video_query_tokens")
    config = _config(eyes, words, tokenizer, **sizes, **_text_sizes(trained, heads))
    parts = {**blip2_eyes(blip2), **_language(words)}
    _save(convert_student_state(trained, config, parts), config, words, tokenizer, out, without_text=ask)


def new(
    blip2: str,
    language_model: str,
    out: Path,
    *,
    seed: int = 0,
    num_video_tokens: int = 32,
    max_prompt_tokens: int = 200,
) -> None:
    """Write a student that knows nothing yet: eyes and words as they are, all between them at random.

    Args:
        blip2: folder or Hub id of any BLIP-2 with safetensors: its vision tower, Q-Former and queries.
        language_model: folder or Hub id of any causal language model with its tokenizer.
        out: the folder to write.
        seed: of the random weights.
        num_video_tokens: that a video takes before the language model, and its text as many.
        max_prompt_tokens: of a text.

    Raises:
        CheckpointError: when a part cannot be read.
        ValueError: when the language model has an encoder.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    eyes = AutoConfig.from_pretrained(blip2)
    words: Any = AutoModelForCausalLM.from_pretrained(language_model, dtype="auto", use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(language_model)
    sizes = {"num_video_tokens": num_video_tokens, "max_prompt_tokens": max_prompt_tokens}
    config = _config(eyes, words, tokenizer, **sizes)
    known = {**blip2_eyes(blip2), **_language(words)}
    torch.manual_seed(seed)
    _save({**_fresh(config, known), **known}, config, words, tokenizer, out)


def _config(eyes: Any, words: Any, tokenizer: Any, **sizes: Any) -> PandaStudentConfig:
    return PandaStudentConfig(
        vision_config=eyes.vision_config.to_dict(),
        qformer_config=eyes.qformer_config.to_dict(),
        text_config=words.config.to_dict(),
        num_query_tokens=eyes.num_query_tokens,
        start_token_id=tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id,
        **sizes,
    )


def _text_sizes(trained: Mapping[str, Tensor], heads: int) -> dict[str, Any]:
    """The sizes of the branch that reads, from its tensors."""
    (table,) = official_tensors(trained, ["text_prompt_position_embedding.weight"], "student")
    width = table.shape[1]
    qformer = qformer_sizes(
        trained, "text_Qformer", "student", heads=heads, hidden_size=width, encoder_hidden_size=width
    )
    return {"text_qformer_config": qformer, "max_prompt_tokens": table.shape[0]}


def _language(words: Any) -> dict[str, Tensor]:
    return {f"language_model.{name}": tensor for name, tensor in words.state_dict().items()}


def _fresh(config: PandaStudentConfig, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Random weights for all parts that ``known`` leaves out; the large parts take no memory."""
    with torch.device("meta"):
        model = PandaStudentForConditionalGeneration(config)
    wanted = {name.split(".")[0] for name in model.state_dict() if name not in known}
    found: dict[str, Tensor] = {}
    for part in sorted(wanted):
        if isinstance(getattr(model, part), nn.Parameter):  # the queries of the video
            shape = getattr(model, part).shape
            found[part] = torch.empty(shape).normal_(std=config.initializer_range)
            continue
        module: nn.Module = getattr(model, part).to_empty(device="cpu")
        module.apply(model._init_weights)
        found |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
    return found


def _save(
    state: Mapping[str, Tensor], config: PandaStudentConfig, words: Any, tokenizer: Any, out: Path, **wording: Any
) -> None:
    """Write the model, greedy whatever its language model was set to, and its processor."""
    from transformers import GenerationConfig

    with torch.device("meta"):
        model = PandaStudentForConditionalGeneration(config)
    refuse_other_tensors(
        state,
        model.state_dict(),
        "the parts do not make a student",
        "Are BLIP-2 and language model whole, and from safetensors?",
    )
    model.load_state_dict(state, strict=True, assign=True)
    special = ("bos_token_id", "eos_token_id", "pad_token_id")
    model.generation_config = GenerationConfig(
        do_sample=False,
        **{name: getattr(words.generation_config, name, None) or getattr(tokenizer, name) for name in special},
    )
    model.save_pretrained(out)
    sizes = {
        "image_size": config.vision_config.image_size,
        "num_frames": min(8, config.max_frames),
        "max_prompt_tokens": config.max_prompt_tokens,
    }
    PandaStudentProcessor(tokenizer, **sizes, **wording).save_pretrained(out)
