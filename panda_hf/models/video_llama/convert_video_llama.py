"""Read an official Video-LLaMA checkpoint and its frozen parts into one :class:`VideoLlamaForConditionalGeneration`.

The official file holds what was trained; the vision tower and the first Q-Former are BLIP-2's, the words Vicuna's.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from panda_hf.errors import CheckpointError
from panda_hf.models.video_llama.configuration_video_llama import VideoLlamaConfig
from panda_hf.models.video_llama.modeling_video_llama import VideoLlamaForConditionalGeneration

# official name -> ours; tried in order
_NAMES = (
    (r"visual_encoder\.cls_token$", "vision_model.embeddings.class_embedding"),
    (r"visual_encoder\.pos_embed$", "vision_model.embeddings.position_embedding"),
    (r"visual_encoder\.patch_embed\.proj\.", "vision_model.embeddings.patch_embedding."),
    (r"visual_encoder\.blocks\.(\d+)\.attn\.qkv\.", r"vision_model.encoder.layers.\1.self_attn.qkv."),
    (r"visual_encoder\.blocks\.(\d+)\.attn\.proj\.", r"vision_model.encoder.layers.\1.self_attn.projection."),
    (r"visual_encoder\.blocks\.(\d+)\.norm([12])\.", r"vision_model.encoder.layers.\1.layer_norm\2."),
    (r"visual_encoder\.blocks\.(\d+)\.mlp\.fc([12])\.", r"vision_model.encoder.layers.\1.mlp.fc\2."),
    (r"ln_vision\.", "vision_model.post_layernorm."),
    (r"Qformer\.bert\.embeddings\.LayerNorm\.", "qformer.layernorm."),
    (r"video_Qformer\.bert\.embeddings\.LayerNorm\.", "video_qformer.layernorm."),
    (r"Qformer\.bert\.(.*attention)\.self\.", r"qformer.\1.attention."),
    (r"video_Qformer\.bert\.(.*attention)\.self\.", r"video_qformer.\1.attention."),
    (r"Qformer\.bert\.", "qformer."),
    (r"video_Qformer\.bert\.", "video_qformer."),
    (r"(query_tokens|video_query_tokens)$", r"\1"),
    (r"video_frame_position_embedding\.", "frame_position_embedding."),
    (r"llama_proj\.", "projection."),
    (r"llama_model\.", "language_model."),
)
_HALF_BIAS = re.compile(r"visual_encoder\.blocks\.(\d+)\.attn\.([qv])_bias")
_TABLES = (".position_ids", ".inv_freq")


def convert_state_dict(
    official: Mapping[str, Any],
    config: Any,
    parts: Mapping[str, Tensor] | None = None,
    model_class: Any = VideoLlamaForConditionalGeneration,
) -> dict[str, Tensor]:
    """Rename the tensors of an official checkpoint and complete them.

    Args:
        official: its state dict, with or without the ``model`` level.
        config: the sizes to convert to.
        parts: tensors under our names, for what the official file leaves out; it wins over them where it does not.
        model_class: whose tensors are needed; the student has the same branch that sees.

    Returns:
        A state dict that the model loads strictly.

    Raises:
        CheckpointError: naming the tensors that are missing, of another shape, or left over.
    """
    nested = official.get("model", official)
    source: Mapping[str, Tensor] = nested if isinstance(nested, Mapping) else official
    converted = {**(parts or {}), **dict(_renamed(source))}
    with torch.device("meta"):
        needed = model_class(config).state_dict()
    refuse_other_tensors(
        converted,
        needed,
        f"the checkpoint does not make this {config.model_type} of {len(needed)} tensors",
        "Check the sizes in the configuration, and that BLIP-2 and language model are the right ones.",
    )
    return {name: converted[name] for name in needed}


def refuse_other_tensors(state: Mapping[str, Tensor], needed: Mapping[str, Tensor], what: str, advice: str) -> None:
    """Refuse tensors that are not those of a model.

    Args:
        state: tensors by name.
        needed: those of the model.
        what: begins the message, before the names.
        advice: ends it.

    Raises:
        CheckpointError: naming the tensors that are missing, of another shape, or left over.
    """
    reshaped = [
        f"{name} {tuple(state[name].shape)} for {tuple(tensor.shape)}"
        for name, tensor in needed.items()
        if name in state and state[name].shape != tensor.shape
    ]
    problems = {
        "missing": [f"{name} {tuple(tensor.shape)}" for name, tensor in needed.items() if name not in state],
        "left over": sorted(set(state) - set(needed)),
        "of another shape": reshaped,
    }
    found = [f"{len(names)} {kind}: {names[:6]}" for kind, names in problems.items() if names]
    if found:
        raise CheckpointError(f"{what}: {'; '.join(found)}. {advice}")


def _renamed(source: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    biases: dict[str, dict[str, Tensor]] = {}
    for name, tensor in source.items():
        if name.endswith(_TABLES):
            continue
        if half := _HALF_BIAS.fullmatch(name):
            biases.setdefault(half[1], {})[half[2]] = tensor
        else:
            yield our_name(name, _NAMES), tensor
    for layer, halves in biases.items():
        if set(halves) == {"q", "v"}:  # the key has no bias; otherwise the whole bias is reported as missing
            whole = torch.cat([halves["q"], torch.zeros_like(halves["q"]), halves["v"]])
            yield f"vision_model.encoder.layers.{layer}.self_attn.qkv.bias", whole


def our_name(name: str, names: Sequence[tuple[str, str]]) -> str:
    """A tensor's name by the first of the pairs of pattern and replacement that fits its beginning."""
    for pattern, replacement in names:
        if match := re.match(pattern, name):
            return match.expand(replacement) + name[match.end() :]
    return name


def convert(official: Path, blip2: str, language_model: str, out: Path) -> None:
    """Write a folder that ``from_pretrained`` and the teachers take.

    Args:
        official: a file such as ``pretrain_vicuna7b-v2.pth``.
        blip2: folder or Hub id of the BLIP-2 whose eyes were used, such as ``Salesforce/blip2-flan-t5-xxl``.
        language_model: folder or Hub id of the Vicuna that it was trained with, in one file or several.
        out: the folder to write.

    Raises:
        CheckpointError: see :func:`convert_state_dict` and :func:`language_model_of`.
    """
    from transformers import AutoConfig, AutoTokenizer

    from panda_hf.models.video_llama.processing_video_llama import PLACE, VideoLlamaProcessor

    trained = torch.load(official, map_location="cpu", weights_only=True, mmap=True)
    eyes = AutoConfig.from_pretrained(blip2)
    sizes = video_sizes(trained.get("model", trained), eyes.qformer_config)
    tokenizer = AutoTokenizer.from_pretrained(language_model)
    tokenizer.add_tokens([PLACE], special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    words = language_model_of(language_model)
    config = VideoLlamaConfig(
        vision_config=eyes.vision_config.to_dict(),
        qformer_config=eyes.qformer_config.to_dict(),
        text_config=words.config.to_dict(),
        num_query_tokens=eyes.num_query_tokens,
        video_token_id=tokenizer.get_added_vocab()[PLACE],
        **sizes,
    )
    parts = {**blip2_eyes(blip2), **{f"language_model.{name}": value for name, value in words.state_dict().items()}}
    state = convert_state_dict(trained, config, parts)
    with torch.device("meta"):
        model = VideoLlamaForConditionalGeneration(config)
    model.generation_config = words.generation_config
    model.load_state_dict(state, strict=True, assign=True)
    model.save_pretrained(out)
    VideoLlamaProcessor(
        tokenizer, image_size=config.vision_config.image_size, num_video_tokens=config.num_video_query_tokens
    ).save_pretrained(out)


def video_sizes(trained: Mapping[str, Tensor], frame: Any) -> dict[str, Any]:
    """The sizes of the second Q-Former, read from its tensors; heads as the first has them."""
    names = ("video_query_tokens", "video_frame_position_embedding.weight")
    queries, table = official_tensors(trained, names, "vision branch")
    qformer = qformer_sizes(
        trained, "video_Qformer", "vision branch", heads=frame.num_attention_heads, hidden_size=queries.shape[2],
        encoder_hidden_size=frame.hidden_size,
    )  # fmt: skip
    return {
        "video_qformer_config": qformer,
        "num_video_query_tokens": queries.shape[1],
        "max_frames": table.shape[0],
    }


def qformer_sizes(
    trained: Mapping[str, Tensor], name: str, what: str, *, heads: int, hidden_size: int, encoder_hidden_size: int
) -> dict[str, int]:
    """The sizes of a Q-Former, its layers and inner width read from the official tensors.

    Args:
        trained: of the official file.
        name: of the Q-Former in it, such as ``video_Qformer``.
        what: the file is not, when it has no such tensors.
        heads, hidden_size, encoder_hidden_size: which these tensors do not tell.

    Raises:
        CheckpointError: see :func:`official_tensors`.
    """
    layer = f"{name}.bert.encoder.layer."
    (inner,) = official_tensors(trained, [f"{layer}0.intermediate_query.dense.weight"], what)
    return {
        "num_hidden_layers": len({int(one.split(".")[4]) for one in trained if one.startswith(layer)}),
        "hidden_size": hidden_size,
        "intermediate_size": inner.shape[0],
        "num_attention_heads": heads,
        "cross_attention_frequency": 1,
        "encoder_hidden_size": encoder_hidden_size,
    }


def official_tensors(trained: Mapping[str, Tensor], names: Sequence[str], what: str) -> list[Tensor]:
    """Some tensors of an official file.

    Raises:
        CheckpointError: when it lacks one, and so is not ``what`` it should be.
    """
    for name in names:
        if name not in trained:
            raise CheckpointError(f"the official file has no {name!r}: it is no {what}")
    return [trained[name] for name in names]


def language_model_of(checkpoint: str) -> Any:
    """A causal language model in float16, from safetensors where there are any.

    Vicunas of that age are often published as ``pytorch_model-*.bin``: of these nothing but tensors is read.

    Raises:
        CheckpointError: when there is neither, weights are missing, or a file holds more than tensors.
    """
    from transformers import AutoModelForCausalLM

    def load(use_safetensors: bool) -> tuple[Any, Any]:
        pair: Any = AutoModelForCausalLM.from_pretrained(
            checkpoint,
            dtype=torch.float16,
            use_safetensors=use_safetensors,
            weights_only=True,
            output_loading_info=True,
        )
        return pair

    try:
        try:
            model, info = load(use_safetensors=True)
        except OSError:  # there are none
            model, info = load(use_safetensors=False)
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'nothing said'}"
        raise CheckpointError(f"the language model {checkpoint!r} cannot be read as tensors: {said}") from error
    if missing := sorted(info["missing_keys"]):
        raise CheckpointError(f"the language model {checkpoint!r} lacks {len(missing)} tensors: {missing[:6]}")
    return model


def blip2_eyes(checkpoint: str) -> dict[str, Tensor]:
    """The vision tower, Q-Former and queries of a BLIP-2 folder or Hub repository; only their files are fetched."""
    from safetensors import safe_open
    from transformers.utils import cached_file

    def get(name: str) -> Any:
        return cached_file(checkpoint, name, _raise_exceptions_for_missing_entries=False)

    ours = ("vision_model.", "qformer.", "query_tokens")
    index = get("model.safetensors.index.json")
    if index is not None:
        import json

        where = json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"]
        files = {file for name, file in where.items() if name.startswith(ours)}
    else:
        files = {"model.safetensors"}
    found: dict[str, Tensor] = {}
    for file in sorted(files):
        path = get(file)
        if path is None:
            raise CheckpointError(f"{checkpoint!r} has no {file}; a BLIP-2 with safetensors is needed")
        with safe_open(path, framework="pt") as tensors:
            found |= {name: tensors.get_tensor(name) for name in tensors.keys() if name.startswith(ours)}
    return found
